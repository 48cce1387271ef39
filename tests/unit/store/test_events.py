from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from podstead.k8s import core_v1 as v1
from podstead.store.changes import EVENTS
from podstead.store.database import Database
from podstead.store.events import DEDUP_SECONDS, MAX_MESSAGE, SUPPRESSED, EventLimits, EventStore

from .conftest import StillClock, wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.store.objects import ObjectStore

POD = v1.ObjectReference(api_version="v1", kind="Pod", namespace="default", name="mysql-node1", uid="u1")
HOSTILE = "\x1b[31mred\nnext\u202eline\x85\ud800<script>"


@asynccontextmanager
async def opened(tmp_path: Path, objects: ObjectStore, clock: StillClock, **limits: int) -> AsyncIterator[EventStore]:
    database = Database(tmp_path / "podstead.db", wall=wall)
    store = EventStore(database, objects, clock, node="node1", limits=EventLimits(**limits))
    await database.open()
    try:
        await store.load()
        yield store
    finally:
        await database.close()


@pytest.fixture
async def store(tmp_path: Path, objects: ObjectStore, clock: StillClock) -> AsyncIterator[EventStore]:
    async with opened(tmp_path, objects, clock, events=20, per_object_minute=5, per_minute=12) as it:
        yield it


def told(store: EventStore) -> list[tuple[str | None, int | None]]:
    return [(event.message, event.count) for event in store.list()]


async def test_an_event_is_what_kubectl_expects(store: EventStore, objects: ObjectStore) -> None:
    store.record(POD, type_="Warning", reason="Unhealthy", message="Liveness probe failed")
    (event,) = store.list()
    assert event.involved_object == POD
    assert (event.type, event.reason, event.message, event.count) == (
        "Warning",
        "Unhealthy",
        "Liveness probe failed",
        1,
    )
    assert event.first_timestamp == event.last_timestamp == event.metadata.creation_timestamp == "2026-11-23T02:30:00Z"
    assert event.source == v1.EventSource(component="podstead", host="node1")
    assert (event.metadata.name or "").startswith("mysql-node1.")
    assert objects.list(EVENTS).items == (event,)


async def test_an_objects_events_are_listed_in_the_order_in_which_they_began(
    store: EventStore, objects: ObjectStore
) -> None:
    for reason in ("Pulled", "Created", "Started", "BackOff"):
        store.record(POD, type_="Normal", reason=reason, message="x")
    assert [event.reason for event in objects.list(EVENTS).items] == ["Pulled", "Created", "Started", "BackOff"]


async def test_equal_events_are_one_counted(store: EventStore, objects: ObjectStore, clock: StillClock) -> None:
    for _ in range(4):
        store.record(POD, type_="Normal", reason="Pulled", message="m")
        clock.boot += 60
    (event,) = store.list()
    assert event.count == 4
    assert (event.first_timestamp, event.last_timestamp) == ("2026-11-23T02:30:00Z", "2026-11-23T02:33:00Z")
    assert objects.list(EVENTS).items == (event,)


@pytest.mark.parametrize(
    "other",
    [
        {"message": "other"},
        {"reason": "Other"},
        {"type_": "Warning"},
        {
            "involved": v1.ObjectReference(
                api_version="v1", kind="Pod", namespace="default", name="mysql-node1", uid="u2"
            )
        },
    ],
)
async def test_events_that_differ_are_not_one(store: EventStore, other: dict[str, Any]) -> None:
    same: dict[str, Any] = {"involved": POD, "type_": "Normal", "reason": "Pulled", "message": "m"}
    for event in (same, {**same, **other}):
        store.record(event["involved"], type_=event["type_"], reason=event["reason"], message=event["message"])
    assert [count for _, count in told(store)] == [1, 1]


async def test_an_old_equal_event_is_a_new_one(store: EventStore, clock: StillClock) -> None:
    store.record(POD, type_="Normal", reason="Pulled", message="m")
    clock.boot += DEDUP_SECONDS + 1
    store.record(POD, type_="Normal", reason="Pulled", message="m")
    assert told(store) == [("m", 1), ("m", 1)]


