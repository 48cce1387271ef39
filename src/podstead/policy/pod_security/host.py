"""Controls on what a pod shares with the node: namespaces, processes, ports, directories, and whom probes may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.policy.pod_security.faults import Fault, places, pod_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1


def host_process(pod: v1.Pod) -> Iterator[Fault]:
    """HostProcess: no Windows container may be a process of the node."""
    contexts = [("spec.securityContext", pod_context(pod).windows_options)]
    contexts += [(place.context_path, place.context.windows_options) for place in places(pod)]
    for path, options in contexts:
        if options is not None and options.host_process:
            yield Fault(field=f"{path}.windowsOptions.hostProcess", problem="must be unset or false")


def host_namespaces(pod: v1.Pod) -> Iterator[Fault]:
    """Host Namespaces: network, processes and IPC are the pod's own."""
    spec = pod.spec
    for name, shared in (
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ):
        if shared:
            yield Fault(field=f"spec.{name}", problem="must be unset or false: the namespace would be the node's")


def host_path_volumes(pod: v1.Pod) -> Iterator[Fault]:
    """HostPath Volumes: no directory or file of the node is mounted."""
    for index, volume in enumerate(pod.spec.volumes):
        if volume.host_path is not None:
            yield Fault(
                field=f"spec.volumes[{index}].hostPath",
                problem="hostPath volumes are not allowed: they show the node's own files",
            )


def host_ports(pod: v1.Pod) -> Iterator[Fault]:
    """Host Ports: none; with the node's network each containerPort is one, as Kubernetes fills it in."""
    for place in places(pod):
        for index, port in enumerate(place.container.ports):
            if port.host_port:
                yield Fault(
                    field=f"{place.path}.ports[{index}].hostPort", problem=f"must be unset or 0, not {port.host_port}"
                )


def host_probes(pod: v1.Pod) -> Iterator[Fault]:
    """Host Probes / Lifecycle Hooks: the agent's requests go to the pod itself, not where the pod sends them."""
    for place in places(pod):
        container = place.container
        lifecycle = container.lifecycle
        for name, handler in (
            ("livenessProbe", container.liveness_probe),
            ("readinessProbe", container.readiness_probe),
            ("startupProbe", container.startup_probe),
            ("lifecycle.postStart", lifecycle.post_start if lifecycle else None),
            ("lifecycle.preStop", lifecycle.pre_stop if lifecycle else None),
        ):
            if handler is None:
                continue
            for kind, action in (("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket)):
                if action is not None and action.host:
                    yield Fault(
                        field=f"{place.path}.{name}.{kind}.host",
                        problem="must be unset: the agent asks the pod's own address",
                    )
