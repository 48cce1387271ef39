"""What `podstead install` and `podstead uninstall` put and take, and the sentences about it."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.containerd import launch
from podstead.errors import OperatorError
from podstead.systemd.placing import Directory, Outcome, Placed, Placing
from podstead.systemd.units import (
    AGENT_UNIT,
    DEFAULT_OPTIONS,
    MANIFESTS,
    OPTIONS_FILE,
    Programs,
    options_text,
    unit_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = Path("/etc/systemd/system")
PACKAGE_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
"""Where a package has them: then they are not written again."""
VOLATILE = (Path("/tmp"), Path("/var/tmp"), Path("/run"), Path("/dev/shm"))  # noqa: S108 - refused, not used
MANIFESTS_MODE = 0o700
"""Whoever writes there is root; manifests may hold passwords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What install was asked for."""

    options: tuple[str, ...] = ()
    """Of `podstead run`; empty: those that are there, or the defaults."""
    manifests: str = ""
    root: Path = Path("/")
    dry: bool = False
    now: bool = False


def own_programs(typed: str, root: Path = Path("/"), *, lasting: bool = True) -> Programs:
    """Return what the units shall start: this very program. `typed` is how it was called (argv[0]).

    Of a program that lies below `root` the path is what it will be there. Without `lasting` it may lie anywhere.

    Raises:
        OperatorError: it lies where it does not survive a reboot, or there is no command of its own.
    """
    found = shutil.which(typed) if Path(typed).name == "podstead" else None
    program = Path(found).absolute() if found else Path(sys.executable).with_name("podstead")
    if not program.is_file():
        raise OperatorError(f"there is no command {program} for the service to start: install the package podstead")
    found_at = (program, Path(sys.executable), Path(launch.__file__).resolve())
    program, python, launcher = (Path("/") / p.relative_to(root) if p.is_relative_to(root) else p for p in found_at)
    programs = Programs(program=program, python=python, launcher=launcher)
    for path in () if not lasting else (programs.program, programs.python, programs.launcher):
        if (where := next((one for one in VOLATILE if path.resolve().is_relative_to(one)), None)) is not None:
            raise OperatorError(f"{path} is gone after a reboot ({where}): install podstead elsewhere, then from there")
    return programs


def program_remarks(program: Path) -> Iterator[str]:
    """Yield what is wrong with who may write the program that root runs."""
    for path in (program, *program.parents):
        with contextlib.suppress(OSError):
            found = path.stat()
            if found.st_uid != 0:
                yield f"{path} belongs to user {found.st_uid}, who is root on this node with the service: chown it to root"
                return
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
                yield f"others may write to {path}, and are root on this node with the service: chmod go-w {path}"
                return


class Installation:
    """The files of the service on this machine or below another root."""

    def __init__(self, programs: Programs, asked: Asked) -> None:
        self.programs = programs
        self._asked = asked
        self._placing = Placing(root=asked.root, dry=asked.dry)

    @property
    def packaged(self) -> bool:
        """Whether a package has brought the units."""
        return any(self._placing.real(directory / AGENT_UNIT).exists() for directory in PACKAGE_UNITS)

    def place(self) -> Iterator[Placed]:
        """Write what is missing or outdated."""
        files: dict[Path, str] = {}
        if not self.packaged:
            files |= {UNITS / name: text for name, text in unit_texts(self.programs).items()}
        # Options once given stay until others are given.
        if self._asked.options or not self._placing.real(OPTIONS_FILE).exists():
            options = self._asked.options
            if not self._asked.manifests and not any(option.startswith("--config") for option in options):
                options = (*DEFAULT_OPTIONS, *options)
            files[OPTIONS_FILE] = options_text(options)
        directories = (
            Directory(path=OPTIONS_FILE.parent, mode=0o755),
            Directory(path=Path(self._asked.manifests or MANIFESTS), mode=MANIFESTS_MODE),
        )
        yield from self._placing.put(directories, files)

    def take(self, *, edited: bool = False) -> Iterator[Placed]:
        """Remove what is still as it was put, with `edited` all that was put, and the link that enabled it."""
        link = self._placing.real(UNITS / "multi-user.target.wants" / AGENT_UNIT)
        if not (self._asked.dry or self.packaged) and link.is_symlink():
            link.unlink()
        yield from self._placing.take(edited=edited)

    def told(self, placed: Placed, *, taking: bool = False) -> str:
        """Return the line about a file that was to be put, or taken away."""
        path, would = placed.path, "would be " if self._asked.dry else ""
        match placed.outcome:
            case Outcome.KEPT if taking:
                return f"kept       {path}: it was edited; remove it by hand, or say uninstall --purge"
            case Outcome.KEPT if path == OPTIONS_FILE:
                more = (
                    f": it was edited; write {shlex.join(self._asked.options)} into it" if self._asked.options else ""
                )
                return f"kept       {path}{more}"
            case Outcome.KEPT:
                return f"kept       {path}: it was edited; changes belong into {path}.d/*.conf, then remove it and run install again"
            case Outcome.MADE | Outcome.UPDATED | Outcome.REMOVED:
                return f"{would + placed.outcome.value:<10} {path}"
            case Outcome.UNCHANGED:
                return f"unchanged  {path}"

    def enable_offline(self) -> None:
        """Let the unit start when the system below the root boots, as `systemctl --root enable` does."""
        link = self._placing.real(UNITS / "multi-user.target.wants" / AGENT_UNIT)
        home = next((d for d in PACKAGE_UNITS if self._placing.real(d / AGENT_UNIT).exists()), UNITS)
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(home / AGENT_UNIT)
        except OSError as error:
            raise OperatorError(f"cannot write {link}: {error.strerror}") from error
