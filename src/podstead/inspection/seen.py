"""What was seen on a machine, before anybody judges it."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from enum import StrEnum

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
"""Mode bits that let others than the owner write."""


class Kind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "symbolic link"
    FIFO = "FIFO"
    SOCKET = "socket"
    DEVICE = "device"
    MISSING = "nothing"
    UNREADABLE = "unreadable"
    """`error` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """One path. `data` is None where no bytes were asked for, or there are none; `digest` is SHA-256 of all bytes.

    `target` is what a symbolic link says, `real` the path that it comes to. Mode, owner and bytes of a link are those of
    what it comes to. Times are Unix seconds.
    """

    path: str
    kind: Kind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    owner: str = ""
    links: int = 1
    size: int = 0
    modified_at: float = 0.0
    digest: str = ""
    data: bytes | None = field(default=None, repr=False)
    target: str = ""
    real: str = ""
    error: str = ""

    @property
    def is_there(self) -> bool:
        """Whether something stands at the path."""
        return self.kind not in {Kind.MISSING, Kind.UNREADABLE}

    @property
    def by_others(self) -> bool:
        """Whether somebody else than root may write it; of a directory, exchange what lies in it."""
        if self.uid != 0:
            return True
        sticky = self.kind is Kind.DIRECTORY and bool(self.mode & stat.S_ISVTX)
        return bool(self.mode & WRITABLE) and not sticky


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenProcess:
    """A process that could be a kubelet by its name, its executable or its arguments.

    `executable` is what the kernel says runs (`/proc/PID/exe`); `image` what was seen of that file and `way` of the
    directories that it lies in. `elsewhere`: its root directory is another than this inspection's.
    """

    pid: int
    name: str
    executable: str
    arguments: tuple[str, ...]
    uid: int
    user: str
    image: SeenFile | None = None
    way: tuple[SeenFile, ...] = ()
    directory: str = "/"
    elsewhere: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenUnit:
    """A unit of systemd: its files in the order in which they count, the unit's own first."""

    name: str
    files: tuple[SeenFile, ...]
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSandbox:
    """A pod of the runtime. `source` is its annotation `kubernetes.io/config.source`: file, http, api or nothing."""

    id: str
    namespace: str
    name: str
    source: str
    ready: bool
    endpoint: str
