"""meta.k8s.io Tables: what `kubectl get` prints is computed here, by the server (spec/kubectl.md 1.2 and 5). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NONE = "<none>"


class Column(msgspec.Struct, frozen=True):
    """One column; kubectl hides those of priority 1 unless asked for `-o wide`, and prints names in capitals."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


class RowCondition(msgspec.Struct, frozen=True):
    """A mark on a row; `Completed` lets clients grey out pods that have ended."""

    type: str
    status: str
    reason: str = ""


class PartialObject(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object's metadata alone; kubectl takes namespace, labels and name of a row from it."""

    kind: str = "PartialObjectMetadata"
    api_version: str = "meta.k8s.io/v1"
    metadata: v1.ObjectMeta


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object as printed; `object` is its metadata, the whole of it, or None, as `includeObject` asked."""

    cells: tuple[str, ...]
    conditions: tuple[RowCondition, ...] = ()
    object: Any = None


class Table(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole answer; `api_version` is meta.k8s.io/v1 or v1beta1, as the client accepts."""

    kind: str = "Table"
    api_version: str
    metadata: v1.ListMeta
    column_definitions: tuple[Column, ...]
    rows: tuple[Row, ...]


class Include(StrEnum):
    """The `includeObject` parameter: how much of an object its row carries."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


@dataclass(frozen=True, slots=True)
class Cells:
    """A printer's result: one text per column, and marks on the row."""

    texts: tuple[str, ...]
    conditions: tuple[RowCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Printer:
    """How one kind is printed: its columns, and the pure function from (object, now in Unix seconds) to its cells."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, float], Cells]


def _carried(item: Any, include: Include) -> Any:
    match include:
        case Include.NONE:
            return None
        case Include.METADATA:
            return PartialObject(metadata=getattr(item, "metadata", None) or v1.ObjectMeta())
        case Include.OBJECT:
            return item


def render(
    printer: Printer,
    items: Iterable[Any],
    *,
    now: float,
    include: Include = Include.METADATA,
    resource_version: str = "",
    api_version: str = "meta.k8s.io/v1",
) -> Table:
    """Return the Table of these objects at `now`; no cell holds a character that steers a terminal (foundation 24)."""
    rows = []
    for item in items:
        cells = printer.cells(item, now)
        texts = tuple(printable(text) for text in cells.texts)
        rows.append(Row(cells=texts, conditions=cells.conditions, object=_carried(item, include)))
    return Table(
        api_version=api_version,
        metadata=v1.ListMeta(resource_version=resource_version or None),
        column_definitions=printer.columns,
        rows=tuple(rows),
    )
