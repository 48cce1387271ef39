"""Who listens on a TCP port of this network namespace; read from /proc (proc(5), net/tcp)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTEN = "0A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A process that listens. `cgroups` is the text of /proc/PID/cgroup."""

    pid: int
    program: str
    cgroups: str


def listening_inodes(table: str, port: int) -> set[str]:
    """Return the inodes of the sockets that listen on the port; `table` is the text of /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def find_listener(port: int) -> Listener | None:
    """Return the process that listens on the port; None when nobody does. A process out of sight has pid 0."""
    inodes: set[str] = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            inodes |= listening_inodes(Path("/proc/thread-self/net", name).read_text(encoding="ascii"), port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in processes():
        with contextlib.suppress(OSError):  # it has ended
            if any(_target(descriptor) in wanted for descriptor in (process / "fd").iterdir()):
                return Listener(
                    pid=int(process.name),
                    program=(process / "comm").read_text(encoding="utf-8", errors="replace").strip(),
                    cgroups=(process / "cgroup").read_text(encoding="utf-8", errors="replace"),
                )
    return Listener(pid=0, program="a process out of sight", cgroups="")


def processes() -> Iterator[Path]:
    """Yield /proc/PID of every process, by number."""
    yield from sorted((p for p in Path("/proc").iterdir() if p.name.isdigit()), key=lambda p: int(p.name))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
