"""What is told to the audit log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.state.audit import AuditEntry

log = logging.getLogger("podstead.audit")


class SpokenAudit:
    """Says each entry in the agent's own log."""

    def note(self, entry: AuditEntry) -> None:
        """Log one entry in one line."""
        facts = " ".join(f"{name}={value}" for name, value in entry.facts.items())
        words = (entry.act, entry.subject, entry.reason, entry.message, facts)
        log.log(
            logging.WARNING if entry.is_alarm else logging.INFO,
            "%s",
            printable(" ".join(word for word in words if word)),
        )
