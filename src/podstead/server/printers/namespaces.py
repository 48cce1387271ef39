"""A Namespace as a row of `kubectl get namespaces`."""

from __future__ import annotations

from podstead.k8s import core_v1 as v1
from podstead.server.ages import age_since
from podstead.server.tables import Cells, Column, Printer

COLUMNS = (
    Column("Name", format="name", description="Name of the namespace"),
    Column("Status", description="Active as long as a pod names it"),
    Column("Age", description="Time since it was first named"),
)


def namespace_cells(namespace: v1.Namespace, now: float) -> Cells:
    """Return the row of a namespace at `now` (Unix seconds)."""
    meta = namespace.metadata or v1.ObjectMeta()
    phase = namespace.status.phase if namespace.status else None
    return Cells((meta.name or "", phase or "Active", age_since(meta.creation_timestamp, now)))


PRINTER = Printer(COLUMNS, namespace_cells)
