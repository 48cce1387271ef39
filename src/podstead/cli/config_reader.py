"""Reads a configuration file, YAML or JSON, into typed values; every problem at once, each with its line and column.

Behind the same armour as manifests. Problems name fields and kinds, never values: a proxy's address may hold a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.durations import parse_duration
from podstead.cli.options import nearest
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.documents import documents
from podstead.manifest.scalars import ScalarKind, boolean, integer
from podstead.manifest.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from podstead.manifest.tree import Node

LIMITS = Limits()


class ConfigReader:
    """One file being read. Values that cannot be read are reported, and given as None."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: list[tuple[int, int, str]] = []

    def root(self) -> Section:
        """Return the file's only document; an empty file is an empty section. Raises OperatorError, OSError."""
        with self._path.open("rb") as file:
            data = file.read(LIMITS.max_bytes + 1)  # a device may have no end; one byte too many is refused below
        try:
            found = documents(data, LIMITS)
        except RefusedError as refused:
            place = f":{refused.line}:{refused.column}" if refused.line else ""
            raise OperatorError(f"cannot read the configuration {self._path}{place}: {refused.message}") from None
        if not found:
            return Section(self, Mapping(1, 1, (), 1, 1), "")
        if len(found) > 1 or not isinstance(root := found[0].root, Mapping):
            raise OperatorError(f"cannot read the configuration {self._path}: it is not one object of fields")
        return Section(self, root, "")

    def refuse(self, node: Node, field: str, text: str) -> None:
        """Report a problem."""
        self._problems.append((node.line, node.column, f"{printable(field)}: {text}"))

    def finish(self) -> None:
        """Raise OperatorError with all problems, if there are any."""
        if not self._problems:
            return
        count = len(self._problems)
        lines = [f"cannot use the configuration {self._path}: {count} {'problem' if count == 1 else 'problems'}"]
        lines += [f"{self._path}:{line}:{column}: {text}" for line, column, text in sorted(self._problems)]
        raise OperatorError("\n".join(lines))


class Section:
    """An object of the file, its fields taken one by one; `finish` reports those that nobody knows."""

    def __init__(self, reader: ConfigReader, mapping: Mapping, path: str) -> None:
        self._reader = reader
        self._path = path
        self._entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in mapping.entries:
            if key.text in self._entries:
                reader.refuse(key, self.field(key.text), "it stands here twice")
            self._entries[key.text] = (key, value)
        self.node: Node = mapping

    def field(self, name: str) -> str:
        """Return the whole path of a field."""
        return f"{self._path}.{name}" if self._path else name

    def given(self) -> Iterator[str]:
        """Yield the fields that are there and not null."""
        return (name for name in self._entries if self._node(name) is not None)

    def _node(self, name: str) -> Node | None:
        entry = self._entries.get(name)
        if entry is None or (isinstance(entry[1], Scalar) and entry[1].kind is ScalarKind.NULL):
            return None
        return entry[1]

    def refuse(self, name: str, text: str) -> None:
        """Report a problem of a field, or of the section where the field is missing."""
        self._reader.refuse(self._node(name) or self.node, self.field(name), text)

    def string(self, name: str) -> str | None:
        """Return a text."""
        return self._string(self._node(name), self.field(name))

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        node = self._node(name)
        if node is None:
            return None
        if isinstance(node, Scalar) and node.kind is ScalarKind.BOOLEAN:
            return boolean(node.text)
        self.refuse(name, f"must be true or false, got {_kind(node)}")
        return None

    def integer(self, name: str, least: int) -> int | None:
        """Return a whole number of at least `least`."""
        node = self._node(name)
        if node is None:
            return None
        number = integer(node.text) if isinstance(node, Scalar) and node.kind is ScalarKind.INTEGER else None
        if number is not None and number >= least:
            return number
        got = "a smaller one" if number is not None else _kind(node)
        self.refuse(name, f"must be a whole number of at least {least}, got {got}")
        return None

    def duration(self, name: str) -> float | None:
        """Return seconds; the kubelet's zero means the default, and so gives None."""
        text = self.string(name)
        if text is None:
            return None
        try:
            return parse_duration(text, name) or None
        except OperatorError:
            self.refuse(name, "is not a duration: write for example 20s or 1m30s")
            return None

    def strings(self, name: str) -> tuple[str, ...] | None:
        """Return a list of texts."""
        node = self._node(name)
        if node is None:
            return None
        if not isinstance(node, Sequence):
            self.refuse(name, f"must be a list, got {_kind(node)}")
            return None
        found = [self._string(item, f"{self.field(name)}[{index}]") for index, item in enumerate(node.items)]
        return tuple(text for text in found if text is not None)

    def section(self, name: str) -> Section | None:
        """Return an object below this one."""
        return self._section(self._node(name), self.field(name))

    def sections(self, name: str) -> tuple[Section, ...]:
        """Return a list of objects."""
        node = self._node(name)
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.refuse(name, f"must be a list, got {_kind(node)}")
            return ()
        found = [self._section(item, f"{self.field(name)}[{index}]") for index, item in enumerate(node.items)]
        return tuple(section for section in found if section is not None)

    def checked(self, name: str, reason: Callable[[str], str | None]) -> str | None:
        """Return a text that passes a check; `reason` returns why it does not."""
        text = self.string(name)
        problem = reason(text) if text else None
        if problem is not None:
            self.refuse(name, problem)
        return text

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of some words, as it is written: YAML takes a bare `off` for a boolean, and nobody means one."""
        node = self._node(name)
        if node is None:
            return None
        if isinstance(node, Scalar) and node.text in choices:
            return node.text
        self.refuse(name, f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return None

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Report every field that is not among these, with the nearest that is."""
        names = set(known)
        for name, (key, _) in self._entries.items():
            if name in names:
                continue
            near = {other.casefold(): other for other in names}.get(name.casefold()) or nearest(name, names)
            hint = f": did you mean {near}?" if near else ""
            self._reader.refuse(key, self.field(name), f"is not a field here{hint}")

    def _string(self, node: Node | None, field: str) -> str | None:
        if node is None:
            return None
        if isinstance(node, Scalar) and node.kind is ScalarKind.STRING:
            return node.text
        quotes = ": put it into quotes" if isinstance(node, Scalar) else ""
        self._reader.refuse(node, field, f"must be a string, got {_kind(node)}{quotes}")
        return None

    def _section(self, node: Node | None, field: str) -> Section | None:
        if node is None:
            return None
        if isinstance(node, Mapping):
            return Section(self._reader, node, field)
        self._reader.refuse(node, field, f"must be an object of fields, got {_kind(node)}")
        return None


def _kind(node: Node) -> str:
    match node:
        case Scalar():
            return node.kind.value
        case Sequence():
            return "a list"
        case Mapping():
            return "an object"
