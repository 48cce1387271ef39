"""The agent as a process of its own: `python -m tests.support.run_agent JSON`, JSON being an `AgentStart`.

What a test changes of the process is named there and nothing of it is in the product.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import msgspec

from podstead.clock import Instant, SystemClock
from podstead.config.settings import Settings  # noqa: TC001 - msgspec resolves the annotation at run time
from podstead.daemon import housekeeping, run
from podstead.errors import OperatorError
from tests.support.crash_points import CrashPoints


class AgentStart(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's settings, and the boot it believes to live in (empty: the machine's)."""

    settings: Settings
    boot_id: str = ""


class OtherClock(SystemClock):
    """The system's clock after a reboot that did not happen, or with a wall clock that somebody has set."""

    boot_id = ""
    offset: Path
    """Holds how many seconds the wall clock is off; absent while it is right."""

    def now(self) -> Instant:
        real = super().now()
        try:
            wall = real.wall + float(self.offset.read_text(encoding="ascii"))
        except FileNotFoundError:
            wall = real.wall
        return dataclasses.replace(real, boot_id=self.boot_id or real.boot_id, wall=wall)


def encode(start: AgentStart) -> str:
    """Return the argument that `main` understands."""
    return msgspec.json.encode(start, enc_hook=str).decode()


def armed_file(root: Path) -> Path:
    """Return the file that arms the crash points; it holds the number of the deadly one, 0 for none."""
    return root / "crash-points-armed"


def wall_file(root: Path) -> Path:
    """Return the file that says how many seconds the wall clock is off."""
    return root / "wall-clock-offset"


def passed_file(root: Path) -> Path:
    """Return the file that lists the crash points passed."""
    return root / "crash-points-passed"


def _path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


def main(argument: str) -> int:
    """Run until told to stop."""
    start = msgspec.json.decode(argument, type=AgentStart, dec_hook=_path)
    root = start.settings.paths.root
    CrashPoints(armed_file(root), passed_file(root)).install()
    # Problems of the node are shown within this time; tests wait for them.
    housekeeping.PERIOD_SECONDS = 0.5
    OtherClock.boot_id, OtherClock.offset = start.boot_id, wall_file(root)
    run.SystemClock = OtherClock  # type: ignore[attr-defined]  # the seam
    try:
        return run.run_agent(start.settings)
    except OperatorError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
