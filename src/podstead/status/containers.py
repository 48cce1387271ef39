"""Container states as the API shows them (spec/kubelet-static-pods.md 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import is_sidecar
from podstead.reconcile.hooks import is_started, post_start_waiting
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, ProbeKind
from podstead.status.times import rfc3339_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.reconcile.actions import PodActions
    from podstead.state.observed import ObservedContainer, ObservedPod
    from podstead.state.probes import PodProbes
    from podstead.state.records import ContainerHistory, PodHistory

UNKNOWN_EXIT = 137
"""The exit code of a container of whose end nothing is known: 128 and SIGKILL, as the kubelet has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the statuses of a pod's containers are made from.

    `ended`: nothing of the pod runs again. `shown` is each container's status as it was shown before. `runtime` is the
    scheme of container ids (`containerd`).
    """

    spec: v1.PodSpec
    observed: ObservedPod
    probes: PodProbes
    history: PodHistory
    actions: PodActions
    ended: bool
    shown: Mapping[str, v1.ContainerStatus]
    runtime: str

    @property
    def initialised(self) -> bool:
        """Whether a regular container was ever started, which only happens after the init containers' work."""
        found = (self.observed.newest(c.name) for c in self.spec.containers)
        if any(one is not None and one.state is not ContainerState.CREATED for one in found):
            return True
        return any(self.history.of(c.name).started_attempt >= 0 for c in self.spec.containers)


def container_statuses(scene: Scene) -> tuple[v1.ContainerStatus, ...]:
    """Return the statuses of the regular containers, by name, as the kubelet sorts them."""
    return tuple(_standing_status(c, scene) for c in sorted(scene.spec.containers, key=lambda c: c.name))


def init_statuses(scene: Scene) -> tuple[v1.ContainerStatus, ...]:
    """Return the statuses of init containers and sidecars, in the manifest's order."""
    return tuple(
        _standing_status(c, scene) if is_sidecar(c) else _setup_status(c, scene) for c in scene.spec.init_containers
    )


def _standing_status(container: v1.Container, scene: Scene) -> v1.ContainerStatus:
    found, memory = scene.observed.newest(container.name), scene.history.of(container.name)
    started = is_started(container, found, scene.probes, memory)
    ready = started and found is not None and _passes(container, found, scene.probes)
    return _status(container, scene, _state(container, found, scene), started=started, ready=ready)


def _setup_status(container: v1.Container, scene: Scene) -> v1.ContainerStatus:
    """Return the status of an init container: ready once it has done its work, also when no record of that is left."""
    found = scene.observed.newest(container.name)
    state = _state(container, found, scene)
    if found is None and scene.initialised and state.terminated is None:
        state = v1.ContainerState(terminated=v1.ContainerStateTerminated(exit_code=0, reason="Completed"))
    done = state.terminated is not None and state.terminated.exit_code == 0
    return _status(container, scene, state, started=False, ready=done)


def _passes(container: v1.Container, found: ObservedContainer, probes: PodProbes) -> bool:
    return container.readiness_probe is None or probes.outcome(found.id, ProbeKind.READINESS) is Outcome.SUCCESS


def _status(
    container: v1.Container, scene: Scene, state: v1.ContainerState, *, started: bool, ready: bool
) -> v1.ContainerStatus:
    found, memory = scene.observed.newest(container.name), scene.history.of(container.name)
    last = _last_state(container, found, state, scene)
    return v1.ContainerStatus(
        name=container.name,
        image=container.image or "",
        image_id=found.image_id if found else "",
        container_id=f"{scene.runtime}://{found.id}" if found else None,
        restart_count=max(memory.restart_count, found.restart_count if found else 0),
        ready=ready,
        started=started,
        state=state,
        last_state=v1.ContainerState(terminated=last) if last else None,
    )


def _state(container: v1.Container, found: ObservedContainer | None, scene: Scene) -> v1.ContainerState:
    memory = scene.history.of(container.name)
    waiting = scene.actions.waiting.get(container.name)
    hooked = post_start_waiting(container, found, memory, scene.observed)
    if hooked is not None:
        return v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=hooked.reason, message=hooked.message))
    if found is not None and found.state is ContainerState.RUNNING:
        at = rfc3339_ns(found.started_at) if found.started_at else None
        return v1.ContainerState(running=v1.ContainerStateRunning(started_at=at))
    if waiting is None or scene.ended:
        over = terminated(found, scene.runtime) if found is not None and found.state is ContainerState.EXITED else None
        if over is None and found is None:
            begun = scene.initialised or memory.last_attempt >= 0
            over = _remembered_end(memory) or (_unknown_end() if scene.ended and begun else None)
        if over is not None:
            return v1.ContainerState(terminated=over)
    stuck = scene.actions.stuck.message if scene.actions.stuck else ""
    default = "PodInitializing" if scene.spec.init_containers else "ContainerCreating"
    reason = waiting.reason if waiting and waiting.reason != "ContainerCreating" else default
    message = waiting.message if waiting else stuck
    return v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=reason, message=message or None))


def _last_state(
    container: v1.Container, found: ObservedContainer | None, state: v1.ContainerState, scene: Scene
) -> v1.ContainerStateTerminated | None:
    """Return how the container ended before: by a record, by what is remembered, or as it was shown before."""
    if state.waiting is not None and found is not None and found.state is ContainerState.EXITED:
        return terminated(found, scene.runtime)
    previous = scene.observed.previous(container.name)
    if previous is not None and previous.state is ContainerState.EXITED:
        return terminated(previous, scene.runtime)
    starting = f"container:{container.name}" in scene.observed.in_flight  # noted as started before it is there
    if state.waiting is not None and found is None and not starting:
        memory = scene.history.of(container.name)
        if memory.cleared_attempt == memory.last_attempt >= 0:
            return v1.ContainerStateTerminated(
                exit_code=UNKNOWN_EXIT,
                reason="RestartingAllContainers",
                message="the record was removed to start all containers over",
            )
        if memory.started_attempt == memory.last_attempt >= 0:
            return _remembered_end(memory) or _unknown_end()
    before = scene.shown.get(container.name)
    return before.last_state.terminated if before is not None and before.last_state is not None else None


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


def _remembered_end(memory: ContainerHistory) -> v1.ContainerStateTerminated | None:
    """Return the end of a container whose record is gone, None where its last attempt was not seen to end."""
    attempt = memory.last_attempt
    if attempt < 0 or memory.exit_attempt != attempt or attempt in {memory.cleared_attempt, memory.returning_attempt}:
        return None
    reason = "Completed" if memory.exit_code == 0 else "Error"
    return v1.ContainerStateTerminated(
        exit_code=memory.exit_code, reason=reason, message="the runtime's record of it is gone"
    )


def _unknown_end() -> v1.ContainerStateTerminated:
    return v1.ContainerStateTerminated(
        exit_code=UNKNOWN_EXIT,
        reason="ContainerStatusUnknown",
        message="the runtime has no record of the container, and nobody saw how it ended",
    )
