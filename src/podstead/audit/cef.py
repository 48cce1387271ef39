"""Records in the Common Event Format of ArcSight, which most collectors of security events read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.audit import ALARMS, Act, Fact

if TYPE_CHECKING:
    from podstead.audit.records import Record

ALARM, NOTABLE, USUAL = 8, 5, 2
"""CEF's severities go from 0 to 10: 7 and 8 are high."""
NOTABLE_ACTS = frozenset({Act.EXEC, Act.OPERATION, Act.IMPORT, Act.KEY, Act.POLICY, Act.MODE, Act.INDEX, Act.ROLLBACK})
EXTENSIONS = {
    Fact.FILE: "filePath",
    Fact.DIGEST: "fileHash",
    Fact.SIZE: "fsize",
    Fact.UID: "suid",
    Fact.PID: "spid",
    Fact.EXECUTABLE: "sproc",
    Fact.OUTCOME: "outcome",
    Fact.COUNT: "cnt",
}
"""CEF's own names of what it knows; the rest keeps ours, as its extension dictionary allows."""


def cef_line(record: Record, version: str, node: str) -> str:
    """Return a record as one line of CEF."""
    severity = ALARM if record.act in ALARMS else NOTABLE if record.act in NOTABLE_ACTS else USUAL
    name = record.message or f"{record.act} {record.subject}"
    head = ("CEF:0", "Podstead", "podstead", version, f"{record.act}.{record.reason}".rstrip("."), name, str(severity))
    pairs = {
        "rt": str(round(record.wall * 1000)),
        "dvchost": node,
        "externalId": str(record.sequence),
        "podsteadSubject": record.subject,
        **{_name(key): str(value) for key, value in record.facts.items()},
        "podsteadPrev": record.previous,
        "podsteadSeal": record.seal,
    }
    tail = " ".join(f"{key}={_value(value)}" for key, value in pairs.items() if value)
    return "|".join((head[0], *(_head(text) for text in head[1:]), tail))


def _name(key: str) -> str:
    own = EXTENSIONS.get(Fact(key)) if key in set(Fact) else None
    return own or f"podstead{key[:1].upper()}{key[1:]}"


def _head(text: str) -> str:
    return text.replace("\\", r"\\").replace("|", r"\|")


def _value(text: str) -> str:
    return text.replace("\\", r"\\").replace("=", r"\=")
