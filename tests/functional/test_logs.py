"""Logs of running pods: bounded without a lost line (S33), linked for log shippers, gone with their containers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.config.upkeep import LogSettings, UpkeepSettings
from podstead.logs import rotation
from podstead.logs.reader import LogQuery, read_log
from podstead.upkeep import logs
from tests.functional.manifests import manifest
from tests.functional.node import SimulatedNode
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import Moment
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from tests.simulators.cri_runtime import SimulatedRuntime
    from tests.simulators.cri_world import SimulatedContainer

MAX_BYTES = 2000
LOOK_SECONDS = 0.05


class DiedError(BaseException):
    """The agent is gone at this call."""


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime) -> AsyncIterator[SimulatedNode]:
    """A node whose logs are small and looked at often."""
    made = SimulatedNode(root, runtime)
    upkeep = UpkeepSettings(logs=LogSettings(max_bytes=MAX_BYTES, look_seconds=LOOK_SECONDS))
    made.settings = replace(made.settings, upkeep=upkeep)
    await made.start()
    yield made
    if made.present:
        await made.stop()


def log_of(container: SimulatedContainer) -> Path:
    return Path(container.log_path)


async def content(log: Path) -> list[str]:
    return b"".join([piece async for piece in read_log(log, LogQuery())]).decode().splitlines()


def say(node: SimulatedNode, container: SimulatedContainer, first: int, last: int) -> list[str]:
    for number in range(first, last):
        node.runtime.write_log(container.id, f"line {number}")
    return [f"line {number}" for number in range(first, last)]


def links(node: SimulatedNode) -> dict[str, str]:
    directory = node.settings.paths.log_links
    return {p.name: str(p.readlink()) for p in directory.iterdir()} if directory.is_dir() else {}


async def rotated(node: SimulatedNode, log: Path, size: int) -> None:
    await node.until("the log is rotated", lambda: (found := rotation.size_of(log)) is not None and found < size)


@pytest.mark.conformance("S33")
async def test_a_large_log_is_rotated_and_no_line_is_lost(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    log, said = log_of(web), list[str]()
    for number in range(4):
        said += say(node, web, 100 * number, 100 * number + 100)
        await rotated(node, log, MAX_BYTES)
    assert await content(log) == said
    names = sorted(p.name for p in log.parent.iterdir())
    assert names[0] == "0.log"
    assert len([n for n in names if n.endswith(".gz")]) == 3
    for number in range(4, 9):
        said += say(node, web, 100 * number, 100 * number + 100)
        await rotated(node, log, MAX_BYTES)
    assert len(list(log.parent.iterdir())) == 5
    assert await content(log) == said[-400:]
    assert node.runtime.calls.count("ReopenContainerLog") == 9


async def test_a_runtime_that_does_not_reopen_gets_its_file_back(
    node: SimulatedNode, caplog: pytest.LogCaptureFixture
) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    node.runtime.faults.add(Fault.REFUSED, method="ReopenContainerLog", times=3, message="no")
    node.runtime.faults.add(Fault.REPLY_LOST, method="ReopenContainerLog", times=1)
    with caplog.at_level(logging.WARNING, logger=logs.__name__):
        said = say(node, web, 0, 100)
        await node.until("refused", lambda: node.runtime.calls.count("ReopenContainerLog") >= 4)
        await rotated(node, log_of(web), MAX_BYTES)
    said += say(node, web, 100, 110)
    assert await content(log_of(web)) == said
    refusals = [r for r in caplog.records if "cannot rotate the log of container web" in r.message]
    assert 1 <= len(refusals) <= 2  # each thing is said once


@pytest.mark.parametrize("moment", list(Moment))
async def test_an_agent_that_dies_in_a_rotation_leaves_it_to_the_next(node: SimulatedNode, moment: Moment) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")

    def die(when: Moment, method: str, _: Message) -> None:
        if when is moment and method == "ReopenContainerLog":
            raise DiedError

    node.runtime.hook = die
    said = say(node, web, 0, 100)
    await node.ended(5)
    await node.crash()
    node.runtime.hook = None
    said += say(node, web, 100, 110)
    assert await content(log_of(web)) == said
    await node.start()
    await node.until("the log is there", log_of(web).exists)
    said += say(node, web, 110, 120)
    assert await content(log_of(web)) == said
    assert len(list(log_of(web).parent.iterdir())) == 2


async def test_a_log_that_somebody_removed_is_made_again(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    log_of(web).unlink()
    await node.until("the log is there", log_of(web).exists)
    said = say(node, web, 0, 3)
    assert await content(log_of(web)) == said


async def test_what_an_ended_container_left_is_cut(node: SimulatedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ENDED_SECONDS", 0.1)
    node.runtime.programs["job"] = Program(exit_after_seconds=0.3)
    node.write("job.yaml", manifest("job", restartPolicy="Never"))
    job = await node.running_pod("job")
    node.runtime.faults.add(Fault.REFUSED, method="ReopenContainerLog", times=100, message="no")
    said = say(node, job, 0, 500)
    await node.until("it has ended", lambda: node.phase("job") == "Succeeded")
    await rotated(node, log_of(job), MAX_BYTES + 1)
    left = await content(log_of(job))
    assert left == said[-len(left) :]
    assert len(left) > 20


async def test_links_come_and_go_with_containers(node: SimulatedNode) -> None:
    node.runtime.programs["job"] = Program(exit_after_seconds=0.1)
    node.write("web.yaml", manifest("web"))
    node.write("job.yaml", manifest("job", restartPolicy="Never"))
    web = await node.running_pod("web")
    await node.until("both are linked", lambda: len(links(node)) == 2)
    name = f"web-node1_default_web-{web.id}.log"
    assert links(node)[name] == web.log_path
    node.remove("web.yaml")
    await node.gone("web")
    await node.until("one is left", lambda: len(links(node)) == 1)
    assert next(iter(links(node))).startswith("job-node1_default_job-")
    assert [p.name.split("_")[1] for p in node.settings.paths.pod_logs.iterdir()] == ["job-node1"]


async def test_links_are_put_right_after_a_crash(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    await node.until("it is linked", lambda: len(links(node)) == 1)
    await node.crash()
    directory = node.settings.paths.log_links
    (kept,) = directory.iterdir()
    dangling = directory / kept.name.replace(web.id, "0" * 64)
    dangling.symlink_to(web.log_path.replace("0.log", "7.log"))
    stranger = directory / "stranger.log"
    stranger.symlink_to("/nowhere")
    kept.unlink()
    await node.start()
    await node.until("ours are right", lambda: kept.is_symlink() and not dangling.is_symlink())
    assert stranger.is_symlink()


async def test_logs_of_forgotten_attempts_go(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    ended: set[str] = set()
    for _ in range(5):
        await node.until("it runs", lambda: [c for c in node.alive("web") if c.id not in ended])
        (running,) = node.alive("web")
        session = node.session("web")
        memory = session.history.of("web")
        session.history = replace(session.history, containers={"web": replace(memory, backoff_level=0)})
        ended.add(running.id)
        node.runtime.exit_container(running.id, 1)
    await node.until("it runs", lambda: [c for c in node.alive("web") if c.id not in ended])
    (last,) = node.alive("web")
    kept = {"4.log", "5.log"}
    await node.until("two are left", lambda: {p.name for p in log_of(last).parent.iterdir()} == kept)
    await node.until("two are linked", lambda: {t[-5:] for t in links(node).values()} == kept)


async def test_a_renamed_containers_link_goes_with_it(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", container={"name": "other"}))
    await node.until("renamed", lambda: [c for c in node.alive("web") if c.config.metadata.name == "other"])
    (second,) = node.alive("web")
    await node.until("only the new one is linked", lambda: list(links(node).values()) == [second.log_path])
    assert log_of(first).parent.is_dir(), "a rollback would give it its name back"


async def test_following_goes_on_over_rotations(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    got = b""

    async def follow() -> None:
        nonlocal got
        async for piece in read_log(log_of(web), LogQuery(follow=True), ended=lambda: False):
            got += piece

    reader = asyncio.create_task(follow())
    said: list[str] = []
    for number in range(3):
        said += say(node, web, 100 * number, 100 * number + 100)
        await rotated(node, log_of(web), MAX_BYTES)
    await node.until("all was read", lambda: len(got.splitlines()) == len(said))
    reader.cancel()
    assert got.decode().splitlines() == said
