"""Builds what the runtime is asked for: a revision, resolved against this node at the moment of the start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from podstead.admission.abilities import lacking
from podstead.agent.confinement import CONFIG_ERROR, check_profile, refuse_root, seccomp_file
from podstead.agent.means import spec_of
from podstead.cgroups.layout import pod_cgroup_path
from podstead.errors import RuntimeFault
from podstead.k8s.env_file import values_from_files
from podstead.k8s.expansion import PodFacts, UnresolvedError, command_line, environment
from podstead.k8s.labels import CONFIG_SEEN, INPUTS
from podstead.k8s.qos import oom_score_adj, qos_class
from podstead.logs.paths import log_directory, log_path
from podstead.state.inputs import encode_inputs
from podstead.state.objects import ObjectKey, ObjectKind
from podstead.state.runtime import ContainerRequest, SandboxRequest
from podstead.status.times import rfc3339
from podstead.volumes.files import read_node_file
from podstead.volumes.hostname import PodHostname, hostname_of
from podstead.volumes.mounts import ContainerFiles, mounts_for
from podstead.volumes.resolv import ClusterDNS, dns_of
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from podstead.admission.abilities import Abilities
    from podstead.agent.inputs import PodInputs
    from podstead.agent.naming import PodNaming
    from podstead.agent.ports import Recorder
    from podstead.agent.session import PodSession
    from podstead.agent.view import PodView
    from podstead.config.paths import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.k8s.env_file import EnvFiles
    from podstead.k8s.expansion import FindObject
    from podstead.reconcile.actions import StartContainer
    from podstead.state.records import Revision
    from podstead.state.runtime import Image
    from podstead.volumes.mounts import Prepared, SubPaths
    from podstead.volumes.neighbours import Names
    from podstead.volumes.resolv import DNSWarning

Value = TypeVar("Value")


class PodFiles(Protocol):
    """The files of a pod that are made at each start of a container."""

    async def bind_sub_paths(
        self,
        container: v1.Container,
        pod: v1.Pod,
        uid: PodUID,
        prepared: Prepared,
        env: Mapping[str, str],
        led: Iterable[tuple[str, str]],
    ) -> SubPaths | VolumeTrouble:
        """Mount the sub-paths and paths of the node that the container is about to see; `led`: where they led at admission."""
        ...

    async def read_env_files(
        self, container: v1.Container, uid: PodUID, prepared: Prepared
    ) -> EnvFiles | VolumeTrouble:
        """Read the files that the container's environment takes values from."""
        ...

    async def write_hosts(
        self, pod: v1.Pod, uid: PodUID, name: PodHostname, ips: Sequence[str], neighbours: Names | None
    ) -> Path | VolumeTrouble:
        """Write the hosts file, with the names of the node's pods."""
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
    abilities: Callable[[], Abilities]
    ids: Callable[[PodUID], Awaitable[int | VolumeTrouble]]
    """The first id of the node for a pod that has a user namespace."""
    seccomp_root: Path
    profile_fault: Callable[[str, bytes], str]
    """Why a profile's content is not what was signed; empty: it is, or nobody asks."""
    resolv_conf: str
    dns: ClusterDNS
    memory_bytes: int
    allocatable: Mapping[str, str]
    ip: Callable[[], str]


