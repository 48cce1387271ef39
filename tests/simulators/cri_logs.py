"""Log files of simulated containers, held open as a runtime does it: a renamed file is written to until it is reopened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podstead.cri._pb import containerd_events_pb2 as events_pb

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o640


class ContainerLog:
    """The log of one container."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        self.reopen()

    def reopen(self) -> None:
        """Open the file under its path, made where it is not there."""
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        self.close()
        self._number = number

    def write(self, line: str, stream: str, now_ns: int) -> None:
        """Append one line in the CRI's format."""
        stamp = events_pb.Envelope()
        stamp.timestamp.FromNanoseconds(now_ns)
        os.write(self._number, f"{stamp.timestamp.ToJsonString()} {stream} F {line}\n".encode())

    def close(self) -> None:
        """Close the file."""
        if self._number >= 0:
            os.close(self._number)
        self._number = -1
