"""An Event as a row of `kubectl get events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.ages import age_since
from podstead.server.tables import Cells, Column, Printer

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

COLUMNS = (
    Column("Last Seen", description="Time since it happened last"),
    Column("Type", description="Normal or Warning"),
    Column("Reason", description="One word for what happened"),
    Column("Object", description="What it happened to"),
    Column("Subobject", priority=1, description="Which part of the object"),
    Column("Source", priority=1, description="Who reported it"),
    Column("Message", description="What happened"),
    Column("First Seen", priority=1, description="Time since it happened first"),
    Column("Count", priority=1, description="How often it happened"),
    Column("Name", priority=1, format="name", description="Name of the event"),
)


def last_seen(event: v1.Event) -> str | None:
    """Return the RFC 3339 time of an event's last occurrence; lists of events are sorted by it."""
    observed = event.series.last_observed_time if event.series else None
    return observed or event.last_timestamp or event.first_timestamp or event.event_time


def _source(event: v1.Event) -> str:
    component = (event.source.component if event.source else None) or event.reporting_component or ""
    host = (event.source.host if event.source else None) or event.reporting_instance or ""
    return f"{component}, {host}" if host else component


def _count(event: v1.Event) -> int:
    return (event.series.count if event.series else None) or event.count or 1


def event_cells(event: v1.Event, now: float) -> Cells:
    """Return the row of an event at `now` (Unix seconds)."""
    about = event.involved_object
    return Cells(
        (
            age_since(last_seen(event), now),
            event.type or "",
            event.reason or "",
            f"{(about.kind or '').lower()}/{about.name or ''}",
            about.field_path or "",
            _source(event),
            (event.message or "").strip(),
            age_since(event.first_timestamp or event.event_time, now),
            str(_count(event)),
            event.metadata.name or "",
        )
    )


PRINTER = Printer(COLUMNS, event_cells)
