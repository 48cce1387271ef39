"""The API's Pod object: the effective spec, our metadata, and the status computed from what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.admission.eviction import EVICTED
from podstead.k8s import core_v1 as v1
from podstead.k8s import labels
from podstead.k8s.qos import qos_class
from podstead.reconcile.actions import Waiting
from podstead.state.newer import newer_configuration
from podstead.state.sources import is_url
from podstead.status.conditions import pod_conditions, stamp
from podstead.status.containers import container_status
from podstead.status.phase import pod_phase
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.reconcile.actions import PodActions
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.probes import PodProbes
    from podstead.state.records import PodHistory


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

    `previous` is the object served before; it keeps transition times and a terminal phase.
    """
    revision = desired.effective or desired.candidate
    if revision is None:
        return None
    spec = revision.pod.spec
    statuses = tuple(
        container_status(c, observed, probes, history.of(c.name), actions, node.runtime) for c in spec.containers
    )
    evicted = desired.record.evicted
    if evicted is not None:  # what is gone is not waiting to be started
        statuses = tuple(s for s in statuses if observed.newest(s.name) is not None)
    phase = pod_phase(statuses, spec.restart_policy) if desired.effective else "Pending"
    if (desired.preempted or desired.record.stopped) and not any(s.state and s.state.running for s in statuses):
        # It made room and waits to come back (foundation 18), or was stopped; an evicted one has failed, as anywhere.
        phase = "Failed" if evicted is not None and not desired.record.stopped else "Pending"
    sandbox = next((s for s in observed.sandboxes if s.ready), None)
    ips = (node.ip,) if spec.host_network and sandbox else sandbox.ips if sandbox else ()
    conditions = pod_conditions(
        phase,
        statuses,
        desired,
        actions,
        sandbox_ready=sandbox is not None and (bool(spec.host_network) or bool(ips)),
        newer=newer_configuration(desired, observed),
    )
    before = previous.status.conditions if previous and previous.status else ()
    stuck = _trouble(desired, actions, phase)
    status = v1.PodStatus(
        phase=phase,
        reason=stuck.reason if stuck else None,
        message=(stuck.message or None) if stuck else None,
        conditions=stamp(conditions, before, now.wall),
        container_statuses=statuses,
        host_ip=node.ip or None,
        host_ips=(v1.HostIP(ip=node.ip),) if node.ip else (),
        pod_ip=ips[0] if ips and ips[0] else None,
        pod_ips=tuple(v1.PodIP(ip=ip) for ip in ips if ip),
        qos_class=qos_class(revision.pod),
        start_time=rfc3339(desired.record.start_time or desired.record.created_at),
    )
    return v1.Pod(
        api_version="v1",
        kind="Pod",
        metadata=_metadata(desired, revision.pod.metadata, node, now, previous),
        spec=spec,
        status=status,
    )


def _trouble(desired: DesiredPod, actions: PodActions, phase: str) -> Waiting | None:
    """Return why the pod as a whole is not what it should be."""
    if desired.record.evicted is not None:
        return Waiting(reason=EVICTED, message=desired.record.evicted.message)
    return actions.stuck if phase == "Pending" or desired.preempted or desired.record.stopped else None


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