async def test_a_count_that_races_is_shown_once_a_second(
    store: EventStore, objects: ObjectStore, clock: StillClock
) -> None:
    for _ in range(1000):
        store.record(POD, type_="Warning", reason="BackOff", message="m")
    assert objects.list(EVENTS).items[0].count == 1
    assert told(store) == [("m", 1000)]
    clock.boot += 1
    store.record(POD, type_="Warning", reason="BackOff", message="m")
    assert objects.list(EVENTS).items[0].count == 1001


async def test_a_noisy_object_is_cut_off_with_one_summary_and_others_are_not(
    store: EventStore, clock: StillClock
) -> None:
    for number in range(5 + 9):
        store.record(POD, type_="Normal", reason="R", message=str(number))
    quiet = v1.ObjectReference(kind="Pod", namespace="default", name="web", uid="u9")
    store.record(quiet, type_="Normal", reason="R", message="heard")
    messages = [message for message, _ in told(store)]
    assert messages[:5] == ["0", "1", "2", "3", "4"]
    assert messages[5:] == ["8 or more events of this object were left out within a minute", "heard"]
    assert [event.reason for event in store.list()].count(SUPPRESSED) == 1
    clock.boot += 61
    store.record(POD, type_="Normal", reason="R", message="next minute")
    assert told(store)[-1] == ("next minute", 1)


async def test_many_objects_together_are_cut_off_too(store: EventStore) -> None:
    for number in range(30):
        pod = v1.ObjectReference(kind="Pod", namespace="default", name=f"pod{number}", uid=f"u{number}")
        store.record(pod, type_="Normal", reason="R", message="m")
    reasons = [event.reason for event in store.list()]
    assert (reasons.count("R"), reasons.count(SUPPRESSED)) == (12, 1)
    (summary,) = [event for event in store.list() if event.reason == SUPPRESSED]
    assert (summary.involved_object.kind, summary.involved_object.name) == ("Node", "node1")
    assert (summary.message or "").startswith("16 or more")


async def test_the_oldest_go_first_and_leave_the_api(
    store: EventStore, objects: ObjectStore, clock: StillClock
) -> None:
    for number in range(25):
        pod = v1.ObjectReference(kind="Pod", namespace="default", name=f"pod{number}", uid=f"u{number}")
        store.record(pod, type_="Normal", reason="R", message=str(number))
        clock.boot += 61
    assert [message for message, _ in told(store)] == [str(number) for number in range(5, 25)]
    assert {event.message for event in objects.list(EVENTS).items} == {str(number) for number in range(5, 25)}


async def test_nothing_that_a_terminal_obeys_gets_through(store: EventStore) -> None:
    involved = v1.ObjectReference(kind="File", name=HOSTILE, namespace=HOSTILE, field_path=HOSTILE, uid="u")
    store.record(involved, type_="Warning", reason="R", message=HOSTILE)
    (event,) = store.list()
    for text in (event.message, event.involved_object.name, event.involved_object.field_path, event.metadata.name):
        assert text
        assert text.isprintable()
    assert event.message == "\\x1b[31mred\\nnext\\u202eline\\x85\\ud800<script>"


@pytest.mark.parametrize("text", ["x" * MAX_MESSAGE, "x" * 100_000, "\x1b" * MAX_MESSAGE])
async def test_messages_are_short(store: EventStore, text: str) -> None:
    store.record(POD, type_="Normal", reason="R", message=text)
    (event,) = store.list()
    assert len(event.message or "") == MAX_MESSAGE
    assert (event.message or "").endswith("…") == (text != "x" * MAX_MESSAGE)


async def test_events_survive_with_their_counts_and_order(
    tmp_path: Path, objects: ObjectStore, clock: StillClock
) -> None:
    async with opened(tmp_path, objects, clock) as store:
        store.record(POD, type_="Normal", reason="R", message="first")
        clock.boot += 2
        store.record(POD, type_="Normal", reason="R", message="second")
        clock.boot += 2
        store.record(POD, type_="Normal", reason="R", message="first")
        before = store.list()
        for event in before:
            objects.delete(EVENTS, "default", event.metadata.name or "")
    async with opened(tmp_path, objects, StillClock(), events=1) as store:
        assert told(store) == [("first", 2)]
        assert store.list()[0].metadata.uid == before[1].metadata.uid
        assert [event.message for event in objects.list(EVENTS).items] == ["first"]
