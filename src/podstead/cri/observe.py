"""CRI messages as the values of `state.observed` and `state.runtime`; pure.

Lists give light values: no addresses of a sandbox, no times but the creation, no exit code. A status gives all.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Protocol

import msgspec

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import plain
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.k8s import labels
from podstead.state.inputs import decode_inputs
from podstead.state.observed import ContainerState, ObservedContainer, ObservedSandbox
from podstead.state.runtime import HandlerFeatures, Image, RuntimeInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_LIMIT = 4096
"""Characters of a container's message: the API's limit for a termination message."""

_STATES = {
    pb.CONTAINER_CREATED: ContainerState.CREATED,
    pb.CONTAINER_RUNNING: ContainerState.RUNNING,
    pb.CONTAINER_EXITED: ContainerState.EXITED,
}


class _RuntimeOptions(msgspec.Struct, frozen=True):
    systemd_cgroup: bool = msgspec.field(name="SystemdCgroup", default=False)


class _OCIRuntime(msgspec.Struct, frozen=True):
    options: _RuntimeOptions | None = None


class _Containerd(msgspec.Struct, frozen=True, rename="camel"):
    default_runtime_name: str = ""
    runtimes: dict[str, _OCIRuntime] = {}


class _StatusConfig(msgspec.Struct, frozen=True):
    """What containerd tells of its CRI part's configuration."""

    containerd: _Containerd = _Containerd()


class _Sandbox(Protocol):
    """What a listed sandbox and a sandbox's status have in common."""

    id: str
    state: pb.PodSandboxState
    created_at: int
    runtime_handler: str

    @property
    def metadata(self) -> pb.PodSandboxMetadata: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def annotations(self) -> Mapping[str, str]: ...


def observed_sandbox(sandbox: _Sandbox) -> ObservedSandbox:
    """Return a listed sandbox, without its addresses."""
    return _sandbox(sandbox, sandbox.annotations.get(labels.HOST_NETWORK) == "true", ())


def observed_sandbox_status(status: pb.PodSandboxStatus) -> ObservedSandbox:
    """Return a sandbox with its addresses; with host networking it has none of its own."""
    host_network = status.linux.namespaces.options.network == pb.NODE
    found = (status.network.ip, *(extra.ip for extra in status.network.additional_ips))
    return _sandbox(status, host_network, () if host_network else tuple(ip for ip in found if _is_address(ip)))


