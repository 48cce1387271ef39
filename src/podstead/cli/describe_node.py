"""The node in words, as `kubectl describe node` lays it out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.describe_pod import labels
from podstead.cli.outline import Outline
from podstead.cli.times import local_time
from podstead.k8s import core_v1 as v1

if TYPE_CHECKING:
    from collections.abc import Sequence


def describe_node(node: v1.Node, pods: Sequence[v1.Pod]) -> Outline:
    """Return the outline of a node and of the pods on it, without its events."""
    outline = Outline()
    meta, status = node.metadata, node.status
    outline.add("Name", (meta and meta.name) or "")
    outline.add("Labels", *labels(meta.labels if meta else {}))
    outline.add("Annotations", *labels(meta.annotations if meta else {}, ": "))
    outline.add("CreationTimestamp", local_time(meta.creation_timestamp if meta else None))
    if status is not None:
        _status(outline, status)
    _pods(outline, pods)
    return outline


def _status(outline: Outline, status: v1.NodeStatus) -> None:
    if status.conditions:
        rows = [(c.type, c.status, c.reason or "", c.message or "") for c in status.conditions]
        outline.table("Conditions", [("Type", "Status", "Reason", "Message"), *rows])
    addresses = outline.block("Addresses")
    for address in status.addresses:
        addresses.add(address.type, address.address)
    for name, amounts in (("Capacity", status.capacity), ("Allocatable", status.allocatable)):
        below = outline.block(name)
        for resource, amount in sorted(amounts.items()):
            below.add(resource, str(amount))
    if status.runtime_handlers:
        handlers = [(one.name or "(default)", *_abilities(one)) for one in status.runtime_handlers]
        outline.table("Runtime Handlers", [("Name", "User Namespaces", "Recursive Read-Only"), *handlers])
    if status.node_info is not None:
        info = status.node_info
        below = outline.block("System Info")
        below.add("Machine ID", info.machine_id)
        below.add("Boot ID", info.boot_id)
        below.add("Kernel Version", info.kernel_version)
        below.add("OS Image", info.os_image)
        below.add("Operating System", info.operating_system)
        below.add("Architecture", info.architecture)
        below.add("Container Runtime Version", info.container_runtime_version)
        below.add("Kubelet Version", info.kubelet_version)


def _abilities(handler: v1.NodeRuntimeHandler) -> tuple[str, str]:
    can = handler.features or v1.NodeRuntimeHandlerFeatures()
    return str(bool(can.user_namespaces)).lower(), str(bool(can.recursive_read_only_mounts)).lower()


def _pods(outline: Outline, pods: Sequence[v1.Pod]) -> None:
    rows = [("Namespace", "Name", "Phase", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits")]
    for pod in pods:
        amounts = [_amounts(pod, kind, resource) for resource in ("cpu", "memory") for kind in ("requests", "limits")]
        phase = (pod.status and pod.status.phase) or ""
        rows.append((pod.metadata.namespace or "", pod.metadata.name or "", phase, *amounts))  # type: ignore[arg-type]  # four amounts, always
    outline.table(f"Pods ({len(pods)} in total)", rows)


def _amounts(pod: v1.Pod, kind: str, resource: str) -> str:
    """Return what the containers ask for, each by itself: sums are the scheduler's, and there is none."""
    found = []
    for container in pod.spec.containers:
        if container.resources is not None:
            amounts = container.resources.requests if kind == "requests" else container.resources.limits
            found += [str(amounts[resource])] if resource in amounts else []
    return "+".join(found) or "0"
