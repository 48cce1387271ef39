"""Renders the private containerd's configuration; pure.

Everything that two containerds on one machine could share by default is named here, so that several instances
live side by side (spec/cri.md 9). The text is of version 3 of containerd's configuration from containerd 2.1 on, and of
version 2 for older ones: a newer containerd reads that as well, but says at each start that it had to be migrated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

MAX_SOCKET_PATH = 104
"""containerd refuses longer ones ("unix socket path too long (> 104)")."""
TTRPC_SUFFIX = ".ttrpc"

MAX_LOG_LINE_BYTES = 16384
"""Longer lines are cut into chunks tagged P, as the kubelet's log format wants (spec/cri.md 7)."""

VERSION_3_SINCE = (2, 1)
"""First containerd for which version 3 is written: 2.0 reads it too, but has one directory of CNI plugins where 2.1 has several."""
CRI = 'plugins."io.containerd.grpc.v1.cri"'
"""The whole of CRI in version 2; in version 3 its streaming server only."""
CRI_IMAGES = 'plugins."io.containerd.cri.v1.images"'
CRI_RUNTIME = 'plugins."io.containerd.cri.v1.runtime"'

QUIET_PLUGINS = (
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
)
"""Snapshotters that we never use: each only logs at every start why it cannot work. Nothing else is disabled, for
CRI needs more of the others than their names tell (spec/cri.md 9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdConfig:
    """What one private containerd is made of."""

    containerd: tuple[int, int]
    """Major and minor version of the program; (0, 0) where it does not tell."""
    root: Path
    """Images, snapshots: persistent."""
    state: Path
    """Bundles, network namespaces: gone after a reboot."""
    socket: Path
    opt: Path
    cni_conf: Path
    cni_plugins: Path
    certs: Path
    """The certs.d directory; see `registry_hosts`."""
    sandbox_image: str
    runtimes: tuple[tuple[str, Path], ...]
    """OCI runtimes by handler name."""
    default_runtime: str
    restrict_oom_score_adj: bool
    """A mend (foundation 3): negative oom_score_adj values are cut to containerd's own."""
    systemd_cgroup: bool = False
    """Whether systemd makes the containers' cgroups; the pods' own must be slices then."""


def check_socket_path(socket: Path) -> None:
    """Refuse a socket path that containerd cannot listen on.

    Raises:
        OperatorError: the path, or the one derived from it, is longer than 104 bytes.
    """
    longest = str(socket) + TTRPC_SUFFIX
    excess = len(longest.encode()) - MAX_SOCKET_PATH
    if excess > 0:
        raise OperatorError(
            f"cannot listen on {longest!r}: the path of a socket may have {MAX_SOCKET_PATH} bytes and this one has "
            f"{excess} more; choose a shorter --root-dir"
        )


def _quote(value: str | Path) -> str:
    """Return a TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(str(value), ensure_ascii=True)


def _table(name: str, entries: dict[str, str]) -> str:
    body = "".join(f"{key} = {value}\n" for key, value in entries.items())
    return f"[{name}]\n{body}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _runtime_tables(config: ContainerdConfig, above: str) -> list[str]:
    tables = []
    for name, binary in config.runtimes:
        runtime = f"{above}.containerd.runtimes.{name}"
        tables.append(_table(runtime, {"runtime_type": '"io.containerd.runc.v2"'}))
        options = {
            "BinaryName": _quote(binary),
            # Without a directory of its own every containerd of the machine keeps container state in one place.
            "Root": _quote(config.state / name),
            "SystemdCgroup": _flag(config.systemd_cgroup),
        }
        tables.append(_table(f"{runtime}.options", options))
    return tables


def _cri_tables(config: ContainerdConfig) -> list[str]:
    """Return what CRI is configured with, in the tables of the configuration's version."""
    default = {"default_runtime_name": _quote(config.default_runtime)}
    snapshots = {"snapshotter": '"overlayfs"'}
    streaming = {"stream_server_address": '"127.0.0.1"', "stream_server_port": '"0"'}
    networks = {"conf_dir": _quote(config.cni_conf)}
    registry = {"config_path": _quote(config.certs)}
    containers = {
        "netns_mounts_under_state_dir": "true",
        "max_container_log_line_size": str(MAX_LOG_LINE_BYTES),
        "restrict_oom_score_adj": _flag(config.restrict_oom_score_adj),
        # By default limits of huge pages are dropped; a kernel without the controller is tolerated.
        "disable_hugetlb_controller": "false",
    }
    if config.containerd < VERSION_3_SINCE:
        return [
            _table(CRI, {"sandbox_image": _quote(config.sandbox_image), **streaming, **containers}),
            _table(f"{CRI}.cni", {"bin_dir": _quote(config.cni_plugins), **networks}),
            _table(f"{CRI}.registry", registry),
            _table(f"{CRI}.containerd", snapshots | default),
            *_runtime_tables(config, CRI),
        ]
    return [
        _table(CRI, streaming),
        _table(CRI_IMAGES, snapshots),
        _table(f"{CRI_IMAGES}.pinned_images", {"sandbox": _quote(config.sandbox_image)}),
        _table(f"{CRI_IMAGES}.registry", registry),
        _table(CRI_RUNTIME, containers),
        _table(f"{CRI_RUNTIME}.cni", {"bin_dirs": f"[{_quote(config.cni_plugins)}]", **networks}),
        _table(f"{CRI_RUNTIME}.containerd", default),
        *_runtime_tables(config, CRI_RUNTIME),
    ]


def render_config(config: ContainerdConfig) -> str:
    """Return the text of config.toml."""
    quiet = ", ".join(_quote(name) for name in QUIET_PLUGINS)
    version = 2 if config.containerd < VERSION_3_SINCE else 3
    head = (
        f"version = {version}\nroot = {_quote(config.root)}\nstate = {_quote(config.state)}\n"
        f"oom_score = 0\ndisabled_plugins = [{quiet}]\n"
    )
    tables = [
        _table("grpc", {"address": _quote(config.socket), "uid": "0", "gid": "0"}),
        _table("ttrpc", {"address": _quote(f"{config.socket}{TTRPC_SUFFIX}"), "uid": "0", "gid": "0"}),
        _table("debug", {"level": '"info"'}),
        _table('plugins."io.containerd.internal.v1.opt"', {"path": _quote(config.opt)}),
        # containerd 2.x listens on one machine-wide NRI socket unless told not to.
        _table('plugins."io.containerd.nri.v1.nri"', {"disable": "true"}),
        *_cri_tables(config),
    ]
    return "\n".join([head, *tables])
