"""Which probes a pod's running containers want; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.reconcile.hooks import post_start_pending
from podstead.state.observed import ContainerState
from podstead.state.probes import ProbeKind, ProbeTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from podstead.agent.session import PodSession
    from podstead.clock import Instant
    from podstead.k8s import core_v1 as v1
    from podstead.state.observed import ObservedContainer, ObservedPod

    HiddenValues = Callable[[v1.Container, str], Iterable[tuple[str, str]]]
    """Gives a container's secret values, each with its label; the other argument is its pod's namespace."""

LOOPBACK = "127.0.0.1"


def probe_targets(
    session: PodSession, observed: ObservedPod, node_ip: str, hidden: HiddenValues, now: Instant
) -> tuple[ProbeTarget, ...]:
    """Return the probes to run now: those of the effective revision, for each container past its postStart hook.

    Liveness of a pod that ends is asked no more, for nobody is restarted then; readiness is, and tells who may still be
    sent to it (spec/kubelet-static-pods.md 4.1).
    They dial the pod's address from the node's network (foundation 20); with host networking that is the node's own.
    `hidden` tells of a container what no message of its probes may show.
    """
    revision = session.revision(session.record.effective)
    if revision is None:
        return ()
    spec, ends = revision.pod.spec, session.record.terminating or session.stopping_since is not None
    host = (node_ip or LOOPBACK) if spec.host_network else _pod_ip(observed)
    out: list[ProbeTarget] = []
    for container in standing_containers(spec):
        found = observed.newest(container.name)
        if found is None or found.state is not ContainerState.RUNNING:
            continue
        if post_start_pending(container, found, session.history.of(container.name)):
            continue
        secrets = (*hidden(container, session.key.namespace), *session.file_values.get(container.name, ()))
        out += _of(container, found, session, host, secrets, now)
    return tuple(target for target in out if not (ends and target.kind is ProbeKind.LIVENESS))


def _of(
    container: v1.Container,
    found: ObservedContainer,
    session: PodSession,
    host: str,
    hidden: tuple[tuple[str, str], ...],
    now: Instant,
) -> list[ProbeTarget]:
    kinds = (
        (ProbeKind.STARTUP, container.startup_probe),
        (ProbeKind.LIVENESS, container.liveness_probe),
        (ProbeKind.READINESS, container.readiness_probe),
    )
    return [
        ProbeTarget(
            key=session.key,
            uid=session.uid,
            container=container.name,
            container_id=found.id,
            kind=kind,
            probe=probe,
            host=host,
            ports={p.name: p.container_port for p in container.ports if p.name},
            env={e.name: e.value for e in container.env if e.value is not None},
            started_at=_started(found, session, now),
            hidden=hidden,
        )
        for kind, probe in kinds
        if probe is not None
    ]


def _pod_ip(observed: ObservedPod) -> str:
    return next((s.ips[0] for s in observed.sandboxes if s.ready and s.ips), "")


def _started(found: ObservedContainer, session: PodSession, now: Instant) -> float:
    """Return the boot-clock second of the container's start.

    One that an earlier agent started is dated by the wall clock, once, and never into the future.
    """
    if found.id not in session.started:
        age = now.wall - found.started_at / 1e9
        session.started[found.id] = now.boot - max(0.0, age)
    return session.started[found.id]
