"""The log is written, goes on after any end, stays bounded, and says itself what is missing."""

from __future__ import annotations

import errno
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from podstead.audit import key_file, segments
from podstead.audit.key_file import KeyFile
from podstead.audit.reader import read_log
from podstead.audit.records import Record, read_header, read_record
from podstead.audit.writer import LogLimits
from podstead.state.audit import Act
from tests.unit.audit.logs import Log

if TYPE_CHECKING:
    from pathlib import Path

SMALL = LogLimits(file_bytes=3000, files=4)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "audit")


def reasons(log: Log) -> list[str]:
    found = [record for record in read_log(log.directory) if isinstance(record, Record)]
    return [record.reason for record in found if record.act in {Act.GAP, Act.KEY}]


def test_a_log_is_a_chain_of_sealed_records(log: Log) -> None:
    written = log.write(1, 2)
    log.write(3)
    first, *others = [read_record(line) for line in log.lines()]
    header = read_header(first)
    assert header is not None
    assert (header.segment, header.key_segment, header.first) == (1, 1, 1)
    assert [(r.sequence, r.message) for r in others] == [(2, "entry 1"), (3, "entry 2"), (4, "entry 3")]
    assert [w.sequence for w in written] == [2, 3]
    found = log.examined([log.verification])
    assert (found.faults, found.records, found.sealed, found.end_sealed) == ([], 4, 4, True)


def test_a_line_is_json_that_other_tools_read(log: Log) -> None:
    log.write(7)
    line = json.loads(log.lines()[-1])
    assert list(line) == ["seq", "time", "boot", "uptime", "act", "subject", "message", "facts", "prev", "seal"]
    assert (line["act"], line["facts"], line["time"]) == ("Exec", {"count": 7}, "2027-01-15T08:00:01.000000Z")


def test_only_root_may_read_it(log: Log) -> None:
    log.write(1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (log.directory, *log.directory.iterdir())}
    assert modes == {"audit": 0o700, "00000001.jsonl": 0o600, "sealing.key": 0o600, "verification.key": 0o600}


