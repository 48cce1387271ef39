"""What the demo prints while it works: a line a step, with the seconds since the start."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints lines to standard output at once, also into a pipe."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def step(self, text: str) -> None:
        """Say what is done now."""
        self._print(f"[{time.monotonic() - self._begin:6.1f} s] {text}")

    def detail(self, text: str) -> None:
        """Say something about the step under way."""
        self._print(f"{'':11}{text}")

    def text(self, text: str = "") -> None:
        """Print lines as they are."""
        self._print(text)

    def _print(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