class RequestBuilder:
    """Resolves names, addresses, environment, mounts and users."""

    def __init__(
        self,
        node: NodeFacts,
        files: PodFiles,
        recorder: Recorder,
        view: Callable[[PodUID], PodView],
        inputs: PodInputs,
        naming: PodNaming,
    ) -> None:
        self._node = node
        self._files = files
        self._recorder = recorder
        self._view = view
        self._inputs = inputs
        self._naming = naming

    async def sandbox(self, revision: Revision, uid: PodUID, attempt: int) -> SandboxRequest:
        """Return the sandbox request; raises RuntimeFault where the pod's host name or class cannot be."""
        able = self._node.abilities()
        if (blocked := lacking(revision.pod, able)) is not None:
            # It was admitted by a runtime or a configuration that could: nothing runs with less than it asks for.
            raise RuntimeFault(blocked.message, reason=blocked.reason)
        request, warnings = await self._sandbox(revision, uid, attempt, able.classes.handler(revision.pod.spec) or "")
        if attempt == 0:  # once an incarnation: on a node without a cluster most pods have one
            for warning in warnings:
                self._recorder.event(revision.key, uid, warning.reason, warning.message, warning=True)
        return request

    async def _sandbox(
        self, revision: Revision, uid: PodUID, attempt: int, handler: str
    ) -> tuple[SandboxRequest, tuple[DNSWarning, ...]]:
        pod, node = revision.pod, self._node
        name = self._hostname(pod)
        first_id = sound(await node.ids(uid)) if pod.spec.host_users is False else None
        text = read_node_file(Path(node.resolv_conf)) if node.resolv_conf else ""
        dns, warnings = dns_of(pod, text, node.dns)
        request = SandboxRequest(
            key=revision.key,
            uid=uid,
            instance=node.instance,
            attempt=attempt,
            revision=revision.id,
            pod=node.abilities().classes.with_overhead(pod),
            hostname=name.hostname,
            log_directory=str(log_directory(node.paths.pod_logs, revision.key, uid)),
            cgroup_parent=pod_cgroup_path(node.cgroup_root, qos_class(pod), uid),
            dns=dns,
            runtime_handler=handler,
            first_id=first_id,
            annotations={CONFIG_SEEN: rfc3339(revision.seen_at)},
        )
        return request, warnings

    async def _check_profile(self, container: v1.Container, pod: v1.Pod) -> None:
        """Look at a container's own seccomp profile, and whether it is the one that was signed; raises RuntimeFault."""
        if (profile := seccomp_file(container, pod)) is not None:
            data = await asyncio.to_thread(check_profile, self._node.seccomp_root, profile)
            if why := self._node.profile_fault(profile, data):
                raise RuntimeFault(f"seccomp profile {profile} does not count: {why}", reason=CONFIG_ERROR)

    async def container(
        self, revision: Revision, session: PodSession, step: StartContainer, image: Image
    ) -> ContainerRequest:
        """Return the container request; what the manifest makes impossible is a fault with CreateContainerConfigError."""
        pod, uid = revision.pod, session.uid
        spec = spec_of(revision, step.name)
        refuse_root(spec, pod, image)
        await self._check_profile(spec, pod)
        inside = next((s for s in self._view(uid).sandboxes if s.id == step.sandbox), None)
        ips = inside.ips if inside else ()
        prepared = session.prepared.get(revision.id)
        if prepared is None:
            raise RuntimeFault("the pod's volumes have to be prepared again", transient=True)
        facts = PodFacts(
            uid=uid,
            host_ip=self._node.ip(),
            host_ips=(self._node.ip(),),
            pod_ips=(self._node.ip(),) if pod.spec.host_network and self._node.ip() else ips,
            allocatable=self._node.allocatable,
            find=self._finder(pod),
            files=sound(await self._files.read_env_files(spec, uid, prepared)),
        )
        await self._inputs.look(pod)
        inputs = self._inputs.of(spec, pod, uid)
        try:
            env = environment(spec, pod, facts)  # of the same moment as the inputs
        except UnresolvedError as error:
            raise RuntimeFault(str(error), reason=CONFIG_ERROR) from None
        session.file_values[spec.name] = tuple(values_from_files(spec, env))
        command, args = command_line(spec, env)
        hosts, message_file = await asyncio.gather(
            self._hosts(revision, uid, ips), self._files.make_message_file(uid, spec.name, step.attempt)
        )
        own = ContainerFiles(
            etc_hosts=hosts,
            termination_file=sound(message_file),
            sub_paths=sound(await self._files.bind_sub_paths(spec, pod, uid, prepared, dict(env), revision.led)),
            image_ids=session.images,
        )
        # Its handler is the one that it was made by, whatever the class means today (foundation 4).
        attempt, handler = (inside.attempt, inside.runtime_handler) if inside else (0, "")
        sandbox, _ = await self._sandbox(revision, uid, attempt, handler)
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
            mounts=mounts_for(spec, prepared, own),
            log_path=log_path(spec.name, step.attempt),
            oom_score_adj=oom_score_adj(pod, spec, self._node.memory_bytes),
            run_as_user=image.user,
            run_as_username=image.username,
            annotations={INPUTS: encode_inputs(inputs)} if inputs else {},
        )

    def _finder(self, pod: v1.Pod) -> FindObject:
        namespace = pod.metadata.namespace or ""
        return lambda kind, name: self._inputs.objects.get(
            ObjectKey(kind=ObjectKind(kind), namespace=namespace, name=name)
        )

    async def _hosts(self, revision: Revision, uid: PodUID, ips: Sequence[str]) -> Path:
        pod, namespace = revision.pod, revision.key.namespace
        names = self._naming.names_for(namespace)
        path = sound(await self._files.write_hosts(pod, uid, self._hostname(pod), ips, names))
        if names is not self._naming.names_for(namespace):
            self._naming.repeat()
        return path

    def _hostname(self, pod: v1.Pod) -> PodHostname:
        name = hostname_of(pod, self._node.dns.domain)
        if name is None:
            raise RuntimeFault("setHostnameAsFQDN: the full name is longer than 64 characters", reason=CONFIG_ERROR)
        return name


def sound(value: Value | VolumeTrouble) -> Value:
    """Return a value, or raise the trouble that stands in its place."""
    if isinstance(value, VolumeTrouble):
        raise RuntimeFault(value.message, reason=value.reason)
    return value
