"""An auditor for tests that look at something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.state.audit import AuditEntry


class Unheard:
    """Takes entries, and keeps them for who wants to look."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> None:
        """Take one entry."""
        self.entries.append(entry)
