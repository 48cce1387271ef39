"""What makes a pod root on the node, whatever else confines it: each way listed by name.

Where signatures are enforced these are refused at every level, also the privileged one, until an exemption names them: a
signature says who wants a pod, not that it should own the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.capabilities import ALL
from podstead.policy.host_paths import host_paths_of, writers
from podstead.policy.pod_security.faults import in_own_users, places
from podstead.policy.violation import Breach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.policy.values import PathFacts

    Finder = Callable[[v1.Pod, Mapping[str, PathFacts]], Iterator[tuple[str, str, str]]]
    """Yields field, value and what is said of it."""

CAPABILITIES = {
    ALL: "holds every capability",
    "SYS_ADMIN": "mounts file systems and enters other namespaces",
    "SYS_MODULE": "loads code into the kernel",
    "SYS_RAWIO": "reads and writes the machine's memory and ports",
    "SYS_BOOT": "starts another kernel (kexec)",
    "DAC_READ_SEARCH": "opens any file of the node by its handle",
    "BPF": "runs programs in the kernel",
    "MAC_ADMIN": "changes what AppArmor and its kin allow",
}
SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock.ttrpc",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/libvirt",
    "/run/snapd.socket",
    "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/podstead",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
)
"""Whoever may speak to one of these makes containers or units; a mount that only reads is enough for that."""
RUNS_AS_ROOT = (
    *("/bin", "/boot", "/etc", "/lib", "/lib64", "/opt/cni", "/root", "/sbin", "/usr"),
    *("/run/containerd", "/run/crio", "/run/runc", "/run/systemd", "/run/udev"),
    *("/var/lib/cloud", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/dpkg"),
    *("/var/lib/kubelet", "/var/lib/podstead", "/var/lib/rancher", "/var/lib/rpm", "/var/lib/snapd"),
    *("/var/lib/systemd", "/var/spool/cron"),
)
"""Directories whose files root runs or obeys: to write one is to be root."""
KERNEL = ("/proc", "/sys")
"""A mount of /proc that only reads still leads, by /proc/1/root, to all that can be written; below /sys lie its switches."""
HARMLESS_DEVICES = frozenset(
    f"/dev/{name}" for name in ("full", "hugepages", "log", "null", "random", "shm", "urandom", "zero")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootEqual:
    """One way to be root on the node, by the name that an exemption writes."""

    name: str
    what: str
    find: Finder


def _privileged(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 - a finder
    for place in places(pod):
        if place.context.privileged:
            yield f"{place.context_path}.privileged", "true", "a privileged container has every device and capability"


def _added(pod: v1.Pod) -> Iterator[tuple[str, str]]:
    for place in places(pod):
        capabilities = place.context.capabilities
        for index, name in enumerate(capabilities.add if capabilities is not None else ()):
            yield f"{place.context_path}.capabilities.add[{index}]", name.upper().removeprefix("CAP_")


def _capabilities(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 - a finder
    if in_own_users(pod):
        return  # they count in the pod's own user namespace only
    for field, name in _added(pod):
        if (why := CAPABILITIES.get(name)) is not None:
            yield field, name, f"{name} {why}"


def _tracing(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 - a finder
    if not pod.spec.host_pid or in_own_users(pod):
        return
    for field, name in _added(pod):
        if name == "SYS_PTRACE":
            yield field, name, "with hostPID, SYS_PTRACE writes into any process of the node"


def _devices(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:
    for index, volume, path in host_paths_of(pod):
        kind = (volume.host_path.type if volume.host_path is not None else None) or ""
        for one in _spellings(path, paths):
            if kind in {"BlockDevice", "CharDevice"} or (_reaches(one, "/dev") and one not in HARMLESS_DEVICES):
                yield f"spec.volumes[{index}].hostPath", path, f"{one} is a device of the node, or holds its devices"
                break


def _directories(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:
    for index, volume, path in host_paths_of(pod):
        field = f"spec.volumes[{index}].hostPath"
        if not any(writers(pod, volume.name)):
            continue
        for one in _spellings(path, paths):
            held = next((place for place in RUNS_AS_ROOT if _reaches(one, place)), None)
            if held is not None:
                yield field, path, f"{one} can be written, and root runs or obeys what is in {held}"
                break


def _kernel(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:
    for index, _, path in host_paths_of(pod):
        for one in _spellings(path, paths):
            held = next((place for place in KERNEL if _reaches(one, place)), None)
            if held is not None:
                yield f"spec.volumes[{index}].hostPath", path, f"{one} shows the kernel's own {held}"
                break


def _sockets(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[tuple[str, str, str]]:
    for index, _, path in host_paths_of(pod):
        for one in _spellings(path, paths):
            held = next((place for place in SOCKETS if _reaches(one, place)), None)
            if held is not None:
                yield (
                    f"spec.volumes[{index}].hostPath",
                    path,
                    f"{one} leads to {held}, by which containers or units are made",
                )
                break


def _spellings(path: str, paths: Mapping[str, PathFacts]) -> tuple[str, ...]:
    """Return the names under which a path is judged: as written, and as the node resolves it."""
    facts = paths.get(path)
    found = (path, *((facts.real,) if facts is not None else ()))
    return tuple(dict.fromkeys(_usual(one) for one in found))


def _usual(path: str) -> str:
    """Return a path with Debian's usual links followed, for where no node was asked."""
    return path.removeprefix("/var") if path == "/var/run" or path.startswith("/var/run/") else path


def _reaches(path: str, place: str) -> bool:
    """Return whether a mount of `path` shows `place`, all of it or a part."""
    return path in {"/", place} or path.startswith(f"{place}/") or place.startswith(f"{path}/")


ROOT_EQUAL = (
    RootEqual(name="Root: privileged", what="`securityContext.privileged: true`", find=_privileged),
    RootEqual(
        name="Root: capabilities",
        what=f"adding {', '.join(CAPABILITIES)} (unless the pod has a user namespace of its own)",
        find=_capabilities,
    ),
    RootEqual(name="Root: tracing", what="`hostPID: true` with SYS_PTRACE", find=_tracing),
    RootEqual(
        name="Root: devices",
        what="a hostPath of type BlockDevice or CharDevice, /dev, or what is below it but for a few harmless ones",
        find=_devices,
    ),
    RootEqual(
        name="Root: writable directories",
        what=f"a hostPath that can be written and shows {', '.join(RUNS_AS_ROOT)}, or `/` and whatever holds one of them",
        find=_directories,
    ),
    RootEqual(name="Root: kernel", what=f"a hostPath that shows {' or '.join(KERNEL)}, to read as well", find=_kernel),
    RootEqual(
        name="Root: sockets",
        what=f"a hostPath that shows {', '.join(SOCKETS)}, to read as well",
        find=_sockets,
    ),
)
"""In the order in which they are told."""


def root_breaches(pod: v1.Pod, paths: Mapping[str, PathFacts]) -> Iterator[Breach]:
    """Yield every way in which a pod would be root on the node."""
    for way in ROOT_EQUAL:
        for field, value, why in way.find(pod, paths):
            yield Breach(control=way.name, field=field, problem=f"this equals root on the node: {why}", value=value)
