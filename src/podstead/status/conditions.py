"""The pod's conditions (spec/kubelet-static-pods.md 7.3), and ours for an edit that waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.admission.shutdown import NODE_STOPS, TERMINATED
from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import is_sidecar, standing_containers
from podstead.k8s.readiness import HELD
from podstead.state.records import RollbackReason, Transition
from podstead.status.phase import TERMINAL
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from podstead.reconcile.actions import PodActions
    from podstead.state.desired import DesiredPod
    from podstead.state.records import PodRecord

CANDIDATE_CONDITION = "podstead.io/CandidateReady"
"""False while an accepted edit waits for its image, ports, volumes or room (foundation 15); absent without an edit."""
PROGRESSING_CONDITION = "podstead.io/Progressing"
"""True while a health-gated revision has time to become ready, False once that has passed; absent otherwise."""
FOLLOWS_FILE_CONDITION = "podstead.io/FollowsFile"
"""False while an earlier revision runs than the file says; absent otherwise."""

CONFIGURATION_CONDITION = "podstead.io/ConfigurationCurrent"
"""False while a container runs with an older configuration than there is now; absent otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition before its transition time is known."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""


def pod_conditions(
    phase: str,
    spec: v1.PodSpec,
    statuses: Mapping[str, v1.ContainerStatus],
    desired: DesiredPod,
    actions: PodActions,
    *,
    sandbox_ready: bool,
    newer: Mapping[str, Sequence[str]],
) -> tuple[Condition, ...]:
    """Return today's conditions in the order in which kubectl describes them; `statuses` is by container.

    `newer` are the containers with an older configuration, each with what has changed.
    """
    readiness = _readiness(phase, [c.name for c in standing_containers(spec) if not statuses[c.name].ready])
    out = [
        Condition(type="PodReadyToStartContainers", status=sandbox_ready),
        _initialised(phase, spec, statuses),
        Condition(type="Ready", status=readiness is None, **_why(readiness)),
        Condition(type="ContainersReady", status=readiness is None, **_why(readiness)),
        Condition(type="PodScheduled", status=True),
    ]
    if actions.restarting_all:
        text = "every container is cleared away, to start over from the first init container"
        reason = "RestartAllContainersStarted"
        out.append(Condition(type="AllContainersRestarting", status=True, reason=reason, message=text))
    if desired.record.evicted is not None or desired.preempted:
        why = _disruption(desired)
        out.append(Condition(type="DisruptionTarget", status=True, reason="TerminationByKubelet", message=why))
    if desired.candidate is not None:
        stuck = actions.stuck
        out.append(
            Condition(
                type=CANDIDATE_CONDITION,
                status=False,
                reason=stuck.reason if stuck else "Preparing",
                message=stuck.message if stuck else f"revision {desired.candidate.id} is being prepared",
            )
        )
    if (held := desired.held) is not None:
        out.append(Condition(type=HELD, status=True, reason=held.reason, message=held.message))
    return (*out, *_configuration_condition(newer), *_update_conditions(desired.record))


def _disruption(desired: DesiredPod) -> str:
    if desired.record.evicted is not None:
        return desired.record.evicted.message
    if desired.blocked in {TERMINATED, NODE_STOPS}:
        return desired.blocked.message
    return "the pod makes room for one of higher priority"


def _initialised(phase: str, spec: v1.PodSpec, statuses: Mapping[str, v1.ContainerStatus]) -> Condition:
    """Return whether init containers have done their work and sidecars are through, or had been when a regular one ran."""
    if phase == "Succeeded":
        return Condition(type="Initialized", status=True, reason="PodCompleted")
    through = {
        c.name: statuses[c.name].started if is_sidecar(c) else statuses[c.name].ready for c in spec.init_containers
    }
    left = [name for name, done in through.items() if not done]
    if not left or any(_has_run(statuses[c.name]) for c in spec.containers):
        return Condition(type="Initialized", status=True)
    message = f"containers with incomplete status: [{' '.join(left)}]"
    return Condition(type="Initialized", status=False, reason="ContainersNotInitialized", message=message)


def _has_run(status: v1.ContainerStatus) -> bool:
    return status.state is not None and status.state.waiting is None


def _configuration_condition(newer: Mapping[str, Sequence[str]]) -> Iterator[Condition]:
    if newer:
        listed = "; ".join(f"{name}: {', '.join(sources)}" for name, sources in sorted(newer.items()))
        message = f"configuration newer than the running pod ({listed})"
        yield Condition(type=CONFIGURATION_CONDITION, status=False, reason="ConfigurationChanged", message=message)


def _update_conditions(record: PodRecord) -> Iterator[Condition]:
    """Yield what is to be said of a gated update and of a rollback."""
    if record.progress is not None:
        expired = record.progress.expired
        late = f"revision {record.effective} is not ready in its time, and no other was ready before"
        yield Condition(
            type=PROGRESSING_CONDITION,
            status=not expired,
            reason="ProgressDeadlineExceeded" if expired else "WaitsForReadiness",
            message=late if expired else f"revision {record.effective} has to become ready",
        )
    if record.rollback is not None:
        yield Condition(
            type=FOLLOWS_FILE_CONDITION,
            status=False,
            reason=record.rollback.reason.value,
            message=rollback_sentence(record),
        )


def rollback_sentence(record: PodRecord) -> str:
    """Return why a pod does not run what its file says, and until when; empty where it does."""
    if record.rollback is None:
        return ""
    late = record.rollback.reason is RollbackReason.PROGRESS_DEADLINE
    why = "was not ready in its time" if late else "was rolled back by root"
    running = record.candidate or record.effective
    return f"revision {record.rollback.passed_over} {why}: revision {running} runs until the file changes"


def _readiness(phase: str, unready: Sequence[str]) -> tuple[str, str] | None:
    if phase in TERMINAL:
        return ("PodCompleted" if phase == "Succeeded" else "PodFailed"), ""
    if unready:
        return "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return None


def _why(readiness: tuple[str, str] | None) -> dict[str, str]:
    return {} if readiness is None else {"reason": readiness[0], "message": readiness[1]}


def transitions(conditions: Sequence[v1.PodCondition]) -> dict[str, Transition]:
    """Return what `stamp` needs of conditions that were shown."""
    return {c.type: Transition(status=c.status, at=c.last_transition_time or "") for c in conditions}


def stamp(conditions: Sequence[Condition], before: Mapping[str, Transition], now: float) -> tuple[v1.PodCondition, ...]:
    """Return API conditions whose transition time moves only when the status does; `now` is Unix seconds.

    A time that is still to come, by a clock that was set back, is none: it has changed now at the latest.
    """
    at, out = rfc3339(now), []
    for condition in conditions:
        status = "True" if condition.status else "False"
        old = before.get(condition.type)
        # Both are of one form, in which texts stand in the order of their times.
        since = old.at if old is not None and old.status == status and "" < old.at <= at else at
        out.append(
            v1.PodCondition(
                type=condition.type,
                status=status,
                reason=condition.reason or None,
                message=condition.message or None,
                last_transition_time=since,
            )
        )
    return tuple(out)
