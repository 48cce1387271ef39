"""Looking up a file's paths of the node: in bounded time, whatever they lie on, and by names of any bytes."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from podstead.judging import judges, paths
from podstead.judging.judges import FileJudges
from podstead.judging.process import JudgingProcess
from podstead.judging.wire import Question, WirePath
from podstead.threads import PathThreads

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.policy.values import PathFacts

POLICY = b"apiVersion: podstead.io/v1\nkind: NodePolicy\nhostPaths: [{prefix: %s}]\n"


class DeadFileSystem:
    """Below /dead nothing answers until it is back; counts who asks."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked: list[str] = []

    def resolve(self, path: str) -> PathFacts:
        self.asked.append(path)
        if path.startswith("/dead"):
            self.back.wait(10)
        return REAL(path)


REAL = paths.resolve


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadFileSystem:
    made = DeadFileSystem()
    monkeypatch.setattr(paths, "resolve", made.resolve)
    monkeypatch.setattr(judges, "PATH_SECONDS", 0.3)
    return made


def looking() -> FileJudges:
    return FileJudges(JudgingProcess(), PathThreads())


@pytest.mark.attack("flood")
async def test_a_file_of_many_dead_paths_waits_for_one(dead: DeadFileSystem, tmp_path: Path) -> None:
    """The look at the directory waits for it, and with it every edit; the next look does not wait at all."""
    wanted, made, loop = [f"/dead/{at:03}" for at in range(100)], looking(), asyncio.get_running_loop()
    begun = loop.time()
    found = await made.look_up([*wanted, str(tmp_path)], [])
    assert 0.3 <= loop.time() - begun < 20.0, "not a hundred times as long"
    assert [one.path for one in found] == sorted([*wanted, str(tmp_path)])
    assert all(one.fault and not one.steps for one in found)
    assert "no answer within 0.3 s" in found[0].fault

    await made.look_up([*wanted, str(tmp_path)], [])
    assert dead.asked == ["/dead/000"]
    dead.back.set()
    async with asyncio.timeout(60.0):
        while (await made.look_up([str(tmp_path), *wanted], []))[0].fault:  # noqa: ASYNC110 - what a look finds
            await asyncio.sleep(0.01)


async def test_files_that_ask_at_once_share_the_look_at_a_dead_path(dead: DeadFileSystem, tmp_path: Path) -> None:
    made, loop = looking(), asyncio.get_running_loop()
    begun = loop.time()
    found = await asyncio.gather(*(made.look_up([f"/dead/{at}", str(tmp_path)], ["/dead/listed"]) for at in range(20)))
    assert loop.time() - begun < 20 * 0.3, "side by side"
    assert all(one.fault for of_file in found for one in of_file if one.path.startswith("/dead"))
    assert dead.asked.count("/dead/listed") == 1
    dead.back.set()


async def test_paths_that_answer_slowly_have_one_bound(
    monkeypatch: pytest.MonkeyPatch, dead: DeadFileSystem, tmp_path: Path
) -> None:
    def slowly(path: str) -> PathFacts:
        threading.Event().wait(0.12)
        return dead.resolve(path)

    monkeypatch.setattr(paths, "resolve", slowly)
    found = await looking().look_up([f"{tmp_path}/{at}" for at in range(9)], [])
    assert found[0].steps
    assert found[-1].fault
    assert len(dead.asked) <= 4


async def test_a_listed_directory_that_is_dead_keeps_no_path_from_being_looked_at(
    dead: DeadFileSystem, tmp_path: Path
) -> None:
    found = {one.path: one for one in await looking().look_up([str(tmp_path)], ["/dead/nfs", "/etc", str(tmp_path)])}
    assert found["/dead/nfs"].fault
    assert found["/etc"].steps
    assert found[str(tmp_path)].steps
    dead.back.set()


async def test_a_name_of_any_bytes_reaches_the_child_that_judges(tmp_path: Path) -> None:
    """By a link below a listed directory; what is none of its own is refused with a sentence."""
    (listed := tmp_path / "listed").mkdir()
    (within := listed / "\udcff").mkdir()  # the byte 0xff, as Python has the names of files
    (listed / "web").symlink_to(within)
    (beside := tmp_path / "\udcfe").mkdir()
    (listed / "out").symlink_to(beside)
    process = JudgingProcess()
    made = FileJudges(process, PathThreads())
    for path, said in ((listed / "web", ""), (listed / "out", f"it leads to {tmp_path}/\\udcfe")):
        led = await made.look_up([str(path)], [str(listed)])
        answer = await process.ask(POLICY % os.fsencode(listed), question(path, led=led))
        assert answer.refused == bool(said)
        assert said in "".join(message.message for message in answer.messages)
    unsent = await process.ask(POLICY % os.fsencode(listed), question(listed, file="\udcff.yaml"))
    assert unsent.refused
    assert "not UTF-8" in unsent.messages[0].message
    assert not (await process.ask(POLICY % os.fsencode(listed), question(listed))).refused, "and it answers on"
    await made.close()


def question(path: Path, *, file: str = "web.yaml", led: tuple[WirePath, ...] = ()) -> Question:
    pod = (
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"c","image":"i"}],'
        f'"volumes":[{{"name":"h","hostPath":{{"path":"{path}"}}}}]}}}}'
    )
    return Question(
        pod.encode(), file, "", signed=False, principals="", pins=(), node="n", now=0.0, enforce=False, paths=led
    )
