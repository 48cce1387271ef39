"""What is done to pods stands in the audit log, with its cause; and whatever becomes of the log, pods run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.audit.reader import examine_log, last_checkpoint, read_log
from podstead.audit.records import Record
from podstead.config.runtime import RestartSettings
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_world import Program
from tests.support.canary import CANARY, leaks

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

SOON = RestartSettings(initial_seconds=0.05, max_seconds=0.1, reset_seconds=600.0)


def told(node: SimulatedNode, act: str, about: str = "") -> list[Record]:
    found = [one for one in read_log(node.settings.paths.audit) if isinstance(one, Record)]
    return [one for one in found if one.act == act and about in one.subject]


async def until_told(node: SimulatedNode, act: str, about: str = "", count: int = 1) -> list[Record]:
    await node.until(f"{act} {about} is told", lambda: len(told(node, act, about)) >= count)
    return told(node, act, about)


async def test_an_edit_and_a_removal(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    first, again = await until_told(node, "Start", "web", 2)
    assert (first.facts["cause"], first.facts["image"]) == ("for the first time", IMAGE)
    assert (again.facts["cause"], again.facts["image"]) == (
        "its content has changed, or root asked for it",
        OTHER_IMAGE,
    )
    assert first.facts["revision"] != again.facts["revision"]
    (stop,) = told(node, "Stop", "web")
    assert (stop.reason, stop.facts["attempt"]) == ("Killing", 0)
    node.remove("web.yaml")
    await node.gone("web")
    (removed,) = await until_told(node, "Remove", "web")
    assert "web.yaml" in removed.message
    assert told(node, "Exit") == []  # the agent ended both


async def test_a_content_is_admitted_once_and_an_older_one_that_comes_back_again(node: SimulatedNode) -> None:
    for image in (IMAGE, OTHER_IMAGE, IMAGE):
        node.write("web.yaml", manifest("web", image=image))
        wanted = node.runtime.images.find(image)
        assert wanted is not None
        await node.until("it runs", lambda w=wanted: [c.image_ref for c in node.alive("web")] == [w.id])  # type: ignore[misc]
    admitted = await until_told(node, "Admit", "web.yaml", 3)
    digests = [one.facts["digest"] for one in admitted]
    assert digests[0] == digests[2] != digests[1]
    await node.stop()
    await node.start()
    await node.running_pod("web")
    node.write("bad.yaml", "kind: Pod\n")
    await until_told(node, "Refuse", "bad.yaml")
    assert len(told(node, "Admit")) == 3


async def test_a_crash_tells_its_exit_code(node: SimulatedNode) -> None:
    await node.stop()
    node.settings = replace(node.settings, restart=SOON)
    await node.start()
    node.runtime.programs["web"] = Program(exit_after_seconds=0.05, exit_code=3)
    node.write("web.yaml", manifest("web"))
    again = (await until_told(node, "Start", "web", 2))[1]
    ended = told(node, "Exit", "web")[0]
    assert (ended.facts["exitCode"], ended.facts["attempt"]) == (3, 0)
    assert again.facts["cause"] == "attempt 0 ended with exit code 3"


async def test_a_refusal_is_told_once_and_holds_no_secret(node: SimulatedNode) -> None:
    node.write("db.yaml", manifest("db"))
    await node.running_pod("db")
    container = {"env": [{"name": "PASSWORD", "value": [CANARY]}], "command": [CANARY, {CANARY: 1}], "ports": 7}
    node.write("bad.yaml", manifest("bad", container=container))
    (refused,) = await until_told(node, "Refuse", "bad.yaml")
    assert refused.facts["file"] == str(node.directory / "bad.yaml")
    for number in range(3):
        node.write("db.yaml", manifest("db", metadata={"labels": {"n": str(number)}}))
        await until_told(node, "Admit", "db.yaml", number + 2)
    assert len(told(node, "Refuse")) == 1
    for path in node.settings.paths.audit.glob("*.jsonl"):
        text = path.read_text(encoding="utf-8")
        assert leaks(text) == []


@pytest.mark.attack("edited-audit")
async def test_a_log_that_is_taken_away_under_the_agent_stops_nothing(node: SimulatedNode) -> None:
    node.write("db.yaml", manifest("db"))
    await node.running_pod("db")
    await until_told(node, "Start", "db")
    point = last_checkpoint(node.settings.paths.audit)
    assert point is not None
    for path in node.settings.paths.audit.glob("*.jsonl"):
        path.unlink()
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    (gap,) = await until_told(node, "Gap")
    assert gap.reason == "LogChanged"
    assert examine_log(node.settings.paths.audit, (), [point]).faults
    assert node.serving("db") == ["db"]


@pytest.mark.attack("edited-audit")
async def test_an_older_copy_put_back_under_the_agent_is_noticed(node: SimulatedNode) -> None:
    where = node.settings.paths.audit
    node.write("db.yaml", manifest("db"))
    await node.running_pod("db")
    await until_told(node, "Start", "db")
    shutil.copytree(where, where.with_name("old"))
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await until_told(node, "Start", "web")
    point = last_checkpoint(where)
    assert point is not None
    where.rename(where.with_name("away"))
    where.with_name("old").rename(where)
    node.remove("web.yaml")
    await until_told(node, "Gap")
    assert examine_log(where, (), [point]).faults
    assert node.serving("db") == ["db"]


@pytest.mark.attack("full-disk")
async def test_a_place_that_takes_nothing_delays_no_pod(node: SimulatedNode) -> None:
    where = node.settings.paths.audit
    node.write("web.yaml", manifest("web"))
    await until_told(node, "Start", "web")
    moved = where.with_name("moved")
    where.rename(moved)
    where.write_text("not a directory", encoding="ascii")
    node.write("db.yaml", manifest("db"))
    await node.running_pod("db")
    await node.until("it is said", lambda: any(p.reason == "AuditImpaired" for p in node.ground.state.problems))
    where.unlink()
    moved.rename(where)
    await node.until("it is recorded late", lambda: told(node, "Start", "db"), 15.0)
    await node.until("all is well", lambda: not node.ground.auditor.problems)
