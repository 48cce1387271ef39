"""Tables that the server made, printed as kubectl prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PADDING = 3
MIN_WIDTH = 6
"""kubectl's columns are three blanks apart and at least this wide, blanks included."""
NONE = "<none>"


class Column(msgspec.Struct, frozen=True):
    """A column; those of a priority above 0 are for `-o wide`."""

    name: str
    priority: int = 0
    format: str = ""
    """`name`: what stands here is the object's name."""


class RowMeta(msgspec.Struct, frozen=True, rename="camel"):
    """What a row tells of its object."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}


class RowObject(msgspec.Struct, frozen=True, rename="camel"):
    """The object of a row, as far as it is printed or orders the rows."""

    metadata: RowMeta = RowMeta()
    last_timestamp: str = ""


class Row(msgspec.Struct, frozen=True):
    """One object."""

    cells: tuple[str, ...]
    object: RowObject | None = None


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The version of the list, from which a watch goes on."""

    resource_version: str = ""


class Table(msgspec.Struct, frozen=True, rename="camel"):
    """meta.k8s.io Table."""

    rows: tuple[Row, ...] = ()
    column_definitions: tuple[Column, ...] = ()
    metadata: ListMeta = ListMeta()


def decode_table(body: bytes) -> Table:
    """Return a Table; raises PodsteadError when the answer is none."""
    return decode(body, Table)


def aligned(rows: Sequence[Sequence[str]], widths: list[int]) -> Iterable[str]:
    """Yield rows in columns; `widths` are kept and only grow, so that what follows stays in line. The last is bare."""
    for row in rows:
        for index, cell in enumerate(row):
            if index == len(widths):
                widths.append(MIN_WIDTH)
            widths[index] = max(widths[index], len(cell) + PADDING)
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "".join([*padded, *row[-1:]])


class TablePrinter:
    """Renders one listing and the changes that follow it."""

    def __init__(
        self,
        *,
        namespaces: bool = False,
        wide: bool = False,
        headers: bool = True,
        labels: bool = False,
        prefix: str = "",
    ) -> None:
        self._namespaces = namespaces
        self._wide = wide
        self._headers = headers
        self._labels = labels
        self._prefix = prefix
        self._columns: tuple[Column, ...] = ()
        self._widths: list[int] = []

    def lines(self, table: Table) -> list[str]:
        """Return the lines of a table: the headers before the first row ever, then its rows."""
        self._columns = table.column_definitions or self._columns
        if not table.rows:
            return []
        texts = [self._cells(row) for row in table.rows]
        if self._headers:
            texts.insert(0, self._header())
            self._headers = False
        return list(aligned(texts, self._widths))

    def _shown(self) -> list[int]:
        return [index for index, column in enumerate(self._columns) if self._wide or not column.priority]

    def _header(self) -> list[str]:
        names = [self._columns[index].name for index in self._shown()]
        names = [*(["Namespace"] if self._namespaces else []), *names, *(["Labels"] if self._labels else [])]
        return [printable(name).upper() for name in names]

    def _cells(self, row: Row) -> list[str]:
        meta = row.object.metadata if row.object else RowMeta()
        cells = [row.cells[index] for index in self._shown() if index < len(row.cells)]
        if self._prefix and cells:
            cells[0] = f"{self._prefix}/{cells[0]}"
        labels = ",".join(f"{key}={value}" for key, value in sorted(meta.labels.items()))
        before = [meta.namespace] if self._namespaces else []
        after = [labels or NONE] if self._labels else []
        return [printable(cell) for cell in (*before, *cells, *after)]
