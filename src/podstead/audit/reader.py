"""Reads the log from its files, whether an agent runs or not: what was recorded, what follows, what it proves. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.audit.checkpoint import Checkpoint
from podstead.audit.key_file import KeyFile
from podstead.audit.proof import Examination, Examiner
from podstead.audit.records import Record, RecordError, hash_of, read_header, read_record
from podstead.audit.segments import read_segment, read_segments, segment_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from podstead.audit.sealing import VerificationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A line that is no record; `place` is FILE:LINE."""

    place: str
    why: str


@dataclass(slots=True)
class Place:
    """How far a log was read: `lines` of the file `number`."""

    number: int = 0
    lines: int = 0


def read_log(directory: Path, place: Place | None = None) -> Iterator[Record | Unreadable]:
    """Yield what is recorded from a place on, and move it along. Raises OSError."""
    at = place or Place()
    for number in segment_numbers(directory):
        if number < at.number:
            continue
        try:
            file = read_segment(directory, number)
        except FileNotFoundError:
            continue  # the oldest, dropped meanwhile
        if number > at.number:
            at.number, at.lines = number, 0
        for line in list(file.lines)[at.lines :]:
            at.lines += 1
            try:
                yield read_record(line)
            except RecordError as error:
                yield Unreadable(place=f"{file.name}:{at.lines}", why=str(error))


def examine_log(
    directory: Path, keys: Sequence[VerificationKey] = (), checkpoints: Sequence[Checkpoint] = ()
) -> Examination:
    """Return what the log proves. Raises OSError."""
    kept = KeyFile(directory).load()  # before the files, as an agent may be writing them
    found = Examiner(keys, checkpoints).examine(read_segments(directory), kept[1] if kept is not None else None)
    if kept is not None and found.log and kept[0] != found.log:
        found.fault("", f"the sealing key on disk is of another log, {kept[0]}")
    return found


def last_checkpoint(directory: Path) -> Checkpoint | None:
    """Return what fixes the log as it is now, None where there is none. Raises OSError."""
    for number in reversed(segment_numbers(directory)):
        lines = list(read_segment(directory, number).lines)
        if not lines:
            continue
        try:
            header, last = read_header(read_record(lines[0])), read_record(lines[-1])
        except RecordError:
            return None
        return Checkpoint(log=header.log, sequence=last.sequence, hash=hash_of(lines[-1])) if header else None
    return None
