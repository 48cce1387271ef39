"""Asks the running systemd by `systemctl`; every call is bounded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from podstead.errors import OperatorError

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init system (sd_booted(3))."""
ANSWER_SECONDS = 30.0
"""A manager that is reloading answers after some seconds on a slow machine."""
START_SECONDS = 330.0
"""A first start: TimeoutStartSec of both units, at most."""


def is_booted(booted: Path = BOOTED) -> bool:
    """Return whether systemd is the init system here."""
    return booted.is_dir()


UNIT_DIRECTORIES = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))


def is_service(unit: str, booted: Path = BOOTED, directories: tuple[Path, ...] = UNIT_DIRECTORIES) -> bool:
    """Return whether systemd runs this machine and has the unit; asks nobody."""
    return is_booted(booted) and any((directory / unit).exists() for directory in directories)


class Manager:
    """The service manager of this machine."""

    def __init__(self, program: str = "systemctl") -> None:
        self._program = program

    def do(self, *words: str, seconds: float = ANSWER_SECONDS) -> None:
        """Run a command of systemctl; raises OperatorError with what it said."""
        done = self._run(words, seconds)
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())[:400]
            raise OperatorError(f"systemctl {' '.join(words)} failed: {said}")

    def says(self, *words: str) -> str:
        """Return the first line that a command of systemctl prints, however it ends: `is-active` and its kin."""
        return next(iter(self._run(words, ANSWER_SECONDS).stdout.splitlines()), "").strip()

    def state(self, unit: str) -> str:
        """Return active, inactive, failed, activating and so on (ActiveState)."""
        return self.says("show", "--value", "--property=ActiveState", unit)

    def _run(self, words: tuple[str, ...], seconds: float) -> subprocess.CompletedProcess[str]:
        if shutil.which(self._program) is None:
            raise OperatorError(f"{self._program} is not here: is systemd installed?")
        try:
            return subprocess.run(
                [self._program, *words],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise OperatorError(f"systemctl {' '.join(words)} has not ended within {seconds:g} s") from error


def last_words(unit: str, lines: int = 5) -> list[str]:
    """Return the last lines that a unit wrote to the journal; none where there is no journal to read."""
    command = ["journalctl", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={unit}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.splitlines()
