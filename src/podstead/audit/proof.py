"""What a log proves: the chain, its ends, the seals, and the checkpoints that were kept elsewhere. Pure.

It goes once over the files in their order and holds no more than one line of them. Everything that it reads may have
been written by an attacker: every walk is bounded, and nothing is repeated from a line that is no record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.audit.records import (
    NOTHING_BEFORE,
    RENEWED,
    Record,
    RecordError,
    body_in,
    hash_of,
    read_header,
    read_record,
)
from podstead.state.audit import Act, Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.records import Header
    from podstead.audit.sealing import SealingKey, VerificationKey

MAX_FAULTS = 50
"""Faults that are told one by one: a forged log has one on each line."""
MAX_STEPS = 1 << 20
"""Files of a log, and records that may be missing in a row, past which a key is walked: some seconds."""
MAX_BATCH = 256
"""Records that are written before the key file goes on: so far may it lie behind the log after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of the log. `lines` are without newlines; `torn` is what follows the last newline."""

    number: int
    name: str
    lines: Iterable[bytes]
    torn: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as the log was written. `place` is FILE:LINE, empty for the log as a whole."""

    place: str
    message: str


@dataclass(slots=True, kw_only=True)
class Examination:
    """What was found. `faults` empty: all that could be examined is as it was written.

    `sealed` counts the records whose seals were verified with a key that was given. `end_sealed` says that the key on
    disk is the one that follows the last record, so nothing was cut from the end by anybody who came later.
    `anchored` is the highest record that a checkpoint fixes, 0 without one; `unkept` are checkpoints of records that the
    log no longer keeps.
    """

    log: str = ""
    first: int = 0
    last: int = 0
    last_hash: str = ""
    last_time: str = ""
    records: int = 0
    sealed: int = 0
    end_sealed: bool = False
    anchored: int = 0
    unkept: tuple[Checkpoint, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    further_faults: int = 0
    remarks: list[str] = field(default_factory=list)

    def fault(self, place: str, message: str) -> None:
        """Note a fault; beyond `MAX_FAULTS` they are counted."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(place=place, message=message))
        else:
            self.further_faults += 1


class Examiner:
    """Goes over a log."""

    def __init__(self, keys: Sequence[VerificationKey] = (), checkpoints: Sequence[Checkpoint] = ()) -> None:
        self.found = Examination()
        self._keys = {key.name: key for key in keys}
        self._checkpoints = checkpoints
        self._hashes: dict[int, str] = {point.sequence: "" for point in checkpoints}
        self._walk: SealingKey | None = None
        """The key of the next record, where the verification key of the file is given."""
        self._header: Header | None = None
        self._announced = ""
        """The chain of keys that the last record of its kind says comes next."""
        self._previous = ""
        self._expected = 0
        """The number that the next record must have; 0: any."""
        self._key_on_disk: SealingKey | None = None
        self._passed_key: bool | None = None
        """Whether the key on disk was the right one where the walk came by its place; None: it did not."""

    def examine(self, files: Iterable[LogFile], key_on_disk: SealingKey | None) -> Examination:
        """Return what a log proves. The key on disk must have been read before the files."""
        self._key_on_disk = key_on_disk
        number = 0
        for file in files:
            if number and file.number != number + 1:
                self.found.fault(
                    file.name,
                    f"the file{_s(file.number - number - 1)} before it {_are(file.number - number - 1)} missing",
                )
            number = file.number
            self._file(file)
        self._front()
        self._end()
        self._anchors()
        return self.found

    def _file(self, file: LogFile) -> None:
        count = 0
        for line in file.lines:
            count += 1
            self._line(line, f"{file.name}:{count}", file.number if count == 1 else 0)
        if file.torn:
            self.found.remarks.append(f"{file.name} ends within a record: a crash, or one is being written")
        elif not count:
            self.found.remarks.append(f"{file.name} is empty: a crash as it was begun")

    def _line(self, line: bytes, place: str, begins: int) -> None:
        found = self.found
        digest = hash_of(line)
        try:
            record = read_record(line)
        except RecordError as error:
            found.fault(place, str(error))
            self._previous, self._expected = digest, self._expected and self._expected + 1
            if self._walk is not None:
                self._walk.skip(1)
            found.records += 1
            return
        if begins:
            self._begin(record, place, begins)
        self._link(record, place)
        self._seal(record, line, place)
        found.records += 1
        found.first = found.first or record.sequence
        found.last, found.last_hash, found.last_time = record.sequence, digest, record.time
        if record.sequence in self._hashes:
            self._hashes[record.sequence] = digest
        if record.act == Act.KEY and record.reason == RENEWED:
            self._announced = str(record.facts.get(Fact.KEY, ""))
        self._previous, self._expected = digest, record.sequence + 1

    def _link(self, record: Record, place: str) -> None:
        if self._expected and record.sequence != self._expected:
            gap = record.sequence - self._expected
            missing = (
                f"{gap} record{_s(gap)} before it {_are(gap)} missing" if gap > 0 else "it stands in the wrong place"
            )
            self.found.fault(place, f"record {record.sequence}: {missing}")
        if self._previous and record.previous != self._previous:
            self.found.fault(
                place, f"record {record.sequence} does not follow the one before it: one of them was changed"
            )
        if not self._previous and (record.sequence == 1) != (record.previous == NOTHING_BEFORE):
            self.found.fault(place, f"the log begins anew at record {record.sequence}: what was before it is gone")

    def _begin(self, record: Record, place: str, number: int) -> None:
        """Take up the keys of a file from its first record."""
        found, before, header = self.found, self._header, read_header(record)
        self._walk_past(
            record.sequence
        )  # the key on disk may still be the one after the last record of the file before
        self._walk = None
        if header is None:
            found.fault(place, "the file does not begin with the record that begins a file")
            return
        self._header = header
        if header.segment != number:
            found.fault(place, f"the file is the log's file {header.segment} by its first record")
        if found.log and header.log != found.log:
            found.fault(place, f"the file belongs to another log, {header.log}")
        found.log = found.log or header.log
        if before is not None and header.key == before.key and header.key_segment != before.key_segment + 1:
            found.fault(place, "the sealing key of the file does not follow that of the file before")
        if before is not None and header.key not in {before.key, self._announced}:
            text = "the sealing key was lost before this file: nothing tells whether records were cut there"
            found.fault(place, f"{text} (its new name is {header.key})")
        if (given := self._keys.get(header.key)) is None:
            return
        if not 1 <= header.key_segment <= MAX_STEPS:
            found.fault(place, "the number of its sealing key is out of all bounds")
            return
        walk = given.signing()
        for _ in range(header.key_segment - 1):
            walk.next_file()
        walk.sequence = record.sequence
        self._walk = walk

    def _walk_past(self, sequence: int) -> bool:
        """Bring the key to a record, and compare it with the one on disk on the way; False where that is too far."""
        walk, disk = self._walk, self._key_on_disk
        if walk is None or not 0 <= sequence - walk.sequence <= MAX_STEPS:
            return False
        here = disk is not None and (disk.name, disk.step) == (walk.name, walk.step)
        if disk is not None and here and walk.sequence <= disk.sequence <= sequence:
            walk.skip(disk.sequence - walk.sequence)
            self._passed_key = walk.same(disk)
        walk.skip(sequence - walk.sequence)
        return True

    def _seal(self, record: Record, line: bytes, place: str) -> None:
        walk = self._walk
        if walk is None:
            return
        if not self._walk_past(record.sequence):
            self.found.fault(
                place, f"record {record.sequence}: its place has no key: seals after it cannot be verified"
            )
            self._walk = None
        elif walk.seal(body_in(line, record.seal)) != record.seal:
            self.found.fault(
                place, f"the seal of record {record.sequence} is not the log's: the record was forged or changed"
            )
        else:
            self.found.sealed += 1

    def _front(self) -> None:
        found = self.found
        if found.records and self._header is not None and found.first > max(1, self._header.first):
            gone = found.first - self._header.first
            found.fault(
                "",
                f"the log begins at record {found.first} but says that it keeps all from {self._header.first} on: {gone} cut at the front",
            )
        if found.first > 1:
            found.remarks.append(f"records 1 to {found.first - 1} are no longer kept: the log is bounded")

    def _end(self) -> None:
        """Judge the end by the key on disk."""
        found, disk, header = self.found, self._key_on_disk, self._header
        if disk is None:
            if found.records:
                found.fault("", "the sealing key is gone: nothing tells whether records were cut at the end")
            return
        if not found.records:
            found.fault("", f"the whole log is gone: its key has sealed {disk.sequence - 1} records")
            return
        self._walk_past(found.last + 1)
        lost = disk.sequence - 1 - found.last
        if lost > 0:
            found.fault(
                "",
                f"the log ends at record {found.last} but its key has gone on: {lost} record{_s(lost)} cut at the end",
            )
        elif header is not None and (disk.name != header.key or not 0 <= header.key_segment - disk.step <= 1):
            found.fault("", "the sealing key on disk is not that of the last file: one of them was replaced")
        elif -lost > MAX_BATCH:
            found.fault("", f"the sealing key on disk is {-lost} records behind the log: an older one was put back")
        elif self._walk is not None and not self._passed_key:
            found.fault(
                "",
                f"the sealing key on disk is not the one that follows record {disk.sequence - 1}: the log was cut or written anew",
            )
        found.end_sealed = self._passed_key is True and not found.faults

    def _anchors(self) -> None:
        found, unkept = self.found, []
        for point in self._checkpoints:
            if point.log != found.log:
                found.fault(
                    "",
                    f"a checkpoint is of another log ({point.log}): this one was put in its place, or the checkpoint is another node's",
                )
            elif point.sequence > found.last:
                found.fault(
                    "",
                    f"the log ends at record {found.last}, and a checkpoint fixes record {point.sequence}: it was cut at the end or is an older copy",
                )
            elif point.sequence < found.first:
                unkept.append(point)
            elif self._hashes[point.sequence] != point.hash:
                found.fault(
                    "",
                    f"record {point.sequence} is not the one that a checkpoint fixes: it or one before it was changed",
                )
            else:
                found.anchored = max(found.anchored, point.sequence)
        found.unkept = tuple(unkept)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
