"""Who may come in: the local socket is root's, and a process inside one of our own pods is not root (foundation 6)."""

from __future__ import annotations

import os
import select
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.server.messages import Caller

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_PEERCRED = struct.Struct("3i")
_NOBODY_LOGGED_IN = 0xFFFFFFFF
_SO_PEERPIDFD = 77
"""asm-generic/socket.h, Linux 6.5; the standard library has no name for it yet."""


class Access(StrEnum):
    """What a route lets its caller do; the local socket's caller is root and may do all of it."""

    HEALTH = "health"
    """Whether the node lives; tells nothing else."""
    READ = "read"
    """Objects without what they keep secret, and discovery."""
    LOGS = "logs"
    """Output of containers."""
    EXEC = "exec"
    """A process in a container: root on the node, in effect."""
    ADMIN = "admin"
    """Changing what the node runs or holds."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a UNIX socket, as the kernel vouches for it."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Return the peer's credentials at connect(2) time; raises `OSError`."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    return Peer(*_PEERCRED.unpack(data))


def in_pod_cgroup(cgroup_file: str, pod_root: str) -> bool:
    """Return whether a /proc/PID/cgroup (any hierarchy, v1 or v2) lies at or under the cgroup of the agent's pods.

    The root is looked for anywhere in the path: an agent in a container of its own sees a prefix before it.
    """
    root = f"/{pod_root.strip('/')}/"
    paths = (line.split(":", 2)[2] for line in cgroup_file.splitlines() if line.count(":") >= 2)
    return any(root in f"{path}/" for path in paths)


def _read_cgroup(connection: socket.socket, pid: int) -> str:
    """Return the peer's cgroup file, sure that the pid was the peer's while it was read; raises `OSError`."""
    try:
        pidfd = struct.unpack("i", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4))[0]
    except OSError:
        pidfd = os.pidfd_open(pid)  # an older kernel: from here on the pid cannot be given to another process
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
        ended = select.poll()
        ended.register(pidfd, select.POLLIN)
        if ended.poll(0):
            raise ProcessLookupError(f"process {pid} ended")
    finally:
        os.close(pidfd)
    return text


def judge(connection: socket.socket, *pod_cgroup_roots: str) -> Caller:
    """Return who is at the other end of an accepted UNIX connection; what cannot be found out is refused."""
    try:
        peer = peer_of(connection)
    except OSError as error:
        return Caller(user="unknown", refusal=f"cannot tell who is calling: {error.strerror}")
    user = "root" if peer.uid == 0 else f"uid:{peer.uid}"
    if peer.uid != 0:
        return Caller(
            user=user, pid=peer.pid, uid=peer.uid, refusal=f"user id {peer.uid} may not use the agent's socket: be root"
        )
    try:
        text = _read_cgroup(connection, peer.pid)
    except OSError as error:
        refusal = f"cannot tell whether process {peer.pid} is inside a pod: {error.strerror or error}"
        return Caller(user=user, pid=peer.pid, uid=peer.uid, refusal=refusal)
    login = _login_uid(peer.pid)
    inside = any(in_pod_cgroup(text, root) for root in pod_cgroup_roots)
    refusal = f"process {peer.pid} is inside a pod of this node and may not use the agent's socket" if inside else ""
    return Caller(user=user, pid=peer.pid, uid=peer.uid, login_uid=login, refusal=refusal)


def _login_uid(pid: int) -> int | None:
    """Return who logged in to start a process (proc(5)); root may set it once, and the kernel keeps it."""
    try:
        found = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if found == _NOBODY_LOGGED_IN else found


def local_door(*pod_cgroup_roots: str) -> Callable[[asyncio.StreamWriter], Caller]:
    """Return the `identify` of the local socket's server; a root of pods' cgroups is like `/podstead-1a2b3c4d`."""

    def identify(writer: asyncio.StreamWriter) -> Caller:
        return judge(writer.get_extra_info("socket"), *pod_cgroup_roots)

    return identify
