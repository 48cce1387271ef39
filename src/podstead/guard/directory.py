"""The published directory: the only place where something is written that a kubelet runs. Blocking.

Everything goes through one descriptor, taken at the start; a directory that is put in its place later is never written.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.publication.settling import DIRECTORY, OTHER
from podstead.whole_files import Hidden, staged, sync_directory

if TYPE_CHECKING:
    from pathlib import Path

MARKER = ".podstead-guard"
"""Says whose directory it is; no kubelet reads a name that begins with a dot."""
MODE, FILE_MODE = 0o700, 0o600
HIDDEN = Hidden(begin=".", end=".new")
MAX_BYTES = 2**20
"""Of a file: the guard publishes none that is larger, so a larger one is not its own."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PublishedDirectory:
    """One directory that is the guard's own."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}

    @classmethod
    def open(cls, path: Path, guard: str, *, take_over: bool = False) -> PublishedDirectory:
        """Take the directory, made where it is missing. Raises OperatorError where it is anybody else's.

        With `take_over` it becomes this guard's whatever is in it.
        """
        try:
            path.mkdir(mode=MODE, exist_ok=True)
            descriptor = os.open(path, _OPEN | os.O_DIRECTORY)
        except OSError as error:
            raise OperatorError(f"cannot publish in {path}: {error.strerror or error}") from None
        made = cls(path, descriptor)
        try:
            made._claim(guard, take_over=take_over)
        except BaseException:
            os.close(descriptor)
            raise
        return made

    def _claim(self, guard: str, *, take_over: bool) -> None:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OperatorError(f"another guard publishes in {self.path}: stop it, or give each its own") from None
        if os.fstat(self.descriptor).st_uid != os.geteuid():
            raise OperatorError(f"{self.path} is not the guard's: it belongs to another user")
        names = self._names()
        if names and not take_over and (MARKER not in names or self.content(MARKER) != guard.encode()):
            whose = "was published by another guard, or before this one's state was lost"
            if MARKER not in names:
                whose = f"holds files that are not the guard's, such as {min(names)!r}"
            raise OperatorError(
                f"{self.path} {whose}: give the guard an empty directory, or say --take-over, after which what the source has as"
                " well stays as it is and everything else is taken out"
            )
        os.fchmod(self.descriptor, MODE)
        self.write(MARKER, guard.encode())

    def _names(self) -> list[str]:
        return os.listdir(self.descriptor)  # noqa: PTH208 - of a descriptor

    def close(self) -> None:
        """Let it go; what is published stays."""
        os.close(self.descriptor)

    def fault(self) -> str:
        """Return why it is no longer the directory at its path, empty where it is."""
        try:
            there = self.path.lstat()
        except OSError as error:
            return f"{self.path} cannot be found: {error.strerror}"
        here = os.fstat(self.descriptor)
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            return f"{self.path} is another directory than the one that was published in: nothing is written there"
        return ""

    def restrict(self) -> str:
        """Give the directory its mode and owner back; returns what was wrong with them, empty where nothing was."""
        status = os.fstat(self.descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if mode == MODE and status.st_uid == os.geteuid():
            return ""
        os.fchown(self.descriptor, os.geteuid(), os.getegid())
        os.fchmod(self.descriptor, MODE)
        return f"{self.path} had mode {mode:04o} and belonged to user {status.st_uid}"

    def present(self) -> dict[str, str]:
        """Return the digest of each entry by its name; what is unchanged is not read again."""
        found: dict[str, tuple[tuple[int, ...], str]] = {}
        for name in self._names():
            try:
                status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            known = self._known.get(name)
            found[name] = known if known is not None and known[0] == stamp else (stamp, self._digest(name, status))
        self._known = found
        return {name: digest for name, (_, digest) in found.items()}

    def _digest(self, name: str, status: os.stat_result) -> str:
        if stat.S_ISDIR(status.st_mode):
            return DIRECTORY
        own = stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == FILE_MODE and status.st_nlink == 1
        if not own or status.st_uid != os.geteuid() or status.st_size > MAX_BYTES:
            return OTHER
        content = self.content(name)
        return OTHER if content is None else hashlib.sha256(content).hexdigest()

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a regular file, at most MAX_BYTES; None for anything else."""
        try:
            descriptor = os.open(name, _OPEN, dir_fd=self.descriptor)
        except OSError:
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, opened with flags of its own
            return file.read(MAX_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None

    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place, whole or not at all: until it has its name it begins with a dot. Raises OSError."""
        with staged(HIDDEN.name(), data, mode=FILE_MODE, durable=True, directory=self.descriptor) as content:
            content.put(name)
        sync_directory(self.descriptor)

    def remove(self, name: str) -> None:
        """Take an entry out. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)
        sync_directory(self.descriptor)

    def sweep(self) -> None:
        """Remove what a crash left half written. Raises OSError."""
        HIDDEN.sweep(self.descriptor)
