"""Entries are taken at once and written behind; floods are counted, sinks are told, and nothing raises."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from podstead.audit import key_file
from podstead.audit import log as audit_log
from podstead.audit.allowance import ACT_BURST, SUBJECT_BURST, SUBJECT_REFILL_SECONDS, Allowance
from podstead.audit.log import MAX_WAITING, AuditLog
from podstead.audit.reader import examine_log, read_log
from podstead.audit.records import Record
from podstead.state.audit import Act, AuditEntry, Fact
from tests.support.canary import HOSTILE, steering
from tests.support.computing import computing
from tests.unit.audit.logs import VERSION, HandClock, entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.writer import Written


@dataclass
class Listener:
    """A sink that keeps what it is told."""

    name: str = "listener"
    problem: str = ""
    lost: int = 0
    records: list[Written] = field(default_factory=list)
    anchors: list[Checkpoint] = field(default_factory=list)
    closed: bool = False

    def take(self, records: Sequence[Written], checkpoint: Checkpoint) -> None:
        self.records += records
        assert checkpoint.sequence == records[-1].sequence

    def anchor(self, checkpoint: Checkpoint, at: float) -> None:
        assert at > 0
        self.anchors.append(checkpoint)

    def take_lost(self) -> int:
        lost, self.lost = self.lost, 0
        return lost

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def log(tmp_path: Path, clock: HandClock, listener: Listener) -> AuditLog:
    return AuditLog(tmp_path / "audit", clock, [listener], version=VERSION)


def told(tmp_path: Path, act: Act | None = None) -> list[Record]:
    found = [record for record in read_log(tmp_path / "audit") if isinstance(record, Record)]
    return [record for record in found if act in {None, record.act}]


async def test_what_is_noted_is_written_and_sent(log: AuditLog, tmp_path: Path, listener: Listener) -> None:
    log.note(entry(1))
    log.note(entry(2))
    assert await log.flush()
    assert [record.message for record in told(tmp_path, Act.EXEC)] == ["entry 1", "entry 2"]
    assert [record.entry.message for record in listener.records] == ["entry 1", "entry 2"]
    await log.close()
    assert listener.closed
    assert [point.sequence for point in listener.anchors] == [3]
    assert examine_log(tmp_path / "audit", (), listener.anchors).anchored == 3


async def test_a_checkpoint_goes_out_now_and_then(log: AuditLog, clock: HandClock, listener: Listener) -> None:
    running = asyncio.create_task(log.run())
    log.note(entry(1))
    async with asyncio.timeout(60):
        while not listener.records:  # noqa: ASYNC110 - what a sink is told has no event
            await asyncio.sleep(0.01)
        clock.boot += audit_log.CHECKPOINT_SECONDS
        log.note(entry(2))
        while not listener.anchors:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    await log.close()


async def test_hostile_text_is_escaped_before_it_is_written(log: AuditLog, tmp_path: Path) -> None:
    facts: dict[Fact, str | int] = {Fact.FILE: HOSTILE, Fact.COMMAND: "\ud800" + "x" * 10_000}
    log.note(AuditEntry(act=Act.REFUSE, subject=HOSTILE, reason=HOSTILE, message=HOSTILE * 1000, facts=facts))
    await log.flush()
    (line,) = (tmp_path / "audit").glob("*.jsonl")
    text = line.read_text(encoding="utf-8")
    assert steering(text) == []
    assert len(text) < 4000
    assert examine_log(tmp_path / "audit").faults == []


@pytest.mark.attack("flood", "edited-audit")
async def test_a_flood_neither_fills_the_log_nor_hides_the_alarm(
    log: AuditLog, tmp_path: Path, clock: HandClock
) -> None:
    log.note(AuditEntry(act=Act.FOREIGN, subject="container x", reason="Unknown", message="somebody made it"))
    for number in range(100_000):
        log.note(AuditEntry(act=Act.REFUSE, subject=f"flood-{number}.yaml", reason="Invalid", message="no pod"))
    log.note(AuditEntry(act=Act.POSTURE, subject="/etc/podstead", reason="Writable", message="after the flood"))
    clock.boot += 60
    await log.close()
    assert len(told(tmp_path, Act.REFUSE)) == ACT_BURST
    assert told(tmp_path, Act.REFUSE)[0].subject == "flood-0.yaml"
    (gap,) = told(tmp_path, Act.GAP)
    assert gap.message == f"{100_000 - ACT_BURST} more records of Refuse were left out within 60 s"
    assert (len(told(tmp_path, Act.FOREIGN)), len(told(tmp_path, Act.POSTURE))) == (1, 1)


def test_a_crash_loop_is_counted_with_the_next_that_passes() -> None:
    allowance = Allowance()
    passed = [allowance.spend(Act.START, "default/a/main", 0.0) for _ in range(SUBJECT_BURST + 5)]
    assert passed == [0] * SUBJECT_BURST + [None] * 5
    assert allowance.spend(Act.START, "default/b/main", 0.0) == 0
    assert allowance.spend(Act.START, "default/a/main", SUBJECT_REFILL_SECONDS) == 5
    (left_out,) = allowance.take_left_out()
    assert (left_out.act, left_out.count) == (Act.START, 5)
    assert allowance.take_left_out() == ()


@pytest.mark.attack("full-disk")
async def test_a_full_disk_is_waited_for_and_the_gap_is_told(
    log: AuditLog, tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.note(entry(1))
    await log.flush()

    def full(batch: object) -> list[Written]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log._writer, "write", full)
    for number in range(MAX_WAITING + 500):
        clock.boot += 30  # no flood: the allowance is not what leaves them out
        log.note(entry(number))
    assert not await log.flush()
    assert "No space left on device" in log.problems[0]
    monkeypatch.undo()
    assert await log.flush()
    assert log.problems == ()
    (gap,) = told(tmp_path, Act.GAP)
    assert (gap.reason, gap.facts[Fact.COUNT]) == ("NoRoom", 500)
    assert len(told(tmp_path, Act.EXEC)) == MAX_WAITING + 1
    assert examine_log(tmp_path / "audit").faults == []


async def test_what_a_sink_lost_is_told(log: AuditLog, tmp_path: Path, listener: Listener) -> None:
    log.note(entry(1))
    listener.lost = 7
    listener.problem = "nothing has arrived"
    assert log.problems == ("the audit log's listener: nothing has arrived",)
    await log.close()
    (gap,) = told(tmp_path, Act.GAP)
    assert gap.message == "7 records were not sent to listener: it did not take them in time"


async def test_that_the_verification_key_was_taken_is_told(log: AuditLog, tmp_path: Path) -> None:
    log.note(entry(1))
    await log.flush()
    await log._look_after()
    key_file.erase_kept_key(tmp_path / "audit")
    await log._look_after()
    await log.flush()
    (key,) = told(tmp_path, Act.KEY)
    assert key.reason == "VerificationKeyTaken"


async def test_an_end_in_the_midst_of_a_write_loses_and_repeats_nothing(log: AuditLog, tmp_path: Path) -> None:
    for number in range(40):
        log.note(entry(number))
        running = asyncio.create_task(log.flush())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})
    await log.close()
    assert [record.facts[Fact.COUNT] for record in told(tmp_path, Act.EXEC)] == list(range(40))


async def test_the_cost_of_a_record(tmp_path: Path, clock: HandClock) -> None:
    """Half a millisecond at most, batches of two hundred; figures in docs/audit.md."""
    log = AuditLog(tmp_path / "audit", clock, version=VERSION)
    with computing(time.process_time) as cost:
        for number in range(2000):
            clock.boot += 60
            log.note(entry(number))
        await log.flush()
    each = cost.seconds / 2000
    print(f"{each * 1e6:.0f} µs of CPU a record")
    assert each < 0.0005


async def test_a_fact_that_is_no_text_and_no_number_is_told_as_text(log: AuditLog, tmp_path: Path) -> None:
    facts: dict[Fact, Any] = {Fact.COUNT: True, Fact.SIZE: 1 << 80, Fact.OWNER: None, Fact.UID: 0}
    log.note(AuditEntry(act=Act.EXEC, subject="x", facts=facts))
    assert await log.flush()
    (record,) = told(tmp_path, Act.EXEC)
    assert record.facts == {"count": "True", "size": str(1 << 80), "owner": "None", "uid": 0}


async def test_a_mistake_in_a_batch_costs_that_batch_alone(
    log: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(batch: object) -> list[Written]:
        raise ValueError(batch)

    monkeypatch.setattr(log._writer, "write", mistaken)
    log.note(entry(1))
    assert not await log.flush()
    monkeypatch.undo()
    log.note(entry(2))
    assert await log.flush()
    (gap,) = told(tmp_path, Act.GAP)
    assert (gap.facts[Fact.COUNT], [record.message for record in told(tmp_path, Act.EXEC)]) == (1, ["entry 2"])
