"""Durable files: replaced atomically, synced in batches, set aside rather than deleted when they are corrupt.

Everything here blocks; the stores call it through `asyncio.to_thread`. They call it as `files.write_many(…)`, so that a
test of crashes finds every durable write of class A in this one module.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from podstead import whole_files
from podstead.errors import PodsteadError
from podstead.whole_files import Hidden, Staged, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
SYNC_THREADS = 8
"""Syncs of one batch under way at once: they wait for the same journal commit, so more gain nothing."""
_HIDDEN = Hidden(begin=".", end=".tmp")


class StoreError(PodsteadError):
    """A file of the agent's state cannot be read or written; the text names the path and the system's reason."""

    def __init__(self, verb: str, path: Path, reason: str) -> None:
        super().__init__(f"cannot {verb} {path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One file of a batch."""

    path: Path
    data: bytes
    mode: int = FILE_MODE


@contextlib.contextmanager
def _named(verb: str, path: Path) -> Iterator[None]:
    """Turn the system's error into one that names the path."""
    try:
        yield
    except OSError as error:
        raise StoreError(verb, path, error.strerror or type(error).__name__) from error


def write(path: Path, data: bytes) -> None:
    """Replace one file; see `write_many`."""
    write_many((Write(path=path, data=data),))


def write_many(batch: Sequence[Write], then: Sequence[Write] = (), *, make_directories: bool = True) -> None:
    """Replace files atomically and durably, each with its mode; their directories are made where needed, unless told not to.

    At each instant a reader sees an old or a new file, never a part of one. All contents are on disk before the first
    name changes, and names change in the order of the batch, so a failure for want of space changes nothing. Those of
    `then` change when the batch is durable: they may name what is in it.

    Raises:
        StoreError: a file or its directory cannot be written; no temporary file stays behind.
    """
    made = [_make_missing(stage) if make_directories else () for stage in (batch, then)]
    with contextlib.ExitStack() as held:
        contents = {item.path: _stage(item, held) for item in (*batch, *then)}
        _sync_all(_sync, tuple(contents.items()))
        for stage, parents in zip((batch, then), made, strict=True):
            for item in stage:
                with _named("write", item.path):
                    contents[item.path].put(item.path)
            _sync_all(sync_directory, tuple(dict.fromkeys((*(item.path.parent for item in stage), *parents))))


def _make_missing(batch: Sequence[Write]) -> tuple[Path, ...]:
    """Make the directories of a batch; returns those that got a new name by it, which must be synced with it."""
    changed: dict[Path, None] = {}
    for item in batch:
        missing = [path for path in item.path.parents if not path.is_dir()]
        for path in reversed(missing):
            _mkdir(path, DIRECTORY_MODE)
            changed[path.parent] = None
    return tuple(changed)


def _stage(item: Write, held: contextlib.ExitStack) -> Staged:
    """Write the content, to be gone when `held` ends; it is synced with those of the whole batch."""
    with _named("write", item.path):
        hidden = item.path.with_name(_HIDDEN.name())
        return held.enter_context(staged(hidden, item.data, mode=item.mode, durable=False))


def _sync_all(sync: Callable[[T], None], these: Sequence[T]) -> None:
    """Sync all of them at once, one in this thread; an error is raised when every one has ended."""
    beside = [_syncers().submit(sync, one) for one in these[1:]]
    try:
        for one in these[:1]:
            sync(one)
    finally:
        wait(beside)
    for synced in beside:
        synced.result()


@cache
def _syncers() -> ThreadPoolExecutor:
    """Return threads that stay: to make new ones for each batch takes as long as its syncs."""
    return ThreadPoolExecutor(max_workers=SYNC_THREADS - 1, thread_name_prefix="fsync")


os.register_at_fork(after_in_child=_syncers.cache_clear)  # a child has none of its parent's threads


def _sync(named: tuple[Path, Staged]) -> None:
    path, content = named
    with _named("write", path):
        content.sync()


def sync_directory(path: Path) -> None:
    """Make the names of a directory durable.

    Raises:
        StoreError: the directory cannot be opened or synced.
    """
    with _named("sync", path):
        whole_files.sync_directory(path)


def read(path: Path) -> bytes | None:
    """Return a file's bytes, None where there is no such file.

    Raises:
        StoreError: the file is there and cannot be read.
    """
    with _named("read", path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def names(directory: Path) -> tuple[str, ...]:
    """Return the sorted names in a directory, none where there is no such directory; hidden ones are left out.

    Raises:
        StoreError: the directory is there and cannot be read.
    """
    with _named("read", directory):
        try:
            return tuple(sorted(name for name in os.listdir(directory) if not name.startswith(".")))  # noqa: PTH208 - names only
        except FileNotFoundError:
            return ()


def remove(*paths: Path) -> None:
    """Remove files durably; one that is not there is no error.

    Raises:
        StoreError: a file cannot be removed.
    """
    for path in paths:
        with _named("remove", path):
            path.unlink(missing_ok=True)
    for directory in dict.fromkeys(path.parent for path in paths):
        if directory.exists():
            sync_directory(directory)


def make_directory(path: Path, mode: int = DIRECTORY_MODE) -> None:
    """Make a directory, with its parents, durably; one that is there keeps its mode.

    Raises:
        StoreError: it cannot be made, or something else has its name.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_directory(path.parent, mode)
    _mkdir(path, mode)
    sync_directory(path.parent)


def _mkdir(path: Path, mode: int) -> None:
    with _named("make", path):
        try:
            path.mkdir(mode=mode)
        except FileExistsError:
            if not path.is_dir():
                raise


def set_aside(path: Path, wall: float) -> Path:
    """Rename a corrupt file to `NAME.TIME.corrupt` for people to look at, and return where it is now.

    It stays under its own name where the file system refuses even that. `wall` is Unix seconds.
    """
    target = _aside(path, wall)
    try:
        path.rename(target)
    except OSError:
        return path
    return target


def link_aside(path: Path, wall: float) -> Path:
    """Do as `set_aside`, and let the file keep its own name too: for one whose lack would say something else."""
    target = _aside(path, wall)
    try:
        target.hardlink_to(path)
    except OSError:
        return path
    return target


def _aside(path: Path, wall: float) -> Path:
    """Return the name that a corrupt file is set aside under."""
    stamp = datetime.fromtimestamp(wall, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.{stamp}.corrupt")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{stamp}.{number}.corrupt")
    return target


def sweep(directory: Path) -> None:
    """Remove the hidden files that a killed process left; the agent of this root directory is the only one that writes.

    Raises:
        StoreError: the directory is there and cannot be read.
    """
    with _named("read", directory):
        _HIDDEN.sweep(directory)


def segment(text: str, limit: int = 200) -> str:
    """Return a name for `text` that is safe as one part of a path and is not longer than `limit` bytes.

    Kubernetes' own names stay as they are. What is cut keeps apart from its neighbours by a part of its SHA-256.
    """
    safe = quote(text, safe="", errors="surrogatepass").replace("~", "%7E")
    if safe.startswith(".") or not safe:
        safe = f"%2E{safe[1:]}"
    if len(safe) <= limit:
        return safe
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{safe[: limit - 17]}~{digest}"
