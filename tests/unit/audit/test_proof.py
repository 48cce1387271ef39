"""Whatever is done to a log before a checkpoint that was kept elsewhere is found; and what the seals add to that."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.audit import key_file
from podstead.audit.checkpoint import Checkpoint, read_checkpoints
from podstead.audit.proof import Examiner, LogFile
from podstead.audit.records import body_of, hash_of, line_of, read_record
from podstead.audit.writer import LogLimits
from tests.unit.audit.logs import HandClock, Log, entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.audit.sealing import VerificationKey

SMALL = LogLimits(file_bytes=2500, files=20)


@dataclass(frozen=True)
class Original:
    """A log of several files, fixed by a checkpoint some records before its end."""

    directory: Path
    files: tuple[tuple[str, tuple[bytes, ...]], ...]
    checkpoint: Checkpoint
    fixed: int
    """How many lines the checkpoint fixes."""
    verification: VerificationKey


@cache
def original() -> Original:
    """Return one log, written once: what is done to it is done to copies."""
    log = Log(Path(tempfile.mkdtemp(prefix="ps-audit-")) / "audit", SMALL)
    for number in range(20):
        log.write(number)
    point = log.checkpoint()
    fixed = len(log.lines())
    for number in range(20, 26):
        log.write(number)
    files = tuple((path.name, tuple(path.read_bytes().splitlines())) for path in log.paths())
    return Original(log.directory, files, point, fixed, log.verification)


@pytest.fixture(scope="module", autouse=True)
def _removed() -> Iterator[None]:
    yield
    shutil.rmtree(original().directory.parent)
    original.cache_clear()


def faults(files: list[list[bytes]], *, keys: bool = False) -> list[str]:
    """Return what an examination against the checkpoint finds wrong."""
    taken = [
        LogFile(number=number, name=name, lines=lines)
        for number, (lines, (name, _)) in enumerate(zip(files, original().files, strict=False), 1)
    ]
    loaded = key_file.KeyFile(original().directory).load()
    assert loaded is not None
    given_keys = [original().verification] if keys else []
    found = Examiner(given_keys, [original().checkpoint]).examine(taken, loaded[1])
    return [fault.message for fault in found.faults]


def copied() -> list[list[bytes]]:
    return [list(lines) for _, lines in original().files]


def place(files: list[list[bytes]], index: int) -> tuple[int, int]:
    """Return the file and the line of the log's line `index`."""
    for number, lines in enumerate(files):
        if index < len(lines):
            return number, index
        index -= len(lines)
    raise IndexError(index)


def test_the_log_itself_has_no_fault() -> None:
    assert faults(copied()) == []
    assert faults(copied(), keys=True) == []
    assert len(original().files) >= 3


@pytest.mark.attack("edited-audit")
@given(st.data())
def test_any_changed_byte_before_the_checkpoint_is_found(data: st.DataObject) -> None:
    files = copied()
    number, index = place(files, data.draw(st.integers(0, original().fixed - 1)))
    line = bytearray(files[number][index])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    files[number][index] = bytes(line)
    assert faults(files)


@pytest.mark.attack("edited-audit")
@given(st.data())
def test_any_cut_is_found(data: st.DataObject) -> None:
    """From one record to all of them, at the front, in the middle or at the end; only later ones may go."""
    lines = [line for part in copied() for line in part]
    first = data.draw(st.integers(0, original().fixed - 1))
    last = data.draw(st.integers(first, len(lines) - 1))
    kept = set(range(len(lines))) - set(range(first, last + 1))
    files, count = [], 0
    for part in copied():
        files.append([line for index, line in enumerate(part, count) if index in kept])
        count += len(part)
    assert faults(files)


@pytest.mark.attack("edited-audit")
@given(st.data())
def test_any_other_order_is_found(data: st.DataObject) -> None:
    files = copied()
    one, other = sorted(data.draw(st.lists(st.integers(0, original().fixed - 1), min_size=2, max_size=2, unique=True)))
    (n1, i1), (n2, i2) = place(files, one), place(files, other)
    files[n1][i1], files[n2][i2] = files[n2][i2], files[n1][i1]
    assert faults(files)


@pytest.mark.attack("edited-audit")
@given(st.data())
def test_a_record_told_twice_or_a_strange_line_is_found(data: st.DataObject) -> None:
    files = copied()
    number, index = place(files, data.draw(st.integers(0, original().fixed - 1)))
    strange = st.one_of(st.sampled_from([line for part in files for line in part]), st.binary(max_size=80))
    added = data.draw(strange).replace(b"\n", b"")
    files[number].insert(index, added)
    assert faults(files)


@pytest.mark.attack("edited-audit")
@settings(max_examples=40)
@given(st.data())
def test_a_chain_computed_anew_is_found(data: st.DataObject) -> None:
    """Root knows how the chain is made, and writes another one from any record on: the checkpoint tells them apart."""
    files = copied()
    start = data.draw(st.integers(0, original().fixed - 1))
    forge(files, start, lambda body: body.replace(b'"subject":"', b'"subject":"x', 1))
    assert faults(files)
    assert faults(files, keys=True)


def forge(files: list[list[bytes]], start: int, change: Callable[[bytes], bytes]) -> None:
    """Change one record and compute all hashes after it anew; its seals can only be made up."""
    previous, count = "", 0
    for part in files:
        for index, line in enumerate(part):
            record = read_record(line)
            if count >= start:
                body = line[: -len(record.seal) - len(',"seal":""}')] + b"}"
                body = change(body) if count == start else body.replace(record.previous.encode(), previous.encode())
                part[index] = line_of(body, record.seal)
            previous = hash_of(part[index])
            count += 1


