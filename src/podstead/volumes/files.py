"""The small files that the agent gives containers: hosts and termination messages. Everything here blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIRECTORY_MODE = 0o750
HOSTS_MODE = 0o644
MESSAGE_MODE = 0o666
"""Containers of any user write their message."""
MAX_MESSAGE = 4096
"""Bytes of a container's termination message that are read, from its end."""
MAX_POD_MESSAGES = 12288
"""Bytes of all messages of a pod together, shared evenly among its containers."""
KEPT_MESSAGES = 2
"""Messages of earlier attempts that stay, as the records of the containers do."""
MAX_NODE_HOSTS = 1 << 20


def write_in_place(path: Path, text: str, mode: int) -> None:
    """Give a file this content without replacing it: containers that mount it see the change.

    An equal content is left untouched. A link in its place is an error (ELOOP), never followed.
    """
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    data = text.encode()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        if os.pread(handle, len(data) + 1, 0) != data:
            _overwrite(handle, data)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def change_in_place(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file that containers mount; one that is not there, or has grown beyond reason, stays so."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        old = os.pread(handle, MAX_NODE_HOSTS + 1, 0)
        if len(old) > MAX_NODE_HOSTS:
            return
        data = change(old.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if data != old:
            _overwrite(handle, data)
    finally:
        os.close(handle)


def _overwrite(handle: int, data: bytes) -> None:
    """Replace a file's content so that whoever reads it meanwhile finds no empty file and no rest of a line.

    The new content is written at once, with line ends over what is left of a longer old one; then it is cut.
    """
    surplus = os.fstat(handle).st_size - len(data)
    view = memoryview(data + b"\n" * max(0, surplus))
    written = 0
    while written < len(view):
        written += os.pwrite(handle, view[written:], written)
    os.ftruncate(handle, len(data))


def make_message_file(path: Path) -> None:
    """Make an empty termination message file that any user may write; one that is there is emptied.

    Those of attempts whose records nobody keeps any more are removed: a crash loop makes one in five minutes.
    """
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    earlier = sorted(one for one in path.parent.iterdir() if one.name < path.name)
    for old in earlier[:-KEPT_MESSAGES]:
        old.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MESSAGE_MODE)
    try:
        os.fchmod(handle, MESSAGE_MODE)
    finally:
        os.close(handle)


def read_message(path: Path, limit: int) -> str:
    """Return the last `limit` bytes of a termination message, empty when there is none or it is no regular file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return ""
        file.seek(max(0, status.st_size - limit))
        return file.read(limit).decode("utf-8", "replace")


def read_node_file(path: Path) -> str:
    """Return a text file of the node, empty when it cannot be read (a node without /etc/hosts is one with none)."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_NODE_HOSTS).decode("utf-8", "replace")
    except OSError:
        return ""
