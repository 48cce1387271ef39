"""One record of the log and its line: canonical JSON, so that equal content is equal bytes. Pure.

Each line holds the SHA-256 of the line before it, whole, so a line fixes all that came before; and a seal, made with a
key that is gone afterwards (`sealing`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s.text import printable
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.clock import Instant

MAX_SUBJECT = 300
"""Characters: a namespace, a pod and a container of 63 each, or a file's name of 255."""
MAX_REASON = 64
MAX_MESSAGE = 600
"""Characters: a verdict's sentence; the whole of a long one is shown by `podstead get files`."""
MAX_FACT = 300
MAX_NUMBER = 1 << 62
MAX_LINE_BYTES = 64 * 1024
"""No record of ours is as long: all that its texts can hold is 12 KiB."""
NOTHING_BEFORE = "0" * 64
"""What the first record of all names as the hash of the one before it."""


class RecordError(Exception):
    """A line is no record; the text says why, and repeats nothing of it."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    seq: int
    time: str
    boot: str
    uptime: float
    act: str
    subject: str = ""
    reason: str = ""
    message: str = ""
    facts: dict[str, str | int] = {}
    prev: str
    seal: str = ""


_LINE = msgspec.json.Decoder(_Line)
"""Made at the import: threads in which msgspec meets a type for the first time at once crash the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it was read. Acts and facts are texts here: a log outlives the version that wrote it."""

    sequence: int
    time: str
    wall: float
    boot_id: str
    boot: float
    act: str
    subject: str
    reason: str
    message: str
    facts: Mapping[str, str | int]
    previous: str
    seal: str


def cleaned(entry: AuditEntry) -> AuditEntry:
    """Return the entry with nothing in it that a terminal obeys, and nothing longer than a line should be."""
    return AuditEntry(
        act=entry.act,
        subject=_cut(entry.subject, MAX_SUBJECT),
        reason=_cut(entry.reason, MAX_REASON),
        message=_cut(entry.message, MAX_MESSAGE),
        facts={name: _fact(value) for name, value in entry.facts.items()},
    )


def _fact(value: str | int) -> str | int:
    """Return a fact as a line can hold it: numbers of JSON, everything else as text."""
    if type(value) is int and abs(value) < MAX_NUMBER:
        return value
    return _cut(str(value), MAX_FACT)


def _cut(text: str, limit: int) -> str:
    shown = printable(text[: limit + 1])  # cut before too: escaping a hostile megabyte to throw it away would cost
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def body_of(sequence: int, at: Instant, entry: AuditEntry, previous: str) -> bytes:
    """Return what is sealed of a record: its line but for the seal. The entry must be `cleaned`."""
    return msgspec.json.encode(
        _Line(
            seq=sequence,
            time=_time_text(at.wall),
            boot=at.boot_id,
            uptime=round(at.boot, 3),
            act=entry.act.value,
            subject=entry.subject,
            reason=entry.reason,
            message=entry.message,
            facts={name.value: value for name, value in sorted(entry.facts.items())},
            prev=previous,
        )
    )


def line_of(body: bytes, seal: str) -> bytes:
    """Return the line of a sealed record, without its newline."""
    return body[:-1] + b',"seal":"' + seal.encode() + b'"}'


def body_in(line: bytes, seal: str) -> bytes:
    """Return what was sealed of a line with this seal."""
    return line[: -len(seal) - len(',"seal":""}')] + b"}"


def hash_of(line: bytes) -> str:
    """Return the hash by which the next record, and a checkpoint, name this line."""
    return hashlib.sha256(line).hexdigest()


def read_record(line: bytes) -> Record:
    """Return the record of a line. Raises RecordError when it is not one, exactly as the log writes them."""
    if len(line) > MAX_LINE_BYTES:
        raise RecordError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        found = _LINE.decode(line)
        wall = datetime.fromisoformat(found.time).timestamp()
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError):
        raise RecordError("not a record") from None
    if not (0 < found.seq < 1 << 62 and found.seal and msgspec.json.encode(found) == line):
        raise RecordError("not written as the log writes records")
    return Record(
        sequence=found.seq,
        time=found.time,
        wall=wall,
        boot_id=found.boot,
        boot=found.uptime,
        act=found.act,
        subject=found.subject,
        reason=found.reason,
        message=found.message,
        facts=found.facts,
        previous=found.prev,
        seal=found.seal,
    )


def begins_log_file(record: Record) -> bool:
    """Return whether a record is the first of a file of the log."""
    return record.act == Act.LOG and record.reason == SEGMENT_BEGINS


SEGMENT_BEGINS = "FileBegins"
RENEWED = "SealingKeyRenewed"
"""Of the record that names the chain of keys which the next file begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first record of each file says: whose log, which file of it, and where the kept ones begin.

    `key` names the chain of sealing keys, `key_segment` how far in it this file is. `first` is the oldest record that
    is still kept.
    """

    log: str
    segment: int
    key: str
    key_segment: int
    first: int

    def entry(self, version: str) -> AuditEntry:
        """Return it as the entry that stands in the log."""
        return AuditEntry(
            act=Act.LOG,
            subject=self.log,
            reason=SEGMENT_BEGINS,
            message=f"file {self.segment} of the log begins; record {self.first} is the oldest that is kept",
            facts={
                Fact.FILE: self.segment,
                Fact.KEY: self.key,
                Fact.KEY_SEGMENT: self.key_segment,
                Fact.FIRST: self.first,
                Fact.VERSION: version,
            },
        )


def read_header(record: Record) -> Header | None:
    """Return what the first record of a file says, None where it is none."""
    facts = record.facts
    segment, step, first, key = (facts.get(name) for name in (Fact.FILE, Fact.KEY_SEGMENT, Fact.FIRST, Fact.KEY))
    if not begins_log_file(record) or not isinstance(key, str):
        return None
    if not (isinstance(segment, int) and isinstance(step, int) and isinstance(first, int)):
        return None
    return Header(log=record.subject, segment=segment, key=key, key_segment=step, first=first)


def _time_text(wall: float) -> str:
    """Return the time in microseconds; a clock beyond all calendars is written as their end."""
    try:
        return datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return "9999-12-31T23:59:59.999999Z"
