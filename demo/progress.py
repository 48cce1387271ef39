"""What the demo prints while it works: a headline, then a line a step with the seconds since the start."""

from __future__ import annotations

import sys
import threading
import time


class Progress:
    """Prints lines to standard output at once, also into a pipe.

    The first line says what is going to run, and what that is shows only after a registry was asked. So lines are
    held back until `headline` is called, or for `patience` seconds: then `meanwhile` is the first line.
    """

    def __init__(self, meanwhile: str, patience: float = 8.0) -> None:
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._held: list[str] | None = []
        self._decided = False
        self._timer = threading.Timer(patience, self._release, (meanwhile,))
        self._timer.daemon = True
        self._timer.start()

    def headline(self, text: str) -> None:
        """Say what is going to run, once: the first line, or the next one where patience ended before."""
        self._timer.cancel()
        if not self._decided:
            self._decided = True
            self._release(text)

    def flush(self) -> None:
        """Print what is held back, without a headline: there will be none."""
        self._timer.cancel()
        self._release()

    def _release(self, *first: str) -> None:
        with self._lock:
            held, self._held = self._held, None
            for line in (*first, *(held or ())):
                _print(line)

    def step(self, text: str) -> None:
        """Say what is done now."""
        self.text(f"[{time.monotonic() - self._begin:6.1f} s] {text}")

    def detail(self, text: str) -> None:
        """Say something about the step under way."""
        self.text(f"{'':11}{text}")

    def text(self, text: str = "") -> None:
        """Print lines as they are."""
        with self._lock:
            if self._held is None:
                _print(text)
            else:
                self._held.append(text)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
