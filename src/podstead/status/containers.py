"""Container states as the API shows them (spec/kubelet-static-pods.md 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.reconcile.hooks import is_started, post_start_waiting
from podstead.state.observed import ContainerState, ObservedContainer
from podstead.state.probes import Outcome, ProbeKind
from podstead.status.times import rfc3339_ns

if TYPE_CHECKING:
    from podstead.reconcile.actions import PodActions
    from podstead.state.observed import ObservedPod
    from podstead.state.probes import PodProbes
    from podstead.state.records import ContainerHistory


def ready(spec: v1.Container, found: ObservedContainer | None, probes: PodProbes, memory: ContainerHistory) -> bool:
    """Return whether the container is ready: started, and its readiness probe (if any) succeeds."""
    if found is None or not is_started(spec, found, probes, memory):
        return False
    return spec.readiness_probe is None or probes.outcome(found.id, ProbeKind.READINESS) is Outcome.SUCCESS


def terminated(found: ObservedContainer, runtime: str) -> v1.ContainerStateTerminated:
    """Return the API's terminated state of an exited container."""
    return v1.ContainerStateTerminated(
        exit_code=found.exit_code,
        reason=found.reason or ("Completed" if found.exit_code == 0 else "Error"),
        message=found.message or None,
        started_at=rfc3339_ns(found.started_at) if found.started_at else None,
        finished_at=rfc3339_ns(found.finished_at) if found.finished_at else None,
        container_id=f"{runtime}://{found.id}",
    )


def container_status(
    spec: v1.Container,
    observed: ObservedPod,
    probes: PodProbes,
    memory: ContainerHistory,
    actions: PodActions,
    runtime: str,
) -> v1.ContainerStatus:
    """Return one container's status; `runtime` is the scheme of containerID (`containerd`)."""
    found = observed.newest(spec.name)
    previous = observed.previous(spec.name)
    waiting = actions.waiting.get(spec.name)
    last = terminated(previous, runtime) if previous and previous.state is ContainerState.EXITED else None
    hooked = post_start_waiting(spec, found, memory, observed)
    if hooked is not None:
        state = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=hooked.reason, message=hooked.message))
    elif found is not None and found.state is ContainerState.RUNNING:
        at = rfc3339_ns(found.started_at) if found.started_at else None
        state = v1.ContainerState(running=v1.ContainerStateRunning(started_at=at))
    elif found is not None and found.state is ContainerState.EXITED and waiting is None:
        state = v1.ContainerState(terminated=terminated(found, runtime))
    else:
        if found is not None and found.state is ContainerState.EXITED:
            last = terminated(found, runtime)
        reason = waiting.reason if waiting else "ContainerCreating"
        message = waiting.message if waiting else actions.stuck.message if actions.stuck else ""
        state = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=reason, message=message or None))
    return v1.ContainerStatus(
        name=spec.name,
        image=spec.image or "",
        image_id=found.image_id if found else "",
        container_id=f"{runtime}://{found.id}" if found else None,
        restart_count=max(memory.restart_count, found.restart_count if found else 0),
        ready=ready(spec, found, probes, memory),
        started=is_started(spec, found, probes, memory),
        state=state,
        last_state=v1.ContainerState(terminated=last) if last else None,
    )
