"""Records as alerts of Alertmanager's API v2 (POST …/api/v2/alerts). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from podstead.state.audit import Act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.writer import Written

CRITICAL = frozenset({Act.FOREIGN, Act.DENIED, Act.POSTURE})
"""What speaks of an intruder; other alarms are warnings."""
CHECKPOINT = "PodsteadAuditCheckpoint"


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert. It has no end: Alertmanager lets it rest after its own `resolve_timeout`."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str


def alert_of(record: Written, node: str, checkpoint: Checkpoint) -> Alert:
    """Return the alert of an alarm; the checkpoint fixes it."""
    entry = record.entry
    facts = ", ".join(f"{name}={value}" for name, value in sorted(entry.facts.items()))
    return Alert(
        labels={
            "alertname": f"Podstead{entry.act.value}",
            "severity": "critical" if entry.act in CRITICAL else "warning",
            "node": node,
            "subject": entry.subject,
            "reason": entry.reason,
        },
        annotations={
            "summary": entry.message or f"{entry.act.value} {entry.subject}",
            "description": facts,
            "record": str(record.sequence),
            "checkpoint": str(checkpoint),
        },
        starts_at=_stamp(record.at.wall),
    )


def alert_of_checkpoint(checkpoint: Checkpoint, node: str, at: float) -> Alert:
    """Return a checkpoint as an alert that wakes nobody; its receiver keeps it."""
    return Alert(
        labels={"alertname": CHECKPOINT, "severity": "none", "node": node},
        annotations={"summary": f"audit log of {node} at record {checkpoint.sequence}", "checkpoint": str(checkpoint)},
        starts_at=_stamp(at),
    )


def body_of_alerts(alerts: Sequence[Alert]) -> bytes:
    """Return what is posted."""
    return msgspec.json.encode(list(alerts))


def _stamp(wall: float) -> str:
    try:
        return datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00.000Z"  # a clock beyond all calendars
