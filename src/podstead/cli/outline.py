"""Indented `Key:  value` text, aligned block by block, as `kubectl describe` lays it out. Every text is made printable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = 2
NONE = "<none>"


@dataclass(slots=True)
class Entry:
    """A line of an outline: what stands beside its key (several texts: one below the other) and below it."""

    key: str
    texts: tuple[str, ...] = ()
    below: Outline | None = None


@dataclass(slots=True)
class Outline:
    """A block of entries of one depth, whose values stand in one column."""

    entries: list[Entry] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """Lines without a key, printed after the entries: a small table."""

    def add(self, key: str, *texts: str) -> None:
        """Add a value, or several below one another; none at all is `<none>`."""
        self.entries.append(Entry(key, texts or (NONE,)))

    def block(self, key: str, *texts: str) -> Outline:
        """Add a heading and return the block below it."""
        below = Outline()
        self.entries.append(Entry(key, texts, below))
        return below

    def table(self, key: str, rows: Sequence[Sequence[str]]) -> None:
        """Add a heading and a small table below it; the first row are its headers, which are underlined."""
        below = self.block(key)
        heads, *others = rows
        texts = [[printable(cell) for cell in row] for row in (heads, ["-" * len(head) for head in heads], *others)]
        widths = [max(len(row[index]) for row in texts) + GAP for index in range(len(heads))]
        for row in texts:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            below.rows.append("".join(cells).rstrip())

    def lines(self, depth: int = 0) -> Iterator[str]:
        """Yield the lines of this block and of all below it."""
        pad = " " * depth
        width = max((len(printable(entry.key)) for entry in self.entries if entry.texts), default=0) + 1 + GAP
        for entry in self.entries:
            key = f"{printable(entry.key)}:"
            first, *others = entry.texts or ("",)
            yield f"{pad}{key.ljust(width)}{printable(first)}".rstrip() if entry.texts else f"{pad}{key}"
            for text in others:
                yield f"{pad}{' ' * width}{printable(text)}".rstrip()
            if entry.below is not None:
                yield from entry.below.lines(depth + 2)
        for row in self.rows:
            yield f"{pad}{row}"
