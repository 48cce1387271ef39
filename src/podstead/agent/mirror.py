"""What follows from each plan of a pod: the probes that run and the object that the API shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from podstead.agent.targets import probe_targets
from podstead.k8s.configuration import restarts_on_change
from podstead.k8s.readiness import has_done_its_work, is_ready
from podstead.reconcile.actions import FallBack, Promote, PullImage, StopSandbox
from podstead.state.newer import newer_configuration
from podstead.status.conditions import transitions
from podstead.status.generate import generate_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from podstead.agent.ports import Recorder
    from podstead.agent.session import PodSession
    from podstead.agent.targets import HiddenValues
    from podstead.clock import Clock
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import PodActions, Step
    from podstead.state.observed import ObservedPod
    from podstead.state.probes import PodProbes, ProbeTarget
    from podstead.state.records import PodHistory
    from podstead.status.generate import NodeIdentity


# What may free room on the node, or make a pod able to use it.
ROOM_STEPS = (Promote, FallBack, StopSandbox, PullImage)


class ProbeRunner(Protocol):
    """Runs probes and publishes verdicts."""

    def update(self, uid: PodUID, targets: Sequence[ProbeTarget]) -> None:
        """Probe exactly these from now on."""
        ...

    def results(self, uid: PodUID) -> PodProbes:
        """Return what is published."""
        ...

    def forget(self, uid: PodUID) -> None:
        """Stop probing a pod and drop its verdicts."""
        ...


class PodObjects(Protocol):
    """Where API objects of pods go."""

    def put_pod(self, pod: v1.Pod) -> None:
        """Store an object; an equal one changes nothing."""
        ...

    def delete_pod(self, namespace: str, name: str) -> None:
        """Remove an object."""
        ...


class PodMirror:
    """Keeps prober and API in line with each plan."""

    def __init__(
        self,
        prober: ProbeRunner,
        objects: PodObjects,
        recorder: Recorder,
        hidden: HiddenValues,
        node: Callable[[], NodeIdentity],
        keep: Callable[[PodUID, PodHistory], None],
        clock: Clock,
    ) -> None:
        """`keep` remembers a pod's history over an agent's restart."""
        self._prober = prober
        self._objects = objects
        self._recorder = recorder
        self._hidden = hidden
        self._node = node
        self._keep = keep
        self._clock = clock
        self._shown: dict[PodUID, v1.Pod] = {}
        self._targets: dict[PodUID, tuple[ProbeTarget, ...]] = {}
        self._backing_off: set[tuple[PodUID, str]] = set()
        self._newer: dict[PodUID, Mapping[str, tuple[str, ...]]] = {}
        """What was last told of containers with an older configuration."""
        self.on_room: Callable[[], None] = lambda: None
        """Told when pods that wait may go on: a content became effective, a sandbox or a pull has ended, one is ready."""

    def probes(self, session: PodSession) -> PodProbes:
        """Return the published probe verdicts of the pod."""
        return self._prober.results(session.uid)

    def shown(self, uid: PodUID) -> v1.Pod | None:
        """Return the object last shown of an incarnation."""
        return self._shown.get(uid)

    def ready(self, uid: PodUID) -> bool:
        """Return whether an incarnation was last shown as ready, or as one that has done its work."""
        shown = self._shown.get(uid)
        return shown is not None and (is_ready(shown) or has_done_its_work(shown))

    def done(self, step: Step) -> None:
        """Note that a step has ended, well or not."""
        if isinstance(step, ROOM_STEPS):
            self.on_room()

    def planned(self, session: PodSession, observed: ObservedPod, actions: PodActions) -> bool:
        """Bring the prober and the API object in line with this plan; returns whether the pod is ready."""
        now = self._clock.now()
        node = self._node()
        targets = probe_targets(session, observed, node.ip, self._hidden, now)
        if self._targets.get(session.uid) != targets:  # also the first time that there are none: see Prober.update
            self._targets[session.uid] = targets
            self._prober.update(session.uid, targets)
        self._note_backoff(session, actions)
        self._note_newer(session, observed)
        pod = generate_pod(
            session.desired(),
            observed,
            self._prober.results(session.uid),
            session.history,
            actions,
            self._same_object(session),
            node,
            now,
        )
        if pod is not None and not session.stray and self._shown.get(session.uid) != pod:
            was_ready = self.ready(session.uid)
            if self._same_object(session) is None and session.uid in self._shown:
                self._objects.delete_pod(session.key.namespace, session.key.name)
            self._shown[session.uid] = pod
            self._objects.put_pod(pod)
            self._remember(session, pod)
            if self.ready(session.uid) and not was_ready:
                self.on_room()
        return self.ready(session.uid)

    def _remember(self, session: PodSession, pod: v1.Pod) -> None:
        """Keep since when each condition holds, where one has changed: the next agent shows the same."""
        now = transitions(pod.status.conditions if pod.status is not None else ())
        if now != session.history.transitions:
            session.history = replace(session.history, transitions=now)
            self._keep(session.uid, session.history)

    def _same_object(self, session: PodSession) -> v1.Pod | None:
        """Return what was shown of a pod, None where the API shows it as another object from now on."""
        shown = self._shown.get(session.uid)
        same = shown is not None and shown.metadata.uid == (session.record.api_uid or session.uid)
        return shown if same else None

    def ended(self, session: PodSession) -> None:
        """Take an incarnation that has ended from view."""
        shown = self._shown.pop(session.uid, None)
        self._targets.pop(session.uid, None)
        self._newer.pop(session.uid, None)
        self._prober.forget(session.uid)
        self._backing_off = {entry for entry in self._backing_off if entry[0] != session.uid}
        if shown is not None:
            self._objects.delete_pod(session.key.namespace, session.key.name)

    def _note_backoff(self, session: PodSession, actions: PodActions) -> None:
        for name, waiting in actions.waiting.items():
            entry = (session.uid, name)
            if waiting.reason not in ("CrashLoopBackOff", "ImagePullBackOff"):
                self._backing_off.discard(entry)
            elif entry not in self._backing_off:
                self._backing_off.add(entry)
                self._recorder.event(session.key, session.uid, "BackOff", waiting.message, warning=True)
        for entry in [e for e in self._backing_off if e[0] == session.uid and e[1] not in actions.waiting]:
            self._backing_off.discard(entry)

    def _note_newer(self, session: PodSession, observed: ObservedPod) -> None:
        """Tell once of each container whose configuration has changed since it was started."""
        desired = session.desired()
        session.newer = newer_configuration(desired, observed)
        told = self._newer.get(session.uid, {})
        if session.newer == told:
            return
        self._newer[session.uid] = session.newer
        restarts = desired.effective is not None and restarts_on_change(desired.effective.pod)
        follows = "it is restarted" if restarts else "it takes effect when the container next starts"
        for name, sources in session.newer.items():
            if told.get(name) != sources:
                text = f"Configuration newer than the running container {name} ({', '.join(sources)}): {follows}"
                self._recorder.event(session.key, session.uid, "ConfigurationChanged", text)