def test_it_goes_on_after_a_restart_and_over_files(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit", SMALL)
    for number in range(40):
        if number % 7 == 0:
            log.reopen()
        log.write(number)
    found = log.examined([log.verification])
    assert (found.faults, found.sealed, found.end_sealed) == ([], found.records, True)
    assert len(log.paths()) == SMALL.files
    assert found.first > 1
    assert sum(path.stat().st_size for path in log.paths()) < SMALL.files * (SMALL.file_bytes + 1000)
    assert reasons(log) == []


@pytest.mark.parametrize("torn", [1, 40, 200])
def test_a_torn_record_is_cut_off_and_told(log: Log, torn: int) -> None:
    log.write(1)
    log.write(2)
    path = log.paths()[-1]
    with path.open("ab") as stream:
        stream.write(
            b'{"seq":4,"time":"2027-01-15T08:00:01.000000Z","boot":"x","uptime":1.0,"act":"Exec"'[:torn] + b"x" * 100
        )
    log.reopen()
    log.write(3)
    assert reasons(log) == ["TornRecord"]
    assert log.examined([log.verification]).faults == []


def test_a_crash_at_any_byte_is_gone_on_from(tmp_path: Path) -> None:
    """Whatever was on disk of the last batch, and whether the key went on or not: no fault, and no record twice."""
    log = Log(tmp_path / "audit")
    log.write(1, 2)
    key = (log.directory / key_file.SEALING).read_bytes()
    before = log.paths()[0].stat().st_size
    log.write(3, 4, 5)
    whole = log.paths()[0].read_bytes()
    verification = log.verification
    for size in range(before, len(whole), 7):
        copy = tmp_path / f"copy-{size}"
        shutil.copytree(log.directory, copy)
        (copy / "00000001.jsonl").write_bytes(whole[:size])
        (copy / key_file.SEALING).write_bytes(key)  # records first, then their key
        again = Log(copy)
        again.write(6)
        found = again.examined([verification])
        assert (found.faults, found.sealed, found.end_sealed) == ([], found.records, True)
        messages = [read_record(line).message for line in again.lines()]
        assert messages[-1] == "entry 6"
        assert len(set(messages)) == len(messages)


def test_a_crash_within_the_key_leaves_the_other_slot(log: Log) -> None:
    log.write(1)
    path = log.directory / key_file.SEALING
    old = path.read_bytes()
    log.write(2)
    new = path.read_bytes()
    for torn in (new[:100] + old[100:], new[:512] + old[512:], new[:4096] + b"\0" * 50 + new[4146:]):
        path.write_bytes(torn)
        found = log.examined([log.verification])
        assert found.faults == []
    log.reopen()
    log.write(3)
    assert log.examined([log.verification]).faults == []


def test_a_crash_as_a_file_begins_is_gone_on_from(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit", SMALL)
    log.write(1)
    key = b""
    while len(log.paths()) < 2:
        key = (log.directory / key_file.SEALING).read_bytes()
        log.write(1)
    first_line = log.paths()[1].read_bytes().split(b"\n")[0] + b"\n"
    for rest in (b"", first_line[:50], first_line):
        copy = tmp_path / f"copy-{len(rest)}"
        shutil.copytree(log.directory, copy)
        (copy / segments.segment_name(2)).write_bytes(rest)
        (copy / key_file.SEALING).write_bytes(key)
        again = Log(copy, SMALL)
        again.write(2)
        found = again.examined([log.verification])
        assert (found.faults, found.end_sealed) == ([], True)


def test_old_keys_are_nowhere_on_disk(log: Log) -> None:
    log.write(1)
    loaded = KeyFile(log.directory).load()
    assert loaded is not None
    old = [secret.hex().encode() for secret in loaded[1].secrets]
    log.write(2)
    key_file.erase_kept_key(log.directory)
    content = b"".join(path.read_bytes() for path in log.directory.iterdir())
    assert old[0] not in content
    assert not key_file.waits_for_its_keeper(log.directory)


def test_a_full_disk_loses_nothing_of_a_batch(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(1)
    write, room = os.write, [100]

    def small(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = min(room[0], len(data)), 0
        return write(descriptor, data[:taken])

    monkeypatch.setattr(os, "write", small)
    with pytest.raises(OSError, match="No space"):
        log.write(2, 3)
    monkeypatch.undo()
    assert len(log.lines()) == 2
    log.write(2, 3)
    assert log.examined([log.verification]).faults == []
    assert [read_record(line).message for line in log.lines()][-3:] == ["entry 1", "entry 2", "entry 3"]


@pytest.mark.attack("edited-audit")
@pytest.mark.parametrize("how", ["cut", "appended", "removed", "replaced"])
def test_the_agent_notices_a_hand_in_the_file_that_it_writes(log: Log, how: str) -> None:
    log.write(1, 2, 3)
    path = log.paths()[-1]
    data = path.read_bytes()
    match how:
        case "cut":
            os.truncate(path, len(data) - 30)
        case "appended":
            path.write_bytes(data + b"x\n")
        case "removed":
            path.unlink()
        case _:
            path.unlink()
            path.write_bytes(data)
    log.write(4)
    assert reasons(log) == ["LogChanged"]
    if how != "replaced":  # an equal copy is as good as the file
        assert log.examined([log.verification]).faults


@pytest.mark.attack("edited-audit")
def test_records_that_are_cut_while_no_agent_runs_are_told_of(log: Log) -> None:
    log.write(1)
    cut = log.paths()[0].stat().st_size
    log.write(2, 3)
    os.truncate(log.paths()[0], cut)
    log.reopen()
    log.write(4)
    assert reasons(log) == ["RecordsMissing"]
    assert "2 records before it are missing" in log.examined().faults[0].message


@pytest.mark.attack("edited-audit")
def test_a_log_that_is_removed_goes_on_with_its_numbers(log: Log) -> None:
    log.write(1, 2)
    for path in log.paths():
        path.unlink()
    log.reopen()
    log.write(3)
    assert reasons(log) == ["LogGone"]
    assert read_record(log.lines()[0]).sequence == 4
    assert "begins anew" in log.examined().faults[0].message


def test_a_lost_key_is_told_and_another_seals_from_there(log: Log) -> None:
    log.write(1)
    first = log.verification
    (log.directory / key_file.SEALING).unlink()
    log.reopen()
    log.write(2)
    second = log.verification
    assert first.name != second.name
    assert reasons(log) == ["SealingKeyLost"]
    found = log.examined([first, second])
    assert [fault.place for fault in found.faults] == ["00000002.jsonl:1"]
    assert "the sealing key was lost before this file" in found.faults[0].message
    assert found.sealed == found.records


@pytest.mark.attack("edited-audit")
def test_records_forged_behind_the_key_are_told_of(log: Log) -> None:
    log.write(1, 2)
    key = (log.directory / key_file.SEALING).read_bytes()
    log.write(3)
    path = log.paths()[0]
    path.write_bytes(path.read_bytes().replace(b"entry 3", b"entry 9"))
    (log.directory / key_file.SEALING).write_bytes(key)
    log.reopen()
    log.write(4)
    assert reasons(log) == ["SealBroken"]
