"""Whole files: whoever reads one finds its old content or its new one, and never a part. Everything here blocks.

A content goes under a hidden name first and gets the name that counts when it is complete. In this order:

1. The hidden file is made anew (no link is followed, no file that is there is opened), with the mode that it shall have at
   most from its first instant, and exactly as soon as it is there, whatever the umask says. It belongs to this process's
   user; a file that it replaces gives it neither owner nor mode.
2. The content is written, and synced where it shall be durable.
3. It gets its name (`rename`), in the place of a file that has it.
4. The directory is synced where that shall be durable.

An error up to 3 (a full disk, a medium that fails, a name that a directory has) leaves the old content and no hidden file.
One at 4 leaves the new content, which a power failure may still take back: the caller must not rely on either. A process that
is killed up to 3 leaves the old content and the hidden file; `write` replaces that the next time, `Hidden.sweep` removes it.
Without a sync the same holds for a killed process; after a power failure the file may be empty, so that is only for what the
next start makes again.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """How files are called in a directory until they are whole: whoever reads there passes over what begins and ends so."""

    begin: str
    end: str

    def name(self) -> str:
        """Return a name that nothing has, however many write there at once."""
        return f"{self.begin}{os.urandom(8).hex()}{self.end}"

    def sweep(self, directory: Path | int) -> None:
        """Remove what killed writers left; only for who knows that nobody writes there. What cannot be removed stays.

        Raises:
            OSError: the directory is there and cannot be read.
        """
        with contextlib.suppress(FileNotFoundError), _opened(directory) as descriptor:
            for name in os.listdir(descriptor):  # noqa: PTH208 - of a descriptor
                if name.startswith(self.begin) and name.endswith(self.end) and len(name) > len(self.begin + self.end):
                    with contextlib.suppress(OSError):
                        os.unlink(name, dir_fd=descriptor)


class Staged:
    """A content that is written and has no name yet that counts; made by `staged`."""

    def __init__(self, hidden: Path | str, directory: int | None) -> None:
        self._hidden = hidden
        self._directory = directory
        self._waits = True

    def sync(self) -> None:
        """Make the content durable; for who syncs many at once, instead of one after another. Raises OSError."""
        descriptor = os.open(self._hidden, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def put(self, name: Path | str) -> None:
        """Give it the name that counts. Raises OSError; then whatever has that name stays."""
        os.rename(self._hidden, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        self._waits = False

    def discard(self) -> None:
        """Remove it, unless it was put."""
        if self._waits:
            with contextlib.suppress(OSError):
                os.unlink(self._hidden, dir_fd=self._directory)


@contextlib.contextmanager
def staged(
    hidden: Path | str, data: bytes, *, mode: int, durable: bool, directory: int | None = None
) -> Iterator[Staged]:
    """Write a content under its hidden name, for as long as the context lasts; then it is put, or it is gone.

    Names are those of entries of `directory`, a descriptor, or else paths. `durable`: it is synced before it is given.

    Raises:
        OSError: it cannot be written, or something has the hidden name; nothing stays behind.
    """
    descriptor = os.open(hidden, _MAKE, mode, dir_fd=directory)
    made = Staged(hidden, directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(descriptor)
        yield made
    finally:
        made.discard()


def write(path: Path, data: bytes, *, mode: int, durable: bool) -> None:
    """Replace one file, which only one process writes at a time; it is called `.NAME.new` until it is whole.

    Raises:
        OSError: see above for what is left then.
    """
    hidden = path.with_name(f".{path.name}.new")
    hidden.unlink(missing_ok=True)  # of a process that was killed
    with staged(hidden, data, mode=mode, durable=durable) as content:
        content.put(path)
    if durable:
        sync_directory(path.parent)


def sync_directory(directory: Path | int) -> None:
    """Make the names in a directory durable. Raises OSError."""
    with _opened(directory) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _opened(directory: Path | int) -> Iterator[int]:
    """Give a descriptor of the directory; one that the caller has stays open."""
    if isinstance(directory, int):
        yield directory
        return
    descriptor = os.open(directory, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
