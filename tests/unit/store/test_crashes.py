"""The process dies before and after every step of every durable write; what is found afterwards is old or new."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state.records import Claim, PodRecord
from podstead.store.facts import FactStore
from podstead.store.records import RecordStore
from podstead.store.revisions import RevisionStore, StoredRevision

from .conftest import wall

if TYPE_CHECKING:
    from pathlib import Path

DIED = 77
MOST_STEPS = 200
KEY = PodKey("default", "mysql-node1")
OLD = tuple(
    PodRecord(key=PodKey("default", f"p{n}"), uid=PodUID(f"u{n}"), claim=Claim(file="f", document=0), created_at=0.0)
    for n in range(3)
)
NEW = tuple(replace(record, effective=RevisionID("new")) for record in OLD)
REVISION = StoredRevision(id=RevisionID("aa"), key=KEY, data=b"kind: Pod", file="f")

Work = Callable[[], Coroutine[Any, Any, object]]


def dies_at(step: int, work: Work) -> bool:
    """Do the work in a child that dies at this step; whether it died before the end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _arm(step)
            asyncio.run(work())
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, DIED}
    return code == DIED


def _arm(step: int) -> None:
    taken = 0

    def tick() -> None:
        nonlocal taken
        taken += 1
        if taken == step:
            os._exit(DIED)

    def fatal(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            tick()
            result = call(*args, **kwargs)
            tick()
            return result

        return stepped

    for name in ("open", "fsync", "fdopen", "rename", "unlink", "mkdir"):
        setattr(os, name, fatal(getattr(os, name)))


def every_step(directory: Path, prepare: Callable[[Path], Work | None], work: Callable[[Path], Work]) -> list[Path]:
    """Return one directory for each step at which the work was cut short, and at last one where it was not."""
    found: list[Path] = []
    for step in range(1, MOST_STEPS):
        place = directory / str(step)
        place.mkdir()
        before = prepare(place)
        if before is not None:
            asyncio.run(before())
        found.append(place)
        if not dies_at(step, work(place)):
            return found
    pytest.fail("the work takes more steps than expected")


def test_a_batch_of_records(tmp_path: Path) -> None:
    def old(place: Path) -> Work:
        return lambda: RecordStore(place, wall=wall).put(*OLD)

    def new(place: Path) -> Work:
        return lambda: RecordStore(place, wall=wall).put(*NEW)

    places = every_step(tmp_path, old, new)
    assert len(places) > 20
    outcomes = set()
    for place in places:
        loaded = asyncio.run(RecordStore(place, wall=wall).load())
        assert loaded.corrupt == ()
        assert [record.uid for record in loaded.records] == [record.uid for record in OLD]
        assert set(loaded.records) <= {*OLD, *NEW}
        outcomes.add(sum(record in NEW for record in loaded.records))
        assert all(path.suffix == ".json" for path in (place / "records").iterdir()), "leftovers are swept"
    assert outcomes == {0, 1, 2, 3}
    assert asyncio.run(RecordStore(places[-1], wall=wall).load()).records == NEW


def test_the_first_record(tmp_path: Path) -> None:
    places = every_step(tmp_path, lambda _: None, lambda place: lambda: RecordStore(place, wall=wall).put(OLD[0]))
    for place in places:
        loaded = asyncio.run(RecordStore(place, wall=wall).load())
        assert loaded.corrupt == ()
        assert loaded.records in {(), OLD[:1]}
    assert asyncio.run(RecordStore(places[-1], wall=wall).load()).records == OLD[:1]


def test_a_revision(tmp_path: Path) -> None:
    places = every_step(tmp_path, lambda _: None, lambda place: lambda: RevisionStore(place, wall=wall).put(REVISION))
    outcomes = []
    for place in places:
        store = RevisionStore(place, wall=wall)
        outcomes.append(asyncio.run(store.get(KEY, REVISION.id)))
        assert store.take_corrupt() == ()
    assert set(outcomes) == {None, REVISION}
    assert outcomes[-1] == REVISION


def test_an_admission_leaves_no_record_without_its_revision(tmp_path: Path) -> None:
    record = PodRecord(
        key=KEY, uid=PodUID("u"), claim=Claim(file="f", document=0), created_at=0.0, effective=REVISION.id
    )

    def admit(place: Path) -> Work:
        names = RecordStore(place, wall=wall).writes(record)
        return lambda: RevisionStore(place, wall=wall).put(REVISION, then=names)

    outcomes = set()
    for place in every_step(tmp_path, lambda _: None, admit):
        recorded = asyncio.run(RecordStore(place, wall=wall).load()).records
        stored = asyncio.run(RevisionStore(place, wall=wall).get(KEY, REVISION.id))
        outcomes.add((stored is not None, bool(recorded)))
    assert outcomes == {(False, False), (True, False), (True, True)}


def test_pruning(tmp_path: Path) -> None:
    kept = replace(REVISION, id=RevisionID("bb"), seen_at=1.0)

    def both(place: Path) -> Work:
        return lambda: RevisionStore(place, wall=wall).put(REVISION, kept)

    places = every_step(tmp_path, both, lambda place: lambda: RevisionStore(place, wall=wall).prune(KEY, (), 1))
    for place in places:
        found = asyncio.run(RevisionStore(place, wall=wall).list(KEY))
        assert found in {(kept, REVISION), (kept,)}
    assert asyncio.run(RevisionStore(places[-1], wall=wall).list(KEY)) == (kept,)


def test_facts(tmp_path: Path) -> None:
    def old(place: Path) -> Work:
        return lambda: FactStore(place, wall=wall).put({"a": "1", "b": "1"})

    async def change(place: Path) -> None:
        store = FactStore(place, wall=wall)
        await store.load()
        await store.put({"a": "2", "b": None})

    outcomes = []
    for place in every_step(tmp_path, old, lambda place: lambda: change(place)):
        store = FactStore(place, wall=wall)
        assert asyncio.run(store.load()) is None
        outcomes.append((store.get("a"), store.get("b")))
    assert set(outcomes) == {("1", "1"), ("2", None)}
    assert outcomes[-1] == ("2", None)
