"""Where the rules put what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.problems import FieldProblem, ProblemKind
from podstead.manifest.reading import Severity

if TYPE_CHECKING:
    from collections.abc import Collection

_SHOWN = 64
"""Characters of a refused text that a message repeats: enough for any name, not for a flood."""


class Findings:
    """The problems found so far, in the order of finding; one method for each of Kubernetes' kinds."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[FieldProblem] = []

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        """Everything found."""
        return tuple(self._found)

    def _add(self, kind: ProblemKind, field: str, message: str, severity: Severity = Severity.ERROR) -> None:
        self._found.append(FieldProblem(field=field, kind=kind, message=message, severity=severity))

    def required(self, field: str, message: str) -> None:
        """The field is missing or empty."""
        self._add(ProblemKind.REQUIRED, field, message)

    def invalid(self, field: str, message: str) -> None:
        """The field's value is malformed or out of bounds."""
        self._add(ProblemKind.INVALID, field, message)

    def forbidden(self, field: str, message: str) -> None:
        """The field may not be there, or not beside another one."""
        self._add(ProblemKind.FORBIDDEN, field, message)

    def duplicate(self, field: str, message: str) -> None:
        """The field repeats what must be unique."""
        self._add(ProblemKind.DUPLICATE, field, message)

    def too_long(self, field: str, message: str) -> None:
        """The field has too many bytes or items."""
        self._add(ProblemKind.TOO_LONG, field, message)

    def not_found(self, field: str, message: str) -> None:
        """The field names something that the pod does not have."""
        self._add(ProblemKind.NOT_FOUND, field, message)

    def warn(self, kind: ProblemKind, field: str, message: str) -> None:
        """The field is accepted and will probably disappoint."""
        self._add(kind, field, message, Severity.WARNING)

    def one_of(self, field: str, value: str | None, allowed: Collection[str]) -> None:
        """Refuse a value that is not one of a closed set; an absent one is no matter."""
        if value is None or value in allowed:
            return
        near = next((word for word in allowed if word.lower() == value.lower()), None)
        hint = f"; write {near}" if near else ""
        listed = ", ".join(word or '""' for word in allowed)
        self._add(ProblemKind.NOT_SUPPORTED, field, f"got {quoted(value)}, expected one of {listed}{hint}")

    def named(self, field: str, value: str | None, fault: str | None) -> None:
        """Refuse a text for which a check of `k8s.names` gave a reason."""
        if fault is not None:
            self.invalid(field, f"got {quoted(value or '')}, it {fault}")

    def within(self, field: str, value: int | None, low: int, high: int) -> None:
        """Refuse a number outside of bounds; an absent one is no matter."""
        if value is not None and not low <= value <= high:
            self.invalid(field, f"got {value}, expected a number from {low} to {high}")


def quoted(text: str) -> str:
    """Return a text from a file fit for a message: in quotes, escaped to plain ASCII, cut."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def path_fault(path: str) -> str | None:
    """Return why a path does not stay below the directory it is relative to, or None."""
    if path.startswith("/"):
        return "must be relative: remove the leading '/'"
    if ".." in path.split("/"):
        return "must not contain '..'"
    return None