@pytest.mark.attack("edited-audit")
def test_the_whole_log_of_another_node_is_found(tmp_path: Path) -> None:
    other = Log(tmp_path / "other", SMALL)
    for number in range(30):
        other.write(number)
    found = other.examined(checkpoints=[original().checkpoint])
    assert "of another log" in found.faults[0].message


@pytest.mark.attack("edited-audit")
def test_an_older_copy_with_its_key_is_found_by_the_checkpoint_alone(tmp_path: Path) -> None:
    """A copy of the whole directory is whole in itself: only what left the node since then tells."""
    log = Log(tmp_path / "audit")
    log.write(1)
    shutil.copytree(log.directory, tmp_path / "old")
    log.write(2)
    point = log.checkpoint()
    shutil.rmtree(log.directory)
    (tmp_path / "old").rename(log.directory)
    assert log.examined([log.verification]).faults == []
    assert "an older copy" in log.examined(checkpoints=[point]).faults[0].message


@pytest.mark.attack("edited-audit")
@given(st.data())
def test_without_a_checkpoint_the_key_finds_what_root_forges_later(data: st.DataObject) -> None:
    """Root who comes after the last record has the keys on disk, and neither the old ones nor the verification key."""
    files = copied()
    count = sum(map(len, files))
    forge(files, data.draw(st.integers(0, count - 1)), lambda body: body.replace(b'"uptime":', b'"uptime":1', 1))
    found = Examiner([original().verification]).examine(
        [LogFile(number=n, name=str(n), lines=lines) for n, lines in enumerate(files, 1)],
        key_file.KeyFile(original().directory).load()[1],  # type: ignore[index]
    )
    assert any("seal" in fault.message or "does not follow" in fault.message for fault in found.faults)


@pytest.mark.attack("edited-audit")
@given(st.integers(1, 25))
def test_without_a_checkpoint_a_cut_end_is_found(cut: int) -> None:
    """With the key as it is, as root may leave it; and with one that root makes up for the new end."""
    files = copied()
    for _ in range(cut):
        files[-1].pop()
        if not files[-1]:
            files.pop()
    taken = [LogFile(number=n, name=str(n), lines=lines) for n, lines in enumerate(files, 1)]
    key = key_file.KeyFile(original().directory).load()[1]  # type: ignore[index]
    assert "cut at the end" in Examiner().examine(taken, key).faults[0].message
    forged = key.copy()
    last = read_record(files[-1][-1])
    forged.sequence, forged.step = last.sequence + 1, len(files)
    assert Examiner([original().verification]).examine(taken, forged).faults
    assert Examiner([original().verification]).examine(taken, None).faults


def test_seals_say_nothing_of_what_root_writes_from_now_on(tmp_path: Path) -> None:
    """Honest about the limit: the key on disk seals the future, so whoever reads it can seal a lie."""
    log = Log(tmp_path / "audit")
    log.write(1)
    verification, point = log.verification, log.checkpoint()
    key = key_file.KeyFile(log.directory).load()[1]  # type: ignore[index]
    body = body_of(key.sequence, HandClock().now(), entry(99), point.hash)
    with log.paths()[0].open("ab") as stream:
        stream.write(line_of(body, key.seal(body)) + b"\n")
    assert log.examined([verification], [point]).faults == []


def test_a_hostile_log_costs_no_time(tmp_path: Path) -> None:
    """Numbers beyond all bounds, in records and in the first of a file, end the walk of the keys."""
    log = Log(tmp_path / "audit")
    log.write(1)
    data = log.paths()[0].read_bytes()
    for old, new in ((b'"seq":2', b'"seq":4611686018427387903'), (b'"keySegment":1', b'"keySegment":99999999999')):
        log.paths()[0].write_bytes(data.replace(old, new))
        found = log.examined([log.verification])
        assert any("key" in fault.message for fault in found.faults)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit")
    log.write(1)
    log.paths()[0].write_bytes(b"nonsense\n" * 1000)
    found = log.examined()
    assert len(found.faults) == 50
    assert found.further_faults > 900


def test_checkpoints_are_found_in_any_text() -> None:
    point = Checkpoint(log="0123456789abcdef", sequence=17, hash="ab" * 32)
    text = (
        f"Nov 23 node1 podstead-audit[7]: {point}\n{point} again\npodstead-audit-checkpoint:v1:0123456789abcdef:1:cut\n"
    )
    assert read_checkpoints(text) == (point,)


def test_a_checkpoint_of_a_dropped_record_is_named(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit", LogLimits(file_bytes=2000, files=2))
    log.write(1)
    point = log.checkpoint()
    for number in range(30):
        log.write(number)
    found = log.examined(checkpoints=[point])
    assert (found.faults, found.unkept, found.anchored) == ([], (point,), 0)


@pytest.mark.attack("edited-audit")
def test_the_front_is_where_the_log_says(tmp_path: Path) -> None:
    """The oldest files cannot go before their time: the first record of each file says where the log begins."""
    log = Log(tmp_path / "audit", SMALL)
    while len(log.paths()) < 4:
        log.write(1)
    log.paths()[0].unlink()
    assert "cut at the front" in log.examined().faults[0].message
    log.reopen()
    while len(log.paths()) < 6:
        log.write(2)
    assert "cut at the front" in log.examined().faults[0].message
