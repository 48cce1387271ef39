"""A Node as a row of `kubectl get nodes`."""

from __future__ import annotations

from podstead.k8s import core_v1 as v1
from podstead.k8s.labels import MENDS, POLICY
from podstead.server.ages import age_since
from podstead.server.tables import NONE, Cells, Column, Printer

COLUMNS = (
    Column("Name", format="name", description="Name of the node"),
    Column("Status", description="Whether the node can run pods"),
    Column("Roles", description="Roles by the node's labels"),
    Column("Age", description="Time since the node was first seen"),
    Column("Version", description="Version of the node agent"),
    Column("Internal-IP", priority=1, description="Address of the node"),
    Column("External-IP", priority=1, description="Address of the node from outside"),
    Column("OS-Image", priority=1, description="Operating system"),
    Column("Kernel-Version", priority=1, description="Version of the kernel"),
    Column("Container-Runtime", priority=1, description="Container runtime and its version"),
    Column("Runtime-Handlers", priority=1, description="What a runtime class can name"),
    Column("Policy", priority=1, description="What may run here by the node's own policy"),
    Column("Mends", priority=1, description="What is done only because this machine needs it"),
)
ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"
UNKNOWN = "<unknown>"


def _status(node: v1.Node) -> str:
    conditions = node.status.conditions if node.status else ()
    words = ["Ready" if c.status == "True" else "NotReady" for c in conditions if c.type == "Ready"] or ["Unknown"]
    if any(c.type == "Degraded" and c.status == "True" for c in conditions):
        words.append("Degraded")
    words += [c.type for c in conditions if c.type.endswith("Pressure") and c.status == "True"]
    if node.spec is not None and node.spec.unschedulable:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(labels: dict[str, str]) -> str:
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles |= {labels[ROLE_LABEL]} if labels.get(ROLE_LABEL) else set()
    return ",".join(sorted(role for role in roles if role)) or NONE


def _address(node: v1.Node, kind: str) -> str:
    addresses = node.status.addresses if node.status else ()
    return next((a.address for a in addresses if a.type == kind and a.address), NONE)


def _handlers(node: v1.Node) -> str:
    handlers = node.status.runtime_handlers if node.status else ()
    return ",".join(one.name for one in handlers if one.name) or NONE


def node_cells(node: v1.Node, now: float) -> Cells:
    """Return the row of a node at `now` (Unix seconds)."""
    meta = node.metadata or v1.ObjectMeta()
    info = node.status.node_info if node.status else None
    return Cells(
        (
            meta.name or "",
            _status(node),
            _roles(meta.labels),
            age_since(meta.creation_timestamp, now),
            (info.kubelet_version if info else "") or UNKNOWN,
            _address(node, "InternalIP"),
            _address(node, "ExternalIP"),
            (info.os_image if info else "") or UNKNOWN,
            (info.kernel_version if info else "") or UNKNOWN,
            (info.container_runtime_version if info else "") or UNKNOWN,
            _handlers(node),
            meta.annotations.get(POLICY, NONE),
            meta.annotations.get(MENDS, NONE),
        )
    )


PRINTER = Printer(COLUMNS, node_cells)
