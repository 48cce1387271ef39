"""A ConfigMap or a Secret of the node as a row, as kubectl prints them; nothing of their data but the number of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.ages import age_since
from podstead.server.tables import Cells, Column, Printer

if TYPE_CHECKING:
    from podstead.server.port import LocalObjectReport

GONE = "<gone>"
"""Stands for the file of an object that is only kept for the pods that refer to it."""

_NAME = Column("Name", format="name", description="Name of the object")
_TYPE = Column("Type", description="Type of the Secret")
_REST = (
    Column("Data", description="How many keys it has"),
    Column("Age", description="Time since its content was taken"),
    Column("File", priority=1, description="File of the objects directory that gives it"),
)


def _last(report: LocalObjectReport, now: float) -> tuple[str, ...]:
    return str(report.keys), age_since(report.taken, now), GONE if report.gone else report.file


def config_map_cells(report: LocalObjectReport, now: float) -> Cells:
    """Return the row of a ConfigMap at `now` (Unix seconds)."""
    return Cells((report.name, *_last(report, now)))


def secret_cells(report: LocalObjectReport, now: float) -> Cells:
    """Return the row of a Secret at `now` (Unix seconds)."""
    return Cells((report.name, report.type, *_last(report, now)))


CONFIG_MAPS = Printer((_NAME, *_REST), config_map_cells)
SECRETS = Printer((_NAME, _TYPE, *_REST), secret_cells)
