"""A Pod as a row of `kubectl get pods`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import is_sidecar
from podstead.server.ages import age_since, format_age, parse_time
from podstead.server.tables import NONE, Cells, Column, Printer, RowCondition

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (
    Column("Name", format="name", description="Name of the pod on this node"),
    Column("Ready", description="Ready containers of all containers"),
    Column("Status", description="Phase, or the reason that matters most now"),
    Column("Restarts", description="Restarts of the containers, and when the last one was"),
    Column("Age", description="Time since the pod was created"),
    Column("IP", priority=1, description="Address of the pod"),
    Column("Node", priority=1, description="Node the pod runs on"),
    Column("Nominated Node", priority=1, description="Node the pod was nominated for"),
    Column("Readiness Gates", priority=1, description="True gates of all readiness gates"),
)
TERMINAL = frozenset({"Succeeded", "Failed"})


def _true(status: v1.PodStatus, condition: str) -> bool:
    return any(c.type == condition and c.status == "True" for c in status.conditions)


def _sidecars(pod: v1.Pod) -> frozenset[str]:
    return frozenset(c.name for c in pod.spec.init_containers if is_sidecar(c))


def _ended(state: v1.ContainerStateTerminated) -> str:
    """Return why a container ended, by its reason, its signal or its exit code."""
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}"


def _init_trouble(pod: v1.Pod, status: v1.PodStatus) -> str | None:
    """Return `Init:…` for the first init container that is not through, None when none holds the pod up."""
    sidecars = _sidecars(pod)
    for index, container in enumerate(status.init_container_statuses):
        state = container.state or v1.ContainerState()
        if state.terminated is not None and state.terminated.exit_code == 0:
            continue
        if container.name in sidecars and container.started:
            continue
        if state.terminated is not None:
            return f"Init:{_ended(state.terminated)}"
        if state.waiting is not None and state.waiting.reason and state.waiting.reason != "PodInitializing":
            return f"Init:{state.waiting.reason}"
        return f"Init:{index}/{len(pod.spec.init_containers)}"
    return None


def _from_containers(status: v1.PodStatus, reason: str) -> str:
    """Return the word the containers give the pod: the first one's trouble wins, since each overwrites the later ones."""
    running = False
    failed = ""
    for container in reversed(status.container_statuses):
        state = container.state or v1.ContainerState()
        if state.waiting is not None and state.waiting.reason:
            reason = state.waiting.reason
        elif state.terminated is not None:
            reason = _ended(state.terminated)
            if state.terminated.exit_code != 0:
                failed = reason
        elif state.running is not None:
            running = True
    if reason != "Completed":
        return reason
    if running and _true(status, "Ready"):
        return "Running"
    if failed:
        return failed
    return "NotReady" if running else reason


def pod_status_word(pod: v1.Pod) -> str:
    """Return the STATUS cell of a pod, by the steps of spec/kubectl.md 5."""
    status = pod.status or v1.PodStatus()
    reason = status.reason or status.phase or "Unknown"
    if any(c.type == "PodScheduled" and c.reason == "SchedulingGated" for c in status.conditions):
        reason = "SchedulingGated"
    trouble = _init_trouble(pod, status)
    if trouble is not None:
        reason = trouble
    if trouble is None or _true(status, "Initialized"):
        reason = _from_containers(status, reason)
    if pod.metadata.deletion_timestamp and status.phase not in TERMINAL:
        return "Unknown" if status.reason == "NodeLost" else "Terminating"
    return reason


@dataclass(frozen=True, slots=True)
class _Readiness:
    ready: int
    total: int


def _readiness(pod: v1.Pod, status: v1.PodStatus) -> _Readiness:
    sidecars = _sidecars(pod)
    main = sum(1 for c in status.container_statuses if c.ready and c.state is not None and c.state.running is not None)
    beside = sum(1 for c in status.init_container_statuses if c.name in sidecars and c.started and c.ready)
    return _Readiness(main + beside, len(pod.spec.containers) + len(sidecars))


def _restarts(pod: v1.Pod, status: v1.PodStatus, now: float) -> str:
    sidecars = _sidecars(pod)
    counted: Iterable[v1.ContainerStatus]
    if _init_trouble(pod, status) is not None and not _true(status, "Initialized"):
        counted = status.init_container_statuses
    else:
        counted = (*status.container_statuses, *(c for c in status.init_container_statuses if c.name in sidecars))
    counted = tuple(counted)
    count = sum(c.restart_count for c in counted)
    ends = [
        moment
        for c in counted
        if c.last_state is not None and c.last_state.terminated is not None
        if (moment := parse_time(c.last_state.terminated.finished_at)) is not None
    ]
    return f"{count} ({format_age(now - max(ends))} ago)" if count and ends else str(count)


def _gates(pod: v1.Pod, status: v1.PodStatus) -> str:
    gates = pod.spec.readiness_gates
    return f"{sum(1 for g in gates if _true(status, g.condition_type))}/{len(gates)}" if gates else NONE


def pod_cells(pod: v1.Pod, now: float) -> Cells:
    """Return the row of a pod at `now` (Unix seconds)."""
    status = pod.status or v1.PodStatus()
    readiness = _readiness(pod, status)
    address = status.pod_ips[0].ip if status.pod_ips else status.pod_ip
    done = (RowCondition("Completed", "True", status.phase),) if status.phase in TERMINAL and status.phase else ()
    return Cells(
        (
            pod.metadata.name or "",
            f"{readiness.ready}/{readiness.total}",
            pod_status_word(pod),
            _restarts(pod, status, now),
            age_since(pod.metadata.creation_timestamp, now),
            address or NONE,
            pod.spec.node_name or NONE,
            status.nominated_node_name or NONE,
            _gates(pod, status),
        ),
        done,
    )


PRINTER = Printer(COLUMNS, pod_cells)
