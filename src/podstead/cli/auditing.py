"""What `podstead audit` prints: records as lines, and in one sentence each what was proven and what was not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from podstead.audit.reader import Unreadable
from podstead.k8s.text import printable
from podstead.state.audit import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.audit.proof import Examination
    from podstead.audit.records import Record
    from podstead.cli.documents import Json

HEADERS = ("TIME", "RECORD", "ACT", "SUBJECT", "REASON", "WHO", "MESSAGE")


def row_of(record: Record | Unreadable) -> tuple[str, ...]:
    """Return the cells of a record."""
    if isinstance(record, Unreadable):
        return ("?", "?", "Unreadable", record.place, "", "", f"{record.why}: podstead audit verify")
    time = datetime.fromtimestamp(record.wall).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    facts = record.facts
    container = facts.get(Fact.CONTAINER)
    subject = f"{record.subject}[{container}]" if container else record.subject
    cells = (time, str(record.sequence), record.act, subject, record.reason, _who(record), record.message)
    return tuple(printable(cell) for cell in cells)


def _who(record: Record) -> str:
    facts = record.facts
    uid, login = facts.get(Fact.UID), facts.get(Fact.LOGIN_UID)
    if uid is None:
        return str(facts.get(Fact.OWNER, ""))
    return f"uid {uid}" + (f" (login {login})" if login is not None and login != uid else "")


def document_of(record: Record | Unreadable) -> dict[str, Json]:
    """Return a record as it is told in JSON: as it stands in the log."""
    if isinstance(record, Unreadable):
        return {"unreadable": record.place, "message": record.why}
    return {
        "seq": record.sequence,
        "time": record.time,
        "boot": record.boot_id,
        "uptime": record.boot,
        "act": record.act,
        "subject": record.subject,
        "reason": record.reason,
        "message": record.message,
        "facts": dict(record.facts),
        "prev": record.previous,
        "seal": record.seal,
    }


def verdict_lines(found: Examination, *, keys: int, checkpoints: int) -> Iterator[str]:
    """Yield what an examination came to: its faults, its remarks, then what was proven and what was not."""
    for fault in found.faults:
        yield printable(f"{fault.place or 'log'}: {fault.message}")
    if found.further_faults:
        yield f"log: {found.further_faults} more of these"
    for remark in found.remarks:
        yield printable(f"note: {remark}")
    for point in found.unkept:
        yield f"note: record {point.sequence} of a checkpoint is no longer kept: nothing can be said of it"
    if found.faults:
        yield f"NOT INTACT: the log {found.log or ''} was changed, cut or replaced, or its disk has lost a part of it.".replace(
            "  ", " "
        )
        return
    yield printable(f"Intact: {_extent(found)} form one chain. {_proven(found)} {_unproven(found, keys, checkpoints)}")


def _extent(found: Examination) -> str:
    return f"the {found.records} records {found.first} to {found.last} (until {found.last_time}) of the log {found.log}"


def _proven(found: Examination) -> str:
    if found.anchored and found.sealed == found.records:
        return (
            f"Proven: none up to record {found.anchored} was changed or cut, by anybody, as the checkpoint says; and none"
            " at all by who became root after it was sealed, as the key says."
        )
    if found.anchored:
        return f"Proven: none up to record {found.anchored} was changed or cut by anybody since its checkpoint left the node."
    if found.sealed:
        end = " nor cut from the end" if found.end_sealed else ""
        return f"Proven: {found.sealed} records were not changed{end} by who became root after they were sealed."
    return "Proven: nobody changed them without computing the chain anew, which root can."


def _unproven(found: Examination, keys: int, checkpoints: int) -> str:
    if found.anchored and found.anchored == found.last:
        return "That is the whole log."
    if found.sealed == found.records and found.end_sealed:
        return "Not proven: what root did to the log while it was being written" + (
            "."
            if found.anchored
            else ", nor that this is not an older copy with its key: give a checkpoint (--against)."
        )
    if found.anchored:
        return f"Not proven: records {found.anchored + 1} to {found.last}, which came later."
    missing = [
        *([] if checkpoints else ["a checkpoint that was kept elsewhere (--against FILE)"]),
        *([] if keys else ["the verification key (--key FILE)"]),
    ]
    how = f": give {' or '.join(missing)}" if missing else ", as what was given says nothing of them"
    return f"Not proven: that root has not written them anew{how}."