def _sandbox(sandbox: _Sandbox, host_network: bool, ips: tuple[str, ...]) -> ObservedSandbox:
    revision = sandbox.labels.get(labels.REVISION)
    return ObservedSandbox(
        id=SandboxID(sandbox.id),
        key=PodKey(sandbox.metadata.namespace, sandbox.metadata.name),
        uid=PodUID(sandbox.metadata.uid),
        instance=sandbox.labels.get(labels.INSTANCE, ""),
        attempt=sandbox.metadata.attempt,
        ready=sandbox.state == pb.SANDBOX_READY,
        created_at=sandbox.created_at,
        host_network=host_network,
        ips=ips,
        revision=RevisionID(revision) if revision else None,
        runtime_handler=sandbox.runtime_handler or sandbox.annotations.get(labels.OCI_RUNTIME, ""),
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def observed_container(container: pb.Container) -> ObservedContainer:
    """Return a listed container: identity, state and creation only."""
    revision = container.labels.get(labels.REVISION)
    return ObservedContainer(
        id=ContainerID(container.id),
        sandbox_id=SandboxID(container.pod_sandbox_id),
        uid=PodUID(container.labels.get(labels.POD_UID, "")),
        instance=container.labels.get(labels.INSTANCE, ""),
        name=container.metadata.name,
        attempt=container.metadata.attempt,
        state=_STATES.get(container.state, ContainerState.UNKNOWN),
        created_at=container.created_at,
        image=container.image.user_specified_image or container.image.image,
        image_id=container.image_ref or container.image_id,
        restart_count=_restart_count(container.annotations),
        revision=RevisionID(revision) if revision else None,
        inputs=decode_inputs(container.annotations.get(labels.INPUTS, "")),
    )


def observed_container_status(status: pb.ContainerStatus) -> ObservedContainer:
    """Return a container with all that is known of it; the sandbox is the one we wrote on it when we made it.

    Reason and message are kept only for an ended container: containerd already says OOMKilled of a running one when
    a child of it was killed (spec/cri.md 6).
    """
    state = _STATES.get(status.state, ContainerState.UNKNOWN)
    ended = state is ContainerState.EXITED
    revision = status.labels.get(labels.REVISION)
    return ObservedContainer(
        id=ContainerID(status.id),
        sandbox_id=SandboxID(status.annotations.get(labels.SANDBOX_ID, "")),
        uid=PodUID(status.labels.get(labels.POD_UID, "")),
        instance=status.labels.get(labels.INSTANCE, ""),
        name=status.metadata.name,
        attempt=status.metadata.attempt,
        state=state,
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code if ended else 0,
        reason=plain(status.reason) if ended else "",
        message=plain(status.message, MESSAGE_LIMIT) if ended else "",
        image=status.image.user_specified_image or status.image.image,
        image_id=status.image_ref or status.image_id,
        log_path=status.log_path,
        restart_count=_restart_count(status.annotations),
        revision=RevisionID(revision) if revision else None,
        inputs=decode_inputs(status.annotations.get(labels.INPUTS, "")),
    )


def _restart_count(annotations: Mapping[str, str]) -> int:
    text = annotations.get(labels.CONTAINER_RESTART_COUNT, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def pid_of(info: Mapping[str, str]) -> int:
    """Return the process id from a verbose status; 0 where the runtime does not tell.

    The text holds the container's environment too, so nothing else of it is kept (foundation 24).
    """
    try:
        found = json.loads(info.get("info", "{}"))
    except ValueError:
        return 0
    pid = found.get("pid") if isinstance(found, dict) else None
    return pid if isinstance(pid, int) else 0


def cgroup_driver_of(info: Mapping[str, str]) -> str | None:
    """Return the cgroup driver from a verbose status of containerd 1.x; None from any other.

    Its `config` has the options of each OCI runtime, and the default one's say who makes cgroups.
    """
    try:
        found = msgspec.json.decode(info.get("config", "{}"), type=_StatusConfig).containerd
    except msgspec.DecodeError:
        return None
    default = found.runtimes.get(found.default_runtime_name)
    if default is None or default.options is None:
        return None
    return "systemd" if default.options.systemd_cgroup else "cgroupfs"


def image_of(image: pb.Image) -> Image:
    """Return an image; its user is either a number or a name, and root where the image names none."""
    return Image(
        id=image.id,
        tags=tuple(image.repo_tags),
        digests=tuple(image.repo_digests),
        size=image.size,
        user=image.uid.value if image.HasField("uid") or not image.username else None,
        username=image.username,
        pinned=image.pinned,
    )


def runtime_info(version: pb.VersionResponse, reply: pb.StatusResponse, endpoint: str) -> RuntimeInfo:
    """Return what the runtime says of itself; `message` joins the texts of conditions that are not met."""
    conditions = {c.type: c for c in reply.status.conditions}
    ready, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
    unmet = (c for c in (ready, network) if c is not None and not c.status)
    return RuntimeInfo(
        name=plain(version.runtime_name),
        version=plain(version.runtime_version),
        api_version=plain(version.runtime_api_version),
        endpoint=endpoint,
        ready=ready is not None and ready.status,
        network_ready=network is not None and network.status,
        message="; ".join(f"{plain(c.reason)}: {plain(c.message)}" for c in unmet),
        handlers=tuple(
            HandlerFeatures(
                name=plain(handler.name),
                recursive_read_only=handler.features.recursive_read_only_mounts,
                user_namespaces=handler.features.user_namespaces,
            )
            for handler in reply.runtime_handlers
        ),
        strict_groups=reply.features.supplemental_groups_policy,
    )
