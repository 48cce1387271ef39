"""Bounds a running container's log: rotate, compress, drop (spec/kubelet-static-pods.md 3.14). The files' side blocks.

Whatever step a crash cuts off, the next look finishes it and no line is lost:

1. `tidy` removes unfinished compressions, and a plain file beside its compressed self; drops the oldest; compresses
   what is left. The newest one was renamed a whole rotation ago, so nobody writes to it any more.
2. `set_aside` renames `N.log`; the runtime goes on writing to the renamed file.
3. The runtime is told to open its log anew; only this makes `N.log` again. Where it refuses, `put_back` undoes 2.

A log without `N.log` is one whose step 3 is missing: then only that is done.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from podstead.logs.paths import COMPRESSED, UNFINISHED, attempt_files, written_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 256 << 10
LEVEL = 4
"""Of zlib's nine: an access log becomes a fifth of its size in two thirds of the time of the usual level (measured)."""
STAMP = "%Y%m%d-%H%M%S"


def size_of(log: Path) -> int | None:
    """Return how large the log being written is, None when there is none."""
    try:
        return log.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def tidy(log: Path, keep: int) -> None:
    """Finish what was cut off, keep the newest `keep` rotated files and compress them.

    Raises OSError when a file cannot be compressed or removed; the log may be rotated all the same.
    """
    for name in _names(log):
        if name.endswith(UNFINISHED):
            (log.parent / name).unlink(missing_ok=True)
    names = set(_names(log))
    for name in sorted(names):
        if name + COMPRESSED in names:
            (log.parent / name).unlink(missing_ok=True)
            names.discard(name)
    rotated = [file for file in attempt_files(names, written_log(log.name).attempt) if not file.written]
    for file in rotated[: max(0, len(rotated) - keep)]:
        (log.parent / file.name).unlink(missing_ok=True)
    for file in rotated[max(0, len(rotated) - keep) :]:
        if not file.compressed:
            _compress(log.parent / file.name)


def set_aside(log: Path, wall: float) -> Path:
    """Rename the log being written and return its new path; `wall` is Unix seconds.

    The new name is later than every other even where the clock was set back: by names they are read and dropped.
    """
    newest = max((file.stamp for file in attempt_files(_names(log), written_log(log.name).attempt)), default="")
    stamp = datetime.fromtimestamp(wall, UTC).strftime(STAMP)
    if stamp <= newest:
        later = datetime.strptime(newest, STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
        stamp = later.strftime(STAMP)
    target = log.with_name(f"{log.name}.{stamp}")
    log.rename(target)
    return target


def put_back(log: Path, target: Path) -> None:
    """Undo `set_aside` unless the runtime has made the log anew, whatever it answered, or the pod's logs are gone."""
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(target, log)
        target.unlink()


def cut(log: Path, most: int) -> None:
    """Leave the last whole lines, `most` bytes of them, of a log to which nobody writes any more."""
    source = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(source)
        begin = max(0, found.st_size - most)
        newline = os.pread(source, BLOCK, begin - 1).find(b"\n") if begin else -1
        begin += max(0, newline)
        temporary = log.with_name(log.name + UNFINISHED)
        temporary.unlink(missing_ok=True)
        with _new_file(temporary, found.st_mode) as copy:
            while data := os.pread(source, BLOCK, begin):
                begin += len(data)
                copy.write(data)
        temporary.rename(log)
    finally:
        os.close(source)


def _compress(path: Path) -> None:
    """Replace a file by its compressed self, which is on disk before it has the name that counts."""
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    temporary = path.with_name(path.name + UNFINISHED)
    try:
        deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        with _new_file(temporary, os.fstat(source).st_mode) as target:
            while data := os.read(source, BLOCK):
                target.write(deflate.compress(data))
            target.write(deflate.flush())
        temporary.rename(path.with_name(path.name + COMPRESSED))
        path.unlink()
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(source)


@contextlib.contextmanager
def _new_file(path: Path, mode: int) -> Iterator[BinaryIO]:
    """Give a new file of this mode; what was written is on disk when the block ends."""
    # A log is copied block by block, too large for `whole_files`; which step a crash cut off is told from its name.
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode & 0o777)
    with os.fdopen(number, "wb") as file:
        yield file
        file.flush()
        os.fsync(number)


def _names(log: Path) -> list[str]:
    """Return the names that belong to this attempt's log."""
    return [p.name for p in log.parent.iterdir() if p.name == log.name or p.name.startswith(f"{log.name}.")]
