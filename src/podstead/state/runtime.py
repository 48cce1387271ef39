"""What is asked of the container runtime, and what it tells of itself: values of the runtime port."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
    from podstead.k8s import core_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class DNS:
    """Content of a sandbox's resolv.conf."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


SANDBOX_DEADLINES = 2
"""A call for a sandbox may take so many deadlines of other calls: setting up a network may be slow (kubelet, alike)."""
ID_RANGE = 65_536
"""Ids of a pod with a user namespace: all that images use (nobody is 65534). The kubelet gives as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRequest:
    """Everything RunPodSandbox needs; the pod is defaulted and named."""

    key: PodKey
    uid: PodUID
    instance: str
    attempt: int
    revision: RevisionID
    pod: v1.Pod
    hostname: str
    log_directory: str
    cgroup_parent: str
    dns: DNS
    runtime_handler: str
    first_id: int | None = None
    """First of the ID_RANGE ids of the node that the pod's own user namespace maps to; None: it has none."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount into a container: of `host_path`, or of the content of `image`, which is an image's id.

    `propagation` is one of private, rslave, rshared. `recursive_readonly` makes also what is mounted below read-only.
    `relabel`: the content is the pod's alone, so that SELinux may give it the container's label.
    """

    container_path: str
    host_path: str = ""
    readonly: bool = False
    recursive_readonly: bool = False
    propagation: str = "private"
    relabel: bool = False
    image: str = ""
    image_sub_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """Everything CreateContainer needs, with all texts expanded and all host paths resolved."""

    sandbox: SandboxRequest
    sandbox_id: SandboxID
    container: v1.Container
    attempt: int
    restart_count: int
    image_id: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    log_path: str
    oom_score_adj: int
    run_as_user: int | None = None
    run_as_username: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAuth:
    """Credentials for one pull; never printed."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image the runtime holds. `user` is its numeric user or None, `username` its user name or empty."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    user: int | None = None
    username: str = ""
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFileSystem:
    """Where the runtime keeps images; `path` is as the runtime sees it, empty where it does not tell."""

    used_bytes: int
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerUse:
    """What a container has written over its image."""

    used_bytes: int = 0
    inodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """The outcome of a command run in a container; outputs are cut to 10 KiB."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFeatures:
    """An OCI runtime handler and what it can; `name` is empty for the runtime's default one."""

    name: str
    recursive_read_only: bool = False
    """Whether a read-only mount is so in all that is mounted below it."""
    user_namespaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """What the runtime says of itself at connection."""

    name: str
    version: str
    api_version: str
    endpoint: str
    ready: bool = False
    network_ready: bool = False
    message: str = ""
    handlers: tuple[HandlerFeatures, ...] = ()
    """Empty where the runtime does not tell (containerd before 2.0): nothing follows from a name's absence then."""
    strict_groups: bool = False
    """Whether supplementalGroupsPolicy Strict means something to it."""

    def handler(self, name: str) -> HandlerFeatures:
        """Return what a handler can; nothing of one that is not listed."""
        return next((one for one in self.handlers if one.name == name), HandlerFeatures(name=name))


class EventKind(StrEnum):
    """What happened to a container, as told by the runtime."""

    STARTED = "Started"
    EXITED = "Exited"
    OOM = "OOM"
    DELETED = "Deleted"
    RECONNECTED = "Reconnected"
    """The stream (re)opened: anything may have been missed, list everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """One event; `container_id` may name a sandbox, and is empty for RECONNECTED. `finished_at` is Unix nanoseconds."""

    kind: EventKind
    container_id: ContainerID | str = ""
    exit_code: int | None = None
    finished_at: int = 0
