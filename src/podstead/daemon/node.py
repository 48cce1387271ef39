"""The node as the API and the planners see it: facts read from this machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.cgroups.abilities import read_abilities
from podstead.cgroups.hierarchy import read_hierarchies
from podstead.clock import read_boot_id
from podstead.k8s import core_v1 as v1
from podstead.k8s import quantity
from podstead.k8s.resources import HUGEPAGES_PREFIX
from podstead.k8s.signals import Pressure
from podstead.volumes import hugepages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.admission.abilities import Abilities
    from podstead.state.runtime import HandlerFeatures, RuntimeInfo
    from podstead.upkeep.pressure import Shortage


APPARMOR = Path("/sys/module/apparmor/parameters/enabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine is and has."""

    cpus: int
    memory_bytes: int
    architecture: str
    os_image: str
    kernel: str
    machine_id: str
    boot_id: str = ""
    missing_controllers: tuple[str, ...] = ()
    """Cgroup controllers without which limits do not hold, and which the kernel does not have."""
    apparmor: bool = False
    """Whether the kernel confines by AppArmor profiles."""


def read_machine() -> Machine:
    """Read the machine's facts; what cannot be read is empty."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return Machine(
        cpus=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        architecture=arch,
        os_image=_os_release().get("PRETTY_NAME", "Linux"),
        kernel=platform.release(),
        machine_id=_first_line(Path("/etc/machine-id")),
        boot_id=read_boot_id(),
        missing_controllers=read_abilities(read_hierarchies()).missing,
        apparmor=_first_line(APPARMOR) == "Y",
    )


def node_labels(name: str, machine: Machine, extra: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the node's labels: the well-known ones, then those that were configured."""
    own = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
    }
    return {**own, **dict(extra)}


def allocatable(machine: Machine) -> dict[str, Fraction]:
    """Return what pods may request in all."""
    return {"cpu": Fraction(machine.cpus), "memory": Fraction(machine.memory_bytes)}


def huge_pages() -> dict[str, Fraction]:
    """Return the bytes of huge pages that the node has set aside by now, as resources: `hugepages-2Mi`."""
    held = hugepages.pages().items()
    return {f"{HUGEPAGES_PREFIX}{quantity.render(size, quantity.Style.BINARY)}": Fraction(size * n) for size, n in held}


def allocatable_texts(machine: Machine) -> dict[str, str]:
    """Return the same as quantities."""
    return {name: quantity.render(amount, quantity.Style.BINARY) for name, amount in allocatable(machine).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """What changes of a node."""

    name: str
    ip: str
    labels: Mapping[str, str]
    max_pods: int
    since: str
    """When the instance was made, RFC 3339."""
    annotations: Mapping[str, str]
    abilities: Abilities
    pressure: Sequence[v1.NodeCondition] = ()
    """The conditions of what the node may be short of."""
    shutdown: tuple[str, str] | None = None
    """Reason and message of a node that goes down."""


PRESSURE_REASONS = {
    Pressure.MEMORY: ("KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"),
    Pressure.DISK: ("KubeletHasNoDiskPressure", "KubeletHasDiskPressure"),
    Pressure.PID: ("KubeletHasSufficientPID", "KubeletHasInsufficientPID"),
}
"""The kubelet's words for enough and too little."""


def pressure_conditions(shortage: Shortage, previous: v1.Node | None, now: str) -> tuple[v1.NodeCondition, ...]:
    """Return the pressure conditions; their times move only when they change. `now` is RFC 3339."""
    status = previous.status if previous is not None else None
    before = {c.type: c for c in status.conditions} if status is not None else {}
    found = []
    for condition, reasons in PRESSURE_REASONS.items():
        has = condition in shortage.conditions
        truth = "True" if has else "False"
        old = before.get(condition.value)
        found.append(
            v1.NodeCondition(
                type=condition.value,
                status=truth,
                reason=reasons[has],
                message="; ".join(shortage.of(condition)) or None,
                last_transition_time=old.last_transition_time if old is not None and old.status == truth else now,
            )
        )
    return tuple(found)


def _capacity(view: NodeView, machine: Machine) -> dict[str, str]:
    pages = {name: quantity.render(amount, quantity.Style.BINARY) for name, amount in huge_pages().items()}
    memory = f"{machine.memory_bytes // 1024}Ki"
    return {"cpu": str(machine.cpus), "memory": memory, "pods": str(view.max_pods), **pages}


def node_object(
    view: NodeView, machine: Machine, runtime: RuntimeInfo | None, problems: Sequence[tuple[str, str]], changed: str
) -> v1.Node:
    """Return the Node; `problems` are (reason, sentence) of what is wrong, `changed` when that last changed."""
    capacity = _capacity(view, machine)
    reason, message = problems[0] if problems else ("AgentReady", "the agent keeps this node's static pods")
    ready = runtime is not None and runtime.ready
    why, text = "AgentReady" if ready else "RuntimeNotReady", runtime.message if runtime else ""
    if view.shutdown is not None:
        ready, (why, text) = False, view.shutdown
    conditions = [
        v1.NodeCondition(
            type="Ready",
            status="True" if ready else "False",
            reason=why,
            message=text or None,
            last_transition_time=changed,
        ),
        v1.NodeCondition(
            type="Degraded",
            status="True" if problems else "False",
            reason=reason,
            message="; ".join(text for _, text in problems) or message,
            last_transition_time=changed,
        ),
    ]
    addresses = [v1.NodeAddress(type="InternalIP", address=view.ip)] if view.ip else []
    return v1.Node(
        api_version="v1",
        kind="Node",
        metadata=v1.ObjectMeta(
            name=view.name,
            uid=view.name,
            labels=dict(view.labels),
            annotations=dict(view.annotations),
            creation_timestamp=view.since,
        ),
        spec=v1.NodeSpec(),
        status=v1.NodeStatus(
            capacity=capacity,
            allocatable=capacity,
            conditions=(*conditions, *view.pressure),
            addresses=(*addresses, v1.NodeAddress(type="Hostname", address=view.name)),
            features=v1.NodeFeatures(supplemental_groups_policy=view.abilities.strict_groups),
            runtime_handlers=tuple(_handler(one) for one in view.abilities.handlers),
            node_info=v1.NodeSystemInfo(
                architecture=machine.architecture,
                boot_id=machine.boot_id,
                container_runtime_version=f"{runtime.name}://{runtime.version}" if runtime else "",
                kernel_version=machine.kernel,
                kube_proxy_version="",
                kubelet_version=f"podstead-{__version__}",
                machine_id=machine.machine_id,
                operating_system="linux",
                os_image=machine.os_image,
                system_uuid=machine.machine_id,
            ),
        ),
    )


def _handler(can: HandlerFeatures) -> v1.NodeRuntimeHandler:
    features = v1.NodeRuntimeHandlerFeatures(
        recursive_read_only_mounts=can.recursive_read_only, user_namespaces=can.user_namespaces
    )
    return v1.NodeRuntimeHandler(name=can.name, features=features)


def _os_release() -> dict[str, str]:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip('"') for key, _, value in pairs}


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
