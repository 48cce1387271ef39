"""The published directory against the record: what to write, what to take out, what to tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from podstead.publication.record import Published

OTHER = "other"
"""Stands for the digest of an entry that is no file of the guard's making: a link, a FIFO, a file of another mode."""
DIRECTORY = "directory"
"""Stands for that of a directory, which a kubelet passes over."""


class Alarm(StrEnum):
    """What somebody did to the published directory."""

    FOREIGN = "ForeignFile"
    CHANGED = "PublishedFileChanged"
    REMOVED = "PublishedFileRemoved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What makes the directory what the record says: first `remove`, then `write`, both by name.

    The order matters: a kubelet that hears of a name's end removes the pod of that name, whoever else has it by then.
    """

    remove: tuple[str, ...]
    write: tuple[str, ...]
    alarms: tuple[tuple[Alarm, str], ...]


def settle(
    record: Mapping[str, Published], present: Mapping[str, str], before: Mapping[str, Published], seen: Collection[str]
) -> Settling:
    """Return what to do, given the digests of what is `present`.

    `before` is the record until now: what differs from both was somebody else's doing. `seen` are the names that were present
    at the last look, all of them where this is the first: what was never there was not removed by anybody.
    """
    alarms: list[tuple[Alarm, str]] = []
    for name, digest in sorted(present.items()):
        if name.startswith("."):
            continue  # no kubelet reads it: our marker, and what we are writing
        known = {one.digest for one in (record.get(name), before.get(name)) if one is not None}
        if not known:
            alarms.append((Alarm.FOREIGN, name))
        elif digest not in known:
            alarms.append((Alarm.CHANGED, name))
    alarms += [(Alarm.REMOVED, name) for name in sorted(before) if name not in present and name in seen]
    return Settling(
        remove=tuple(
            name
            for name, digest in sorted(present.items())
            if not name.startswith(".") and name not in record and digest != DIRECTORY
        ),
        write=tuple(name for name, one in sorted(record.items()) if present.get(name) != one.digest),
        alarms=tuple(alarms),
    )
