"""Log lines for the journal: it adds the time, and takes the priority from the head of each line (sd-daemon(3))."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAM_ENV = "JOURNAL_STREAM"
PLAIN = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
IN_JOURNAL = "%(name)s: %(message)s"
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Levels from which syslog's priorities hold; 7 (debug) below all of them (syslog(3))."""


def writes_to_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Return whether what is written to the descriptor goes to the journal, and not where somebody redirected it."""
    device, _, inode = environ.get(STREAM_ENV, "").partition(":")
    if not (device.isdecimal() and inode.isdecimal()):
        return False
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (int(device), int(inode))


def log_formatter(*, journal: bool) -> logging.Formatter:
    """Return how lines look on a terminal or in a file, or in the journal."""
    return JournalFormatter(IN_JOURNAL) if journal else logging.Formatter(PLAIN)


def prioritised(text: str, priority: int) -> str:
    """Return the text with its priority at the head of every line, for each is an entry of its own."""
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines() or [""])


class JournalFormatter(logging.Formatter):
    """No time of its own; a priority before each line, also those of a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        priority = next((number for level, number in PRIORITIES if record.levelno >= level), 7)
        return prioritised(super().format(record), priority)
