"""Records and checkpoints as datagrams to syslog's local socket, in the form of syslog(3) (RFC 3164).

On a machine with systemd journald listens there. The socket never blocks: what it does not take at once is counted.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from podstead.audit.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.writer import Written
    from podstead.clock import Clock

FACILITY_AUTHPRIV = 10 << 3
WARNING, NOTICE, INFO = 4, 5, 6
TAG = "podstead-audit"
MAX_TEXT_BYTES = 1800
"""Many syslog daemons cut at 2 KiB or more; all of RFC 3164's 1,024 is little for a verdict's sentence."""


class SyslogSink:
    """Sends each record as one line."""

    name = "syslog"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = str(path)
        self._socket: socket.socket | None = None
        self._lost = 0
        self._patience = Patience(clock)

    @property
    def problem(self) -> str:
        """Why nothing has arrived for long."""
        return self._patience.problem

    def take(self, records: Sequence[Written], checkpoint: Checkpoint) -> None:
        """Send records; an alarm brings its checkpoint along."""
        for record in records:
            entry = record.entry
            facts = " ".join(f"{name}={value}" for name, value in sorted(entry.facts.items()))
            words = (f"record={record.sequence}", entry.act, entry.subject, entry.reason, entry.message, facts)
            text = " ".join(word for word in words if word)
            self._send(WARNING if entry.is_alarm else INFO, text, record.at.wall)
        if any(record.entry.is_alarm for record in records):
            self.anchor(checkpoint, records[-1].at.wall)

    def anchor(self, checkpoint: Checkpoint, at: float) -> None:
        """Send a checkpoint."""
        self._send(NOTICE, str(checkpoint), at)

    def take_lost(self) -> int:
        """Return how many lines were not taken."""
        lost, self._lost = self._lost, 0
        return lost

    async def close(self) -> None:
        """End."""
        self._drop()

    def _send(self, priority: int, text: str, at: float) -> None:
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(at))
        head = f"<{FACILITY_AUTHPRIV | priority}>{stamp} {TAG}[{os.getpid()}]: "
        line = head.encode() + text.encode("utf-8", "replace")[:MAX_TEXT_BYTES]
        for _ in range(2):  # a daemon that was restarted has a new socket
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                    self._socket.connect(self._path)
                self._socket.send(line)
            except BlockingIOError:
                self._patience.failed("it takes nothing")
                break
            except OSError as error:
                self._drop()
                self._patience.failed(f"{self._path}: {error.strerror or error}")
            else:
                self._patience.worked()
                return
        self._lost += 1

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
