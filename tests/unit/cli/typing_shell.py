"""A shell on a terminal of its own, and somebody who types."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

QUIET_SECONDS = 20.0
STEERING = re.compile(r"\x1b(?:\[[0-9;?>=]*[a-zA-Z]|\][^\x07]*\x07|[=>()][A-Z0-9]?)|[\x07\x0f\r]")


class TypingShell:
    """Keys go in, the screen's text comes out, without what moves the cursor or colours it."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._seen = ""

    def type(self, keys: str, until: str) -> str:
        """Type, and return what the shell shows up to and with a match of `until`."""
        os.write(self._terminal, keys.encode())
        end = time.monotonic() + QUIET_SECONDS
        while (found := re.search(until, self._seen)) is None:
            left = end - time.monotonic()
            assert left > 0, f"the shell does not show {until!r} but {self._seen!r}"
            if select.select([self._terminal], [], [], left)[0]:
                self._seen += STEERING.sub("", os.read(self._terminal, 65536).decode(errors="replace"))
        shown, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return shown

    def line(self, text: str) -> None:
        """Let the shell run a line that is none of the test's matter."""
        self.type(f"{text}; echo re''ady\n", r"ready\n")


@contextlib.contextmanager
def typing_shell(command: Sequence[str], environment: Mapping[str, str], directory: str) -> Iterator[TypingShell]:
    """Start a shell; it is gone afterwards."""
    mine, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=directory, start_new_session=True
        )
        try:
            os.close(theirs)
            yield TypingShell(mine)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        os.close(mine)
