"""The files of one attempt's log, opened together: what was rotated away, then the one being written. Blocking.

Once a file is open neither a rotation nor its compression takes its content away, so they are opened first and read
in peace.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from podstead.logs.paths import attempt_files, written_log

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.logs.paths import LogFile

OPEN_TRIES = 5
"""A rotation between the list and the opening is met by another try; two in a row are seconds apart."""
PIECE = 64 << 10
GZIP = 31
"""zlib's word for a gzip header and trailer around the largest window."""


class Segment:
    """One open file, read from its beginning. It closes when its last user lets go: a thread may outlive its reader."""

    def __init__(self, directory: Path, file: LogFile) -> None:
        self.file = file
        self.number = os.open(directory / file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.offset = 0
        """Of the log's own bytes, also where the file holds them compressed."""
        self._unread = 0
        self._inflate = zlib.decompressobj(GZIP) if file.compressed else None

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        found = os.fstat(self.number)
        return found.st_dev, found.st_ino

    @property
    def size(self) -> int:
        """Bytes of the file as it lies there."""
        return os.fstat(self.number).st_size

    def read(self, most: int = PIECE) -> bytes:
        """Return the next bytes of the log, empty at the end of what is there."""
        data = self._inflated(most) if self._inflate is not None else os.pread(self.number, most, self.offset)
        self.offset += len(data)
        return data

    def seek(self, offset: int) -> None:
        """Go to an offset of the log; a compressed file is read up to there."""
        if self._inflate is None:
            self.offset = offset
            return
        if offset < self.offset:
            self.offset, self._unread, self._inflate = 0, 0, zlib.decompressobj(GZIP)
        while self.offset < offset and self.read(min(PIECE, offset - self.offset)):
            pass

    def _inflated(self, most: int) -> bytes:
        """Return the next bytes of a compressed file; what is damaged ends where the damage begins."""
        inflate = self._inflate
        while inflate is not None and not inflate.eof:
            waiting = inflate.unconsumed_tail
            data = waiting or os.pread(self.number, PIECE, self._unread)
            if not waiting:
                self._unread += len(data)
            try:
                found = inflate.decompress(data, most) if data else inflate.flush()
            except zlib.error:
                return b""
            if found or not data:
                return found
        return b""


def open_segments(log: Path, read: frozenset[str] = frozenset()) -> list[Segment]:
    """Open the files of the log at this path in the order of writing, without those whose plain names were `read`.

    Raises OSError when there is none.
    """
    for _ in range(OPEN_TRIES):
        names = [file for file in segment_files(log) if file.plain not in read]
        try:
            opened = [Segment(log.parent, file) for file in names]
        except FileNotFoundError:
            continue  # compressed or dropped meanwhile
        again = [file for file in segment_files(log) if file.plain not in read]
        if names and names == again and _is_current(log, opened[-1]):
            return opened
    return [Segment(log.parent, written_log(log.name))]


def segment_files(log: Path) -> list[LogFile]:
    """Return the files of the log at this path in the order of writing."""
    return attempt_files((entry.name for entry in log.parent.iterdir()), written_log(log.name).attempt)


def _is_current(log: Path, last: Segment) -> bool:
    """Return whether the last file is the one that is written to, or there is none such at this moment."""
    try:
        found = log.stat(follow_symlinks=False)
    except FileNotFoundError:
        return not last.file.written
    return last.identity == (found.st_dev, found.st_ino)
