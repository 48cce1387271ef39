"""What a service tells systemd: one datagram a message to the socket it named (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

SOCKET_ENV = "NOTIFY_SOCKET"
WATCHDOG_ENV = "WATCHDOG_USEC"
WATCHDOG_PID_ENV = "WATCHDOG_PID"
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Speaks to the service manager that started this process; says nothing where none did."""

    address: str = ""
    """A path, or `@NAME` in the abstract namespace (unix(7))."""
    watchdog_seconds: float = 0.0
    """Not having heard of us for so long the manager ends us; 0: never."""

    @property
    def listening(self) -> bool:
        """Whether there is somebody to tell."""
        return bool(self.address)

    def tell(self, **words: str | int) -> None:
        """Send assignments, such as READY=1, as one message. A manager that does not listen is no trouble of ours."""
        if not self.address:
            return
        text = "\n".join(f"{name}={_one_line(str(value))}" for name, value in words.items())
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        # Never waits: a manager whose queue is full gets the next message.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.settimeout(0.0)
            speaking.sendto(text.encode(errors="backslashreplace"), name)


def take_notifier(environ: MutableMapping[str, str], pid: int = 0) -> Notifier:
    """Return the manager of this process, and take its words out of the environment: no child speaks for us.

    `pid` is the process that is meant, 0 this one.
    """
    address = environ.pop(SOCKET_ENV, "")
    microseconds, meant = environ.pop(WATCHDOG_ENV, ""), environ.pop(WATCHDOG_PID_ENV, "")
    if not address.startswith(("/", "@")):
        return Notifier()
    watched = microseconds.isdecimal() and meant in {"", str(pid or os.getpid())}
    return Notifier(address=address, watchdog_seconds=int(microseconds) / MICROSECONDS if watched else 0.0)


def _one_line(text: str) -> str:
    """Return the text without what would begin another assignment."""
    return " ".join(text.split())
