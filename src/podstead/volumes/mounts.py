"""What a container mounts, from what was prepared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.state.runtime import Mount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.k8s import core_v1 as v1

ETC_HOSTS = "/etc/hosts"
DEFAULT_TERMINATION_PATH = "/dev/termination-log"

_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` made ready: the path on the node of each volume that some container mounts."""

    volumes: Mapping[str, Path] = field(default_factory=dict)


def mounts_for(
    container: v1.Container, prepared: Prepared, *, etc_hosts: Path | None, termination_file: Path | None
) -> tuple[Mount, ...]:
    """Return the container's mounts: its volumes as declared, then the hosts file and the termination message file.

    The last two give way to a mount of the container's own at the same place. Raises KeyError for a volume that was
    not prepared.
    """
    mounts = [
        Mount(
            container_path=_absolute(mount.mount_path),
            host_path=str(prepared.volumes[mount.name]),
            readonly=bool(mount.read_only),
            propagation=_PROPAGATION.get(mount.mount_propagation or "", "private"),
        )
        for mount in container.volume_mounts
    ]
    taken = {mount.container_path.rstrip("/") for mount in mounts}
    if etc_hosts is not None and ETC_HOSTS not in taken:
        mounts.append(Mount(container_path=ETC_HOSTS, host_path=str(etc_hosts)))
    message = container.termination_message_path or DEFAULT_TERMINATION_PATH
    if termination_file is not None and _absolute(message).rstrip("/") not in taken:
        mounts.append(Mount(container_path=_absolute(message), host_path=str(termination_file)))
    return tuple(mounts)


def _absolute(path: str) -> str:
    """Return a mount path as the runtime wants it: a relative one is taken from the container's root (kubelet)."""
    return path if path.startswith("/") else f"/{path}"
