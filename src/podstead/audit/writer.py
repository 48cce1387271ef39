"""Writes the log: record after record, file after file, and goes on with what a crash or an intruder has left. Blocking.

Order of what becomes durable: the records, then the key that follows them. A crash in between leaves a key that lies a
few records behind, and from there it is walked on; a key that lies ahead of the records cannot come from a crash.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.audit import key_file
from podstead.audit.key_file import KeyFile
from podstead.audit.records import NOTHING_BEFORE, RENEWED, Header, RecordError, body_of, hash_of, line_of, read_record
from podstead.audit.recovery import Standing, recover
from podstead.audit.sealing import SEED_BYTES, VerificationKey
from podstead.audit.segments import (
    ReplacedError,
    Segment,
    make_directory,
    read_segment,
    segment_name,
    segment_numbers,
)
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.whole_files import sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from podstead.audit.sealing import SealingKey
    from podstead.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """How much of the log is kept: 64 MiB, some 130,000 records."""

    file_bytes: int = 4 << 20
    """A file that is as long is followed by the next: read and verified in a tenth of a second."""
    files: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An entry and when it was noted."""

    at: Instant
    entry: AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A record as it stands in the log."""

    sequence: int
    at: Instant
    entry: AuditEntry
    hash: str


class LogWriter:
    """Holds the end of the log. Not for two threads at once."""

    def __init__(
        self, directory: Path, now: Callable[[], Instant], *, version: str, limits: LogLimits | None = None
    ) -> None:
        self._directory = directory
        self._now = now
        self._version = version
        self._limits = limits or LogLimits()
        self._keys = KeyFile(directory)
        self._segment: Segment | None = None
        self._key: SealingKey | None = None
        self._own: list[AuditEntry] = []
        """What the log has to say itself, with the next batch."""
        self._first = 1
        self.log = ""
        self.sequence = 0
        """The last record's number, and its hash."""
        self.hash = NOTHING_BEFORE
        self.unsafe = ""
        """Why what was written last may not survive a crash."""

    def write(self, batch: Sequence[Noted]) -> list[Written]:
        """Add a batch of at most `MAX_BATCH` records, all of it or none, and make it durable. Raises OSError."""
        segment, key = self._ready()
        at = self._now()
        noted = [*(Noted(at=at, entry=entry) for entry in self._own), *batch]
        if not noted:
            return []
        ahead, previous, lines, written = key.copy(), self.hash, [], []
        for one in noted:
            sequence = ahead.sequence
            body = body_of(sequence, one.at, one.entry, previous)
            line = line_of(body, ahead.seal(body))
            previous = hash_of(line)
            lines.append(line + b"\n")
            written.append(Written(sequence=sequence, at=one.at, entry=one.entry, hash=previous))
        segment.append(b"".join(lines))
        self._own = []
        self._advance(segment, ahead, previous)
        return written

    def renew(self) -> VerificationKey:
        """Begin a chain of keys anew and return its verification key, which is written nowhere. Raises OSError.

        The old keys seal the record that names the new ones, so nobody else can put others in their place.
        """
        verification = VerificationKey(seed=os.urandom(SEED_BYTES))
        text = f"the log is sealed anew: keys of the name {verification.name} follow, their verification key was shown"
        facts: dict[Fact, str | int] = {Fact.KEY: verification.name}
        entry = AuditEntry(act=Act.KEY, subject="audit log", reason=RENEWED, message=text, facts=facts)
        self.write([Noted(at=self._now(), entry=entry)])
        segment, old = self._ready()
        key = verification.signing()
        key.sequence = old.sequence
        self._begin_file(segment.number + 1, key)
        return verification

    def close(self) -> None:
        """Let go of the files."""
        if self._segment is not None:
            self._segment.close()
        self._segment = None

    def _ready(self) -> tuple[Segment, SealingKey]:
        """Return the file and the key to go on with, after a start, a full file, or somebody's hand in it."""
        if self._segment is None or self._key is None:
            return self._open()
        try:
            self._segment.check()
        except ReplacedError as error:
            self._tell(_tampered(segment_name(self._segment.number), error.strerror or "it is gone"))
            return self._next_file(self._segment.number, self._key)
        if self._segment.size >= self._limits.file_bytes:
            return self._next_file(self._segment.number, self._key)
        return self._segment, self._key

    def _tell(self, *entries: AuditEntry) -> None:
        """Note what the log has to say itself; once, however often it is tried to write it down."""
        self._own += [entry for entry in entries if entry not in self._own]

    def _open(self) -> tuple[Segment, SealingKey]:
        make_directory(self._directory)
        found: Standing = recover(self._directory)
        self._tell(*found.told)
        self.log, self.sequence, self.hash = found.log or os.urandom(8).hex(), found.sequence, found.hash
        self._first = found.first
        key = found.key
        if key is None:
            verification = VerificationKey(seed=os.urandom(SEED_BYTES))
            key_file.keep_verification_key(self._directory, verification)
            key = verification.signing()
            key.sequence = found.sequence + 1
            self._keys.store(self.log, key)
        if found.number and not found.begins_file:
            self._key, self._segment = key, Segment.reopen(self._directory, found.number)
            return self._segment, key
        return self._begin_file(found.number + 1, key)

    def _next_file(self, after: int, key: SealingKey) -> tuple[Segment, SealingKey]:
        ahead = key.copy()
        ahead.next_file()
        return self._begin_file(after + 1, ahead)

    def _begin_file(self, number: int, key: SealingKey) -> tuple[Segment, SealingKey]:
        """Begin a file with its first record, then drop the oldest ones that are too many. Raises OSError."""
        segment, number = self._create(number)
        dropped, first = self._kept(number)
        header = Header(log=self.log, segment=number, key=key.name, key_segment=key.step, first=first)
        body = body_of(key.sequence, self._now(), header.entry(self._version), self.hash)
        ahead = key.copy()
        line = line_of(body, ahead.seal(body))
        try:
            segment.append(line + b"\n")
        except OSError:
            segment.close()
            (self._directory / segment_name(number)).unlink()
            raise
        if self._segment is not None:
            self._segment.close()
        self._segment, self._first = segment, first
        self._advance(segment, ahead, hash_of(line))
        for old in dropped:
            (self._directory / segment_name(old)).unlink(missing_ok=True)
        sync_directory(self._directory)
        return segment, ahead

    def _create(self, number: int) -> tuple[Segment, int]:
        """Return a new file and its number: the next that nobody has taken."""
        taken = set(segment_numbers(self._directory))
        while number in taken:
            number += 1
        return Segment.create(self._directory, number), number

    def _kept(self, number: int) -> tuple[tuple[int, ...], int]:
        """Return the files to drop when this one begins, and the first record of those that are to stay.

        Where the oldest that should be there is not, what was said of the first record stays: so the cut shows.
        """
        oldest = number - self._limits.files + 1
        there = segment_numbers(self._directory)
        first = self._first
        if oldest in there:
            with contextlib.suppress(RecordError):  # somebody wrote into it: those who verify tell of it
                first = read_record(next(iter(read_segment(self._directory, oldest).lines), b"")).sequence
        return tuple(one for one in there if one < oldest), first

    def _advance(self, segment: Segment, ahead: SealingKey, digest: str) -> None:
        """Make what was appended durable, and forget the keys that sealed it."""
        before, self._key = self._key, ahead
        self.sequence, self.hash = ahead.sequence - 1, digest
        try:
            segment.sync()
            self._keys.store(self.log, ahead)
            self.unsafe = ""
        except OSError as error:  # the records are there; the next batch tries again
            self.unsafe = f"its last records may not survive a crash: {error.strerror or error}"
        if before is not None and before is not ahead:
            before.wipe()


def _tampered(name: str, what: str) -> AuditEntry:
    return AuditEntry(
        act=Act.GAP,
        subject=name,
        reason="LogChanged",
        message=f"somebody else has been at {name} while the agent wrote it: {what}; the log goes on in a new file",
        facts={Fact.FILE: name},
    )
