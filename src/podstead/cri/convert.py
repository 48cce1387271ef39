"""Requests of `state.runtime` as CRI messages (spec/kubelet-static-pods.md 6.3 to 6.5); pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.resources import container_resources, sandbox_overhead, sandbox_resources
from podstead.cri.security import container_security, id_mappings, sandbox_security
from podstead.k8s import labels
from podstead.k8s.containers import standing_containers
from podstead.k8s.sysctls import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cri.node import NodeFacts
    from podstead.k8s import core_v1 as v1
    from podstead.state.runtime import ContainerRequest, Mount, RegistryAuth, SandboxRequest

_PROTOCOLS = {"TCP": pb.TCP, "UDP": pb.UDP, "SCTP": pb.SCTP}
_PROPAGATION = {
    "private": pb.PROPAGATION_PRIVATE,
    "rslave": pb.PROPAGATION_HOST_TO_CONTAINER,
    "rshared": pb.PROPAGATION_BIDIRECTIONAL,
}


def sandbox_config(request: SandboxRequest) -> pb.PodSandboxConfig:
    """Return the sandbox of a pod. Host networking gets no hostname of its own and no port mappings."""
    spec = request.pod.spec
    host_network = bool(spec.host_network)
    security = spec.security_context
    sysctls = {dotted(s.name): s.value for s in security.sysctls} if security else {}
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=request.key.name, uid=request.uid, namespace=request.key.namespace, attempt=request.attempt
        ),
        hostname="" if host_network else request.hostname,
        log_directory=request.log_directory,
        dns_config=pb.DNSConfig(
            servers=request.dns.servers, searches=request.dns.searches, options=request.dns.options
        ),
        port_mappings=[] if host_network else list(port_mappings(spec)),
        labels=sandbox_labels(request),
        annotations=sandbox_annotations(request),
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=request.cgroup_parent,
            security_context=sandbox_security(request.pod, request.first_id),
            sysctls=sysctls,
            resources=sandbox_resources(request.pod),
            overhead=sandbox_overhead(request.pod),
        ),
    )


def sandbox_labels(request: SandboxRequest) -> dict[str, str]:
    """Return the pod's labels and ours; ours win, so that no manifest can pose as another pod or instance."""
    return {**request.pod.metadata.labels, **_identity_labels(request)}


def sandbox_annotations(request: SandboxRequest) -> dict[str, str]:
    """Return the pod's annotations, the request's, and what we must find again later."""
    return {
        **request.pod.metadata.annotations,
        **request.annotations,
        labels.CONFIG_HASH: request.uid,
        labels.CONFIG_SOURCE: "file",
        labels.OCI_RUNTIME: request.runtime_handler,
        labels.HOST_NETWORK: "true" if request.pod.spec.host_network else "false",
    }


def _identity_labels(request: SandboxRequest) -> dict[str, str]:
    return {
        labels.POD_NAME: request.key.name,
        labels.POD_NAMESPACE: request.key.namespace,
        labels.POD_UID: request.uid,
        labels.INSTANCE: request.instance,
        labels.REVISION: request.revision,
    }


def port_mappings(spec: v1.PodSpec) -> Iterator[pb.PortMapping]:
    """Yield the host ports of regular containers and sidecars, each once."""
    seen: set[tuple[str, str, int]] = set()
    for container in standing_containers(spec):
        for port in container.ports:
            name = (port.protocol or "TCP", port.host_ip or "", port.host_port or 0)
            if not port.host_port or name in seen:
                continue
            seen.add(name)
            yield pb.PortMapping(
                protocol=_PROTOCOLS[name[0]],
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip or "",
            )


def container_config(request: ContainerRequest, node: NodeFacts) -> pb.ContainerConfig:
    """Return one container. Environment values are passed as bytes, in the request's order."""
    container = request.container
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=container.name, attempt=request.attempt),
        image=pb.ImageSpec(image=request.image_id, user_specified_image=container.image or ""),
        command=request.command,
        args=request.args,
        working_dir=container.working_dir or "",
        envs=[pb.KeyValue(key=key, value=value.encode()) for key, value in request.env],
        mounts=[_mount(m, request.sandbox.first_id) for m in request.mounts],
        labels={**_identity_labels(request.sandbox), labels.CONTAINER_NAME: container.name},
        annotations=container_annotations(request),
        log_path=_relative_log_path(request),
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdin_once),
        tty=bool(container.tty),
        linux=pb.LinuxContainerConfig(
            resources=container_resources(request.sandbox.pod, container, request.oom_score_adj, node),
            security_context=container_security(request, node),
        ),
    )


def container_annotations(request: ContainerRequest) -> dict[str, str]:
    """Return what the kubelet writes on a container, and the OCI runtime and sandbox it was made for (foundation 4).

    The hash stands for the container's content: it differs between revisions and between containers. Nothing here
    compares it; tools that know the kubelet's annotation expect one.
    """
    container, sandbox = request.container, request.sandbox
    digest = hashlib.sha256(f"{sandbox.revision}/{container.name}".encode()).hexdigest()
    out = {
        labels.CONTAINER_HASH: digest[:8],
        labels.CONTAINER_RESTART_COUNT: str(request.restart_count),
        labels.CONTAINER_TERMINATION_PATH: container.termination_message_path or "",
        labels.CONTAINER_TERMINATION_POLICY: container.termination_message_policy or "",
        labels.OCI_RUNTIME: sandbox.runtime_handler,
        labels.SANDBOX_ID: request.sandbox_id,
    }
    grace = sandbox.pod.spec.termination_grace_period_seconds
    if grace is not None:
        out[labels.POD_GRACE] = str(grace)
    if container.ports:
        out[labels.CONTAINER_PORTS] = msgspec.json.encode(container.ports).decode()
    return {**request.annotations, **out}


def _relative_log_path(request: ContainerRequest) -> str:
    """Return the log path as the CRI wants it: below the sandbox's log directory."""
    return request.log_path.removeprefix(request.sandbox.log_directory.rstrip("/") + "/")


def _mount(mount: Mount, first_id: int | None) -> pb.Mount:
    """Return a mount; in a user namespace what is root's on the node is the pod's root's (idmapped mounts).

    An image is mounted by the runtime itself, as an overlay, which cannot be mapped: its files are nobody's inside.
    """
    ids = () if mount.image else id_mappings(first_id)
    return pb.Mount(
        container_path=mount.container_path,
        host_path=mount.host_path,
        readonly=mount.readonly,
        recursive_read_only=mount.recursive_readonly,
        propagation=_PROPAGATION[mount.propagation],
        selinux_relabel=mount.relabel,
        image=pb.ImageSpec(image=mount.image) if mount.image else None,
        image_sub_path=mount.image_sub_path,
        uid_mappings=ids,
        gid_mappings=ids,
    )


def auth_config(auth: RegistryAuth) -> pb.AuthConfig:
    """Return credentials for one pull.

    No server address, like the kubelet: containerd reads it as a URL and keeps the credentials from hosts that differ,
    such as mirrors and Docker Hub's own registry. And no user beside an identity token: containerd would prefer it.
    """
    if auth.identity_token:
        return pb.AuthConfig(identity_token=auth.identity_token)
    return pb.AuthConfig(username=auth.username, password=auth.password)
