"""The API's Pod object: the effective spec, our metadata, and the status computed from what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.admission.eviction import EVICTED
from podstead.k8s import core_v1 as v1
from podstead.k8s import labels
from podstead.k8s.qos import qos_class
from podstead.reconcile.actions import Conclude, Waiting
from podstead.state.newer import newer_configuration
from podstead.state.sources import is_url
from podstead.status.conditions import pod_conditions, stamp, transitions
from podstead.status.containers import Scene, container_statuses, init_statuses
from podstead.status.phase import TERMINAL, pod_phase
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.clock import Instant
    from podstead.reconcile.actions import PodActions
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.probes import PodProbes
    from podstead.state.records import Completion, PodHistory, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """What of the node a pod's status shows. `runtime` is the scheme of container ids."""

    name: str
    ip: str
    runtime: str


def generate_pod(
    desired: DesiredPod,
    observed: ObservedPod,
    probes: PodProbes,
    history: PodHistory,
    actions: PodActions,
    previous: v1.Pod | None,
    node: NodeIdentity,
    now: Instant,
) -> v1.Pod | None:
    """Return the Pod as the API serves it, None while no revision of it can be read.

    `previous` is the object served before; it keeps the last state of containers without records, and transition times, which
    an agent that has served none yet takes from the history.
    """
    revision = desired.effective or desired.candidate
    if revision is None:
        return None
    spec = revision.pod.spec
    completion = _completion(desired, actions)
    scene = Scene(
        spec=spec,
        observed=observed,
        probes=probes,
        history=history,
        actions=actions,
        ended=completion is not None,
        shown=_shown(previous),
        runtime=node.runtime,
    )
    return v1.Pod(
        api_version="v1",
        kind="Pod",
        metadata=_metadata(desired, revision.pod.metadata, node, now, previous),
        spec=spec,
        status=_status(desired, revision, scene, completion, previous, node, now),
    )


def _status(
    desired: DesiredPod,
    revision: Revision,
    scene: Scene,
    completion: Completion | None,
    previous: v1.Pod | None,
    node: NodeIdentity,
    now: Instant,
) -> v1.PodStatus:
    spec, observed, actions = scene.spec, scene.observed, scene.actions
    statuses, init = container_statuses(scene), init_statuses(scene)
    shown = {s.name: s for s in (*init, *statuses)}
    if desired.record.evicted is not None:  # what is gone is not waiting to be started
        statuses = tuple(s for s in statuses if observed.newest(s.name) is not None)
    phase = _phase(desired, spec, completion, init, statuses)
    sandbox = next((s for s in observed.sandboxes if s.ready), None)
    ips = (node.ip,) if spec.host_network and sandbox else sandbox.ips if sandbox else ()
    conditions = pod_conditions(
        phase,
        spec,
        shown,
        desired,
        actions,
        sandbox_ready=sandbox is not None and (bool(spec.host_network) or bool(ips)),
        newer=newer_configuration(desired, observed),
    )
    before = transitions(previous.status.conditions) if previous and previous.status else scene.history.transitions
    why = _why(desired, actions, completion, phase)
    return v1.PodStatus(
        phase=phase,
        reason=(why.reason or None) if why else None,
        message=(why.message or None) if why else None,
        conditions=stamp(conditions, before, now.wall),
        container_statuses=statuses,
        init_container_statuses=init,
        host_ip=node.ip or None,
        host_ips=(v1.HostIP(ip=node.ip),) if node.ip else (),
        pod_ip=ips[0] if ips and ips[0] else None,
        pod_ips=tuple(v1.PodIP(ip=ip) for ip in ips if ip),
        qos_class=qos_class(revision.pod),
        start_time=rfc3339(desired.record.start_time or desired.record.created_at),
    )


def _completion(desired: DesiredPod, actions: PodActions) -> Completion | None:
    """Return how the pod has ended, also while that is being written down; what was stopped or makes room has not."""
    noted = (step.completion for step in actions.steps if isinstance(step, Conclude))
    return desired.record.completion or next(noted, None)


def _phase(
    desired: DesiredPod,
    spec: v1.PodSpec,
    completion: Completion | None,
    init: Sequence[v1.ContainerStatus],
    statuses: Sequence[v1.ContainerStatus],
) -> str:
    """Return the phase; a terminal one is shown when nothing runs any more, and stays."""
    if desired.effective is None:
        return "Pending"
    runs = any(s.state and s.state.running for s in (*init, *statuses))
    if completion is not None and not runs:
        return completion.phase
    if (desired.preempted or desired.record.stopped) and not runs:
        # It made room and waits to come back (foundation 18), or was stopped; an evicted one has failed, as anywhere.
        return "Failed" if desired.record.evicted is not None and not desired.record.stopped else "Pending"
    phase = pod_phase(spec, init, statuses)
    if phase in TERMINAL and not desired.record.terminating:
        return "Running" if any(s.state and not s.state.waiting for s in statuses) else "Pending"
    return phase


def _why(
    desired: DesiredPod, actions: PodActions, completion: Completion | None, phase: str
) -> Completion | Waiting | None:
    """Return reason and message of the pod as a whole: of its end, or of what keeps it from running."""
    if desired.record.evicted is not None:
        return Waiting(reason=EVICTED, message=desired.record.evicted.message)
    if phase in TERMINAL:
        return completion
    paused = desired.preempted or desired.record.stopped
    return actions.stuck if phase == "Pending" or paused else None


def _shown(previous: v1.Pod | None) -> dict[str, v1.ContainerStatus]:
    status = previous.status if previous else None
    return {s.name: s for s in (*status.init_container_statuses, *status.container_statuses)} if status else {}


def _metadata(
    desired: DesiredPod, own: v1.ObjectMeta, node: NodeIdentity, now: Instant, previous: v1.Pod | None
) -> v1.ObjectMeta:
    record = desired.record
    revision = desired.effective or desired.candidate
    annotations = {
        **own.annotations,
        labels.CONFIG_HASH: record.uid,
        labels.CONFIG_MIRROR: record.uid,
        labels.CONFIG_SOURCE: "http" if is_url(record.claim.file) else "file",
        labels.CONFIG_SEEN: rfc3339(record.created_at),
        labels.REVISION: revision.id if revision else "",
    }
    annotations.pop(labels.SIGNED_BY, None)  # nobody says so of himself
    if revision is not None and revision.provenance is not None and revision.provenance.signer:
        annotations[labels.SIGNED_BY] = revision.provenance.signer
    deletion = previous.metadata.deletion_timestamp if previous else None
    if record.terminating and deletion is None:
        deletion = rfc3339(now.wall)
    return msgspec.structs.replace(
        own,
        uid=record.api_uid or record.uid,
        creation_timestamp=rfc3339(record.created_at),
        deletion_timestamp=deletion if record.terminating else None,
        annotations=annotations,
        owner_references=(
            v1.OwnerReference(api_version="v1", kind="Node", name=node.name, uid=node.name, controller=True),
        ),
        resource_version=None,
    )
