"""The agent's local socket in the file system: made root's alone, replaced when stale, removed when done."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_MODE = 0o600
MAX_SOCKET_PATH = 107
"""Bytes of sun_path without its final NUL: unix(7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSocket:
    """A listening UNIX socket and the file it was bound to."""

    path: Path
    listener: socket.socket
    bound: os.stat_result

    def close(self) -> None:
        """Close the listener and remove its path, unless another agent has put its own socket there meanwhile."""
        self.listener.close()
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return
        if (now.st_dev, now.st_ino) == (self.bound.st_dev, self.bound.st_ino):
            self.path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError as error:
            raise OperatorError(f"cannot take over the socket {path}: {error.strerror or error}") from error
        return True


def _check_directory(directory: Path) -> None:
    """Make the socket's directory as root's own, or see that nobody else may rename what is in it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = directory.stat()
    except OSError as error:
        raise OperatorError(f"cannot make the socket's directory {directory}: {error.strerror}") from error
    if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        message = f"the socket's directory {directory} must belong to root and be writable by nobody else: chmod 0700"
        raise OperatorError(message)


def listen_local(path: Path) -> LocalSocket:
    """Return a socket listening at `path`, 0600 from its first instant; one that a dead agent left is replaced.

    Raises `OperatorError` when the path is too long, something answers there or it is not a socket.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise OperatorError(f"the socket's path {path} is longer than {MAX_SOCKET_PATH} bytes: choose a shorter one")
    _check_directory(path.parent)
    if path.is_symlink() or (path.exists() and not path.is_socket()):
        raise OperatorError(f"cannot listen at {path}: something that is not a socket is there, remove it")
    if _answers(path):
        raise OperatorError(f"another agent answers at {path}: stop it, or choose another --root-dir")
    # Bound under another name and renamed: clients find the old socket or the new one, never one without its mode.
    made = path.with_name(f".{os.getpid()}"[: len(path.name)])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        made.unlink(missing_ok=True)
        listener.bind(str(made))
        made.chmod(SOCKET_MODE)
        listener.listen(128)
        bound = made.stat()
        made.rename(path)
    except OSError as error:
        listener.close()
        made.unlink(missing_ok=True)
        raise OperatorError(f"cannot listen at {path}: {error.strerror or error}") from error
    return LocalSocket(path=path, listener=listener, bound=bound)
