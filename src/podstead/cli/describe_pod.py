"""A pod in words, as `kubectl describe pod` lays it out; values of env, command and args are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.describe_container import add_container
from podstead.cli.describe_volume import describe_volumes
from podstead.cli.outline import Outline
from podstead.cli.times import local_time

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

HIDDEN_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
"""A copy of a whole manifest, with its values of env."""


def describe_pod(pod: v1.Pod) -> Outline:
    """Return the outline of a pod, without its events. Pure."""
    outline = Outline()
    _head(outline, pod)
    _containers(outline, pod)
    _conditions(outline, pod)
    describe_volumes(outline, pod)
    _tail(outline, pod)
    return outline


def labels(texts: dict[str, str], sign: str = "=") -> tuple[str, ...]:
    """Return labels or annotations, sorted, each on its line."""
    return tuple(f"{key}{sign}{value}" for key, value in sorted(texts.items()) if key != HIDDEN_ANNOTATION)


def _head(outline: Outline, pod: v1.Pod) -> None:
    spec, status = pod.spec, pod.status
    outline.add("Name", pod.metadata.name or "")
    outline.add("Namespace", pod.metadata.namespace or "")
    outline.add("Priority", str(spec.priority or 0))
    if spec.priority_class_name:
        outline.add("Priority Class Name", spec.priority_class_name)
    host = f"/{status.host_ip}" if status and status.host_ip else ""
    outline.add("Node", f"{spec.node_name or ''}{host}" or "<none>")
    if status and status.start_time:
        outline.add("Start Time", local_time(status.start_time))
    outline.add("Labels", *labels(pod.metadata.labels))
    outline.add("Annotations", *labels(pod.metadata.annotations, ": "))
    ending = pod.metadata.deletion_timestamp
    outline.add("Status", f"Terminating (since {local_time(ending)})" if ending else (status and status.phase) or "")
    if status and status.reason:
        outline.add("Reason", status.reason)
    if status and status.message:
        outline.add("Message", status.message)
    outline.add("IP", (status and status.pod_ip) or "")
    if status and status.pod_ips:
        below = outline.block("IPs")
        for address in status.pod_ips:
            below.add("IP", address.ip)


def _containers(outline: Outline, pod: v1.Pod) -> None:
    status = pod.status
    for title, containers, statuses in (
        ("Init Containers", pod.spec.init_containers, status.init_container_statuses if status else ()),
        ("Containers", pod.spec.containers, status.container_statuses if status else ()),
    ):
        if not containers:
            continue
        found = {known.name: known for known in statuses}
        below = outline.block(title)
        for container in containers:
            add_container(below.block(container.name), container, found.get(container.name))


def _conditions(outline: Outline, pod: v1.Pod) -> None:
    conditions = pod.status.conditions if pod.status else ()
    if conditions:
        rows = [(c.type, c.status, c.reason or "", c.message or "") for c in conditions]
        outline.table("Conditions", [("Type", "Status", "Reason", "Message"), *rows])


def _tail(outline: Outline, pod: v1.Pod) -> None:
    outline.add("QoS Class", (pod.status and pod.status.qos_class) or "")
    outline.add("Restart Policy", pod.spec.restart_policy or "Always")
    outline.add("Host Network", "true" if pod.spec.host_network else "false")
    if pod.spec.image_pull_secrets:
        outline.add("Pull Secrets", *(secret.name or "" for secret in pod.spec.image_pull_secrets))
    outline.add("Grace Period", f"{_grace(pod)}s")
    outline.add("Tolerations", *(_toleration(toleration) for toleration in pod.spec.tolerations))


def _grace(pod: v1.Pod) -> int:
    given = pod.spec.termination_grace_period_seconds
    return 30 if given is None else given


def _toleration(toleration: v1.Toleration) -> str:
    text = toleration.key or ""
    text += f"={toleration.value}" if toleration.value else ""
    text += f":{toleration.effect}" if toleration.effect else ""
    text += " op=Exists" if toleration.operator == "Exists" else ""
    return text + (f" for {toleration.toleration_seconds}s" if toleration.toleration_seconds is not None else "")
