"""The instance: an id minted in the root directory, and a lock that keeps a second agent out (foundation 1)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from podstead.errors import OperatorError
from podstead.store import files
from podstead.store.schema import CorruptError, Schema

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from podstead.config.paths import Paths

ROOT_MODE = 0o711
"""Others may pass through to a log or a volume whose path they know, and list nothing."""
PODS_MODE = 0o750
"""As the kubelet's (spec/kubelet-static-pods.md 5.5)."""
LOGS_MODE = 0o755
"""As /var/log/pods is: log shippers read there."""


class StoredInstance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of ROOT/instance.json; `created_at` is Unix seconds."""

    id: str
    created_at: float


SCHEMA = Schema(type=StoredInstance, version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Who this agent is, for as long as its root directory lives."""

    id: str
    created_at: float

    @property
    def short(self) -> str:
        """The first eight digits, for the names of cgroups and bridges."""
        return self.id[:8]


class RootLock:
    """Holds the lock of a directory, as ROOT/lock, until it is closed or the process ends, however that happens."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another agent in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def make_directories(paths: Paths) -> None:
    """Make the directories of an instance; one that is there keeps its mode, but state is for its owner only.

    Raises:
        OperatorError: a directory cannot be made, or others could write to the root directory.
    """
    wanted = (
        (paths.root, ROOT_MODE),
        (paths.run, ROOT_MODE),
        (paths.state, files.DIRECTORY_MODE),
        (paths.pods, PODS_MODE),
        (paths.pod_logs, LOGS_MODE),
    )
    try:
        for path, mode in wanted:
            files.make_directory(path, mode)
        _check_ours(paths.root)
        paths.state.chmod(files.DIRECTORY_MODE)
    except files.StoreError as error:
        raise OperatorError(str(error)) from error
    except OSError as error:
        raise OperatorError(f"cannot use {error.filename}: {error.strerror}") from error


def _check_ours(root: Path) -> None:
    """Refuse a root directory in which somebody else could put records, and so start pods as root."""
    found = root.stat()
    if found.st_uid not in {0, os.geteuid()}:
        raise OperatorError(f"cannot use {root}: it belongs to user {found.st_uid}; give it to root or take another")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(found.st_mode)
        raise OperatorError(f"cannot use {root}: others may write to it (mode {mode:04o}); run: chmod go-w {root}")


def lock_root(paths: Paths) -> RootLock:
    """Take the lock of the root directory.

    Raises:
        OperatorError: another agent holds it, or its file cannot be opened.
    """
    return lock_directory(paths.root, "another agent runs with this root dir", "stop it, or give --root-dir another")


def lock_directory(directory: Path, holder: str, advice: str) -> RootLock:
    """Take the lock of a directory; `holder` and `advice` are said where another process has it.

    Raises:
        OperatorError: another process holds it, or its file cannot be opened.
    """
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, files.FILE_MODE)
    except OSError as error:
        raise OperatorError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise OperatorError(f"{holder} {directory} (pid {pid}); {advice}") from error
    # Only for the sentence above, and only true while the lock is held: a full disk may leave it out.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return RootLock(descriptor)


def is_locked(directory: Path) -> bool:
    """Return whether a process holds the lock of a directory now.

    Raises:
        OperatorError: that cannot be told.
    """
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OperatorError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_instance(paths: Paths, *, wall: float) -> Instance:
    """Return the instance of the root directory, minted at the first start. `wall` is Unix seconds.

    Raises:
        OperatorError: the file cannot be read, written or understood. It is never replaced by a new id: everything
            that runs here would become foreign.
    """
    path = paths.root / "instance.json"
    try:
        data = files.read(path)
        if data is not None:
            stored = SCHEMA.decode(data)
            return Instance(id=stored.id, created_at=stored.created_at)
        minted = StoredInstance(id=uuid4().hex, created_at=wall)
        files.write(path, SCHEMA.encode(minted))
    except files.StoreError as error:
        raise OperatorError(str(error)) from error
    except CorruptError as error:
        raise OperatorError(
            f"cannot understand {path}: {error}; restore it, or write the id that the label podstead.io/instance of"
            " the running sandboxes shows"
        ) from error
    return Instance(id=minted.id, created_at=minted.created_at)
