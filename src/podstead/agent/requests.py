"""Builds what the runtime is asked for: a revision, resolved against this node at the moment of the start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from podstead.agent.means import spec_of
from podstead.cgroups.layout import pod_cgroup_path
from podstead.errors import RuntimeFault
from podstead.k8s.expansion import PodFacts, UnresolvedError, command_line, environment
from podstead.k8s.labels import CONFIG_SEEN
from podstead.k8s.qos import oom_score_adj, qos_class
from podstead.logs.paths import log_directory, log_path
from podstead.state.runtime import ContainerRequest, SandboxRequest
from podstead.status.times import rfc3339
from podstead.volumes.files import read_node_file
from podstead.volumes.hostname import PodHostname, hostname_of
from podstead.volumes.mounts import Prepared, mounts_for
from podstead.volumes.resolv import ClusterDNS, dns_of
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.agent.pleg import PodView
    from podstead.agent.ports import Recorder
    from podstead.agent.session import PodSession
    from podstead.config import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import StartContainer
    from podstead.state.records import Revision
    from podstead.state.runtime import Image

CONFIG_ERROR = "CreateContainerConfigError"
Value = TypeVar("Value")


class PodFiles(Protocol):
    """The files of a pod that are made at each start of a container."""

    async def prepare(self, pod: v1.Pod, uid: PodUID) -> Prepared | VolumeTrouble:
        """Check and make the volumes."""
        ...

    async def write_hosts(
        self, pod: v1.Pod, uid: PodUID, name: PodHostname, ips: Sequence[str]
    ) -> Path | VolumeTrouble:
        """Write the hosts file."""
        ...

    async def make_message_file(self, uid: PodUID, container: str, attempt: int) -> Path | VolumeTrouble:
        """Make the termination message file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What of the node goes into requests."""

    instance: str
    paths: Paths
    cgroup_root: str
    runtime_handler: str
    resolv_conf: str
    dns: ClusterDNS
    memory_bytes: int
    ip: Callable[[], str]
    private_mounts: bool = False
    """Whether the runtime lives in a mount namespace of its own: mounts made later on one side stay there."""


class RequestBuilder:
    """Resolves names, addresses, environment, mounts and users."""

    def __init__(self, node: NodeFacts, files: PodFiles, recorder: Recorder, view: Callable[[PodUID], PodView]) -> None:
        self._node = node
        self._files = files
        self._recorder = recorder
        self._view = view

    async def sandbox(self, revision: Revision, uid: PodUID, attempt: int) -> SandboxRequest:
        """Return the sandbox request; raises RuntimeFault where the pod's host name cannot be."""
        pod, node = revision.pod, self._node
        name = self._hostname(pod)
        text = read_node_file(Path(node.resolv_conf)) if node.resolv_conf else ""
        dns, warnings = dns_of(pod, text, node.dns)
        for warning in warnings:
            self._recorder.event(revision.key, uid, warning.reason, warning.message, warning=True)
        return SandboxRequest(
            key=revision.key,
            uid=uid,
            instance=node.instance,
            attempt=attempt,
            revision=revision.id,
            pod=pod,
            hostname=name.hostname,
            log_directory=str(log_directory(node.paths.pod_logs, revision.key, uid)),
            cgroup_parent=pod_cgroup_path(node.cgroup_root, qos_class(pod), uid),
            dns=dns,
            runtime_handler=node.runtime_handler,
            annotations={CONFIG_SEEN: rfc3339(revision.seen_at)},
        )

    async def container(
        self, revision: Revision, session: PodSession, step: StartContainer, image: Image
    ) -> ContainerRequest:
        """Return the container request; what the manifest makes impossible is a fault with CreateContainerConfigError."""
        pod, uid = revision.pod, session.uid
        spec = spec_of(revision, step.name)
        _refuse_root(spec, pod, image)
        if self._node.private_mounts:
            refuse_propagation(spec, pod)
        inside = next((s for s in self._view(uid).sandboxes if s.id == step.sandbox), None)
        ips = inside.ips if inside else ()
        shown = (self._node.ip(),) if pod.spec.host_network and self._node.ip() else ips
        facts = PodFacts(uid=uid, host_ip=self._node.ip(), host_ips=(self._node.ip(),), pod_ips=shown)
        try:
            env = environment(spec, pod, facts)
        except UnresolvedError as error:
            raise RuntimeFault(str(error), reason=CONFIG_ERROR) from error
        command, args = command_line(spec, env)
        prepared = session.prepared.get(revision.id) or sound(await self._files.prepare(pod, uid))
        hosts = sound(await self._files.write_hosts(pod, uid, self._hostname(pod), ips))
        message = sound(await self._files.make_message_file(uid, spec.name, step.attempt))
        sandbox = await self.sandbox(revision, uid, inside.attempt if inside else 0)
        return ContainerRequest(
            sandbox=sandbox,
            sandbox_id=step.sandbox,
            container=spec,
            attempt=step.attempt,
            restart_count=step.restart_count,
            image_id=image.id,
            command=command,
            args=args,
            env=env,
            mounts=mounts_for(spec, prepared, etc_hosts=hosts, termination_file=message),
            log_path=log_path(spec.name, step.attempt),
            oom_score_adj=oom_score_adj(pod, spec, self._node.memory_bytes),
            run_as_user=image.user,
            run_as_username=image.username,
        )

    def _hostname(self, pod: v1.Pod) -> PodHostname:
        name = hostname_of(pod, self._node.dns.domain)
        if name is None:
            raise RuntimeFault("setHostnameAsFQDN: the full name is longer than 64 characters", reason=CONFIG_ERROR)
        return name


def refuse_propagation(container: v1.Container, pod: v1.Pod) -> None:
    """Refuse mount propagation that would be silently without effect (foundation 5); raises RuntimeFault."""
    of_host = {volume.name for volume in pod.spec.volumes if volume.host_path is not None}
    for mount in container.volume_mounts:
        if mount.name in of_host and mount.mount_propagation in {"HostToContainer", "Bidirectional"}:
            raise RuntimeFault(
                f"container {container.name} wants mountPropagation {mount.mount_propagation} for volume {mount.name}, "
                "and mounts do not pass between this machine and its containers (see podstead get nodes): write None",
                reason=CONFIG_ERROR,
            )


def _refuse_root(container: v1.Container, pod: v1.Pod, image: Image) -> None:
    """Keep a container that asked not to run as root from doing so by its image (S34)."""
    own, shared = container.security_context, pod.spec.security_context
    asked = own.run_as_non_root if own and own.run_as_non_root is not None else shared and shared.run_as_non_root
    if not asked:
        return
    user = own.run_as_user if own and own.run_as_user is not None else shared.run_as_user if shared else None
    if user is None:
        user = image.user if image.user is not None else None if image.username else 0
    if user is None:
        raise RuntimeFault(
            f"container {container.name} has runAsNonRoot and its image's user {image.username!r} is not a number: "
            "write runAsUser",
            reason=CONFIG_ERROR,
        )
    if user == 0:
        raise RuntimeFault(
            f"container {container.name} has runAsNonRoot and would run as root: write runAsUser", reason=CONFIG_ERROR
        )


def sound(value: Value | VolumeTrouble) -> Value:
    """Return a value, or raise the trouble that stands in its place."""
    if isinstance(value, VolumeTrouble):
        raise RuntimeFault(value.message, reason=value.reason)
    return value
