"""The files of the log below ROOT/audit: 00000001.jsonl and so on, each only ever appended to. Blocking."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from podstead.audit.proof import LogFile
from podstead.whole_files import sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE = 0o600
DIRECTORY_MODE = 0o700
_NAME = re.compile(r"(\d{8})\.jsonl")
MAX_FILE_BYTES = 64 << 20
"""No file of ours is as long; what is longer is read no further, whoever made it."""


def segment_name(number: int) -> str:
    """Return the name of a file of the log."""
    return f"{number:08d}.jsonl"


def segment_numbers(directory: Path) -> tuple[int, ...]:
    """Return the numbers of the files, sorted; none where there is no directory. Raises OSError."""
    try:
        found = [_NAME.fullmatch(name) for name in os.listdir(directory)]  # noqa: PTH208 - names only
    except FileNotFoundError:
        return ()
    return tuple(sorted(int(match[1]) for match in found if match))


def read_segment(directory: Path, number: int) -> LogFile:
    """Return a file of the log. Raises OSError."""
    name = segment_name(number)
    with (directory / name).open("rb") as stream:
        data = stream.read(MAX_FILE_BYTES)
    *lines, torn = data.split(b"\n")
    return LogFile(number=number, name=name, lines=lines, torn=torn)


def read_segments(directory: Path) -> Iterator[LogFile]:
    """Yield the files in their order; one that is dropped meanwhile, as the oldest, is left out. Raises OSError."""
    for number in segment_numbers(directory):
        with contextlib.suppress(FileNotFoundError):
            yield read_segment(directory, number)


class ReplacedError(OSError):
    """The file that is written to is no longer the one with its name, or not as long as it was left."""


class Segment:
    """The file that is written to."""

    def __init__(self, directory: Path, number: int, descriptor: int, size: int) -> None:
        self._path = directory / segment_name(number)
        self._descriptor = descriptor
        self.number = number
        self.size = size

    @classmethod
    def create(cls, directory: Path, number: int) -> Segment:
        """Return a new file; raises OSError, FileExistsError among them."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(directory / segment_name(number), flags, MODE)
        return cls(directory, number, descriptor, 0)

    @classmethod
    def reopen(cls, directory: Path, number: int) -> Segment:
        """Return a file that is there. Raises OSError."""
        descriptor = os.open(directory / segment_name(number), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        return cls(directory, number, descriptor, os.fstat(descriptor).st_size)

    def check(self) -> None:
        """Raise ReplacedError when somebody else has been at the file."""
        try:
            named = self._path.stat(follow_symlinks=False)
        except OSError as error:
            raise ReplacedError(error.errno, f"the file is gone: {error.strerror}") from error
        own = os.fstat(self._descriptor)
        if (named.st_dev, named.st_ino) != (own.st_dev, own.st_ino):
            raise ReplacedError(0, "another file has its name")
        if own.st_size != self.size:
            raise ReplacedError(0, f"it has {own.st_size} bytes, and {self.size} were written")

    def append(self, data: bytes) -> None:
        """Add whole lines, all or none. Raises OSError; then nothing of them is there, unless the disk is lost."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def cut(self, size: int) -> None:
        """Cut what is behind so many bytes: the part of a record that a crash left. Raises OSError."""
        os.ftruncate(self._descriptor, size)
        self.size = size

    def sync(self) -> None:
        """Make it durable. Raises OSError."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def make_directory(directory: Path) -> None:
    """Make the log's directory, root's alone. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=DIRECTORY_MODE)
        sync_directory(directory.parent)
