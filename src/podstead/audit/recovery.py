"""Where an earlier agent left the log, and what is to be told of how it was found. Blocking.

A crash leaves the part of a record at the end, an empty last file, or a key that lies a batch behind. Anything else was
somebody's doing: it is told as an alarm, and the log goes on; what is gone stays visibly gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.audit.key_file import KeyFile
from podstead.audit.proof import MAX_BATCH, MAX_STEPS
from podstead.audit.records import NOTHING_BEFORE, Record, RecordError, body_in, hash_of, read_header, read_record
from podstead.audit.segments import Segment, read_segment, segment_name, segment_numbers
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podstead.audit.records import Header
    from podstead.audit.sealing import SealingKey


@dataclass(slots=True, kw_only=True)
class Standing:
    """The end of the log. `number` is its last file, 0 for none; `key` None: a new one is needed.

    `begins_file`: what comes next belongs into a new file. The key is that of the next record, and of its file.
    """

    log: str = ""
    number: int = 0
    sequence: int = 0
    first: int = 1
    """The oldest record that the log says it keeps: not what is there, which somebody may have cut."""
    hash: str = NOTHING_BEFORE
    key: SealingKey | None = None
    begins_file: bool = False
    told: list[AuditEntry] = field(default_factory=list)

    def tell(self, act: Act, reason: str, message: str, **facts: int) -> None:
        """Note what is to be recorded of how the log was found."""
        self.told.append(
            AuditEntry(
                act=act,
                subject=self.log or "audit log",
                reason=reason,
                message=message,
                facts={Fact(name): value for name, value in facts.items()},
            )
        )


def recover(directory: Path) -> Standing:
    """Return where the log goes on; a torn end is cut off. Raises OSError."""
    found = Standing()
    kept = KeyFile(directory).load()
    if kept is not None:
        found.log, found.key = kept
    number, lines = _last_file(directory, found)
    if not number:
        _without_files(found)
        return found
    found.number = number
    first, last = _record(lines[0]), _record(lines[-1])
    header = read_header(first) if first is not None else None
    found.log = found.log or (header.log if header is not None else "")
    found.first = header.first if header is not None else 1
    found.hash = hash_of(lines[-1])
    if first is None or last is None or header is None or header.log != found.log:
        found.sequence = max(first.sequence if first else 0, last.sequence if last else 0)
        found.tell(Act.GAP, "LogChanged", f"{segment_name(number)} does not read as the log left it")
        _go_on_beyond(found)
        return found
    found.sequence = last.sequence
    _catch_up(found, header, first, lines)
    return found


def _last_file(directory: Path, found: Standing) -> tuple[int, Sequence[bytes]]:
    """Return the last file that holds a record and its lines; what a crash left behind it is cut off."""
    for number in reversed(segment_numbers(directory)):
        file = read_segment(directory, number)
        lines = list(file.lines)
        if not lines:
            (directory / file.name).unlink()  # a crash as it was begun
            continue
        if file.torn:
            segment = Segment.reopen(directory, number)
            try:
                segment.cut(segment.size - len(file.torn))
                segment.sync()
            finally:
                segment.close()
            text = f"a crash left {len(file.torn)} bytes of a record at the end of {file.name}: cut off"
            found.tell(Act.GAP, "TornRecord", text, size=len(file.torn))
        return number, lines
    return 0, ()


def _without_files(found: Standing) -> None:
    """Begin the log, or go on where all of its files are gone."""
    if found.key is None or found.key.sequence == 1:
        return  # none was begun, or a crash came before its first record
    found.sequence = found.key.sequence - 1
    found.key.next_file()
    found.tell(Act.GAP, "LogGone", f"all files of the log are gone: {found.sequence} records", count=found.sequence)


def _go_on_beyond(found: Standing) -> None:
    """Go on in a new file, behind all that the log or its key have come to."""
    found.begins_file = True
    if found.key is None:
        _key_lost(found)
        return
    found.sequence = max(found.sequence, found.key.sequence - 1)
    found.key.next_file()
    found.key.sequence = found.sequence + 1


def _key_lost(found: Standing) -> None:
    found.begins_file, found.key = True, None
    text = "the sealing key is lost: a new one seals from here on, and a new verification key is to be taken away"
    found.tell(Act.KEY, "SealingKeyLost", text)


def _catch_up(found: Standing, header: Header, first: Record, lines: Sequence[bytes]) -> None:
    """Bring the key to the end of the log, over the records that it lies behind."""
    key = found.key
    if key is None:
        _key_lost(found)
        return
    if key.name == header.key and key.step == header.key_segment - 1 and key.sequence == first.sequence:
        key.next_file()  # a crash between the first record of a file and its key
    if (key.name, key.step) != (header.key, header.key_segment):
        found.tell(Act.GAP, "LogChanged", f"the sealing key is not that of {segment_name(found.number)}")
        _go_on_beyond(found)
        return
    behind = found.sequence + 1 - key.sequence
    if behind > MAX_STEPS:
        _key_lost(found)
        return
    if behind < 0:
        text = (
            f"records {found.sequence + 1} to {key.sequence - 1} are gone from the end of {segment_name(found.number)}"
        )
        found.tell(Act.GAP, "RecordsMissing", text, first=found.sequence + 1, last=key.sequence - 1)
        found.sequence = key.sequence - 1
        return
    if behind > MAX_BATCH:
        found.tell(
            Act.GAP, "SealingKeyBehind", f"the sealing key was {behind} records behind: an older one was put back"
        )
    if not _sealed(key, lines[len(lines) - behind :] if behind else ()):
        text = f"the last {behind} records of {segment_name(found.number)} were not sealed by the log's key: forged"
        found.tell(Act.GAP, "SealBroken", text, count=behind)
    key.skip(found.sequence + 1 - key.sequence)


def _sealed(key: SealingKey, lines: Sequence[bytes]) -> bool:
    """Return whether these records are sealed one after another; the key goes on over those that are."""
    for line in lines:
        record = _record(line)
        if record is None or record.sequence != key.sequence or key.seal(body_in(line, record.seal)) != record.seal:
            return False
    return True


def _record(line: bytes) -> Record | None:
    try:
        return read_record(line)
    except RecordError:
        return None
