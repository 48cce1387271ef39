"""Keeps one task per probe of the node (spec/kubelet-static-pods.md 4; foundation 20)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.identity import PodUID
from podstead.probes import thresholds
from podstead.probes.verdicts import PodVerdicts
from podstead.probes.worker import ProbeWorker, Surroundings
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeTarget, ProbeVerdict

if TYPE_CHECKING:
    from podstead.clock import Clock
    from podstead.identity import ContainerID
    from podstead.probes.exec import ExecSync

OnChange = Callable[[PodUID, str, ProbeKind, ProbeVerdict, str], None]
"""Called with pod, container name, kind, the present verdict and a text; see `Prober`."""

RECOVERY_SECONDS = 30.0
"""No liveness or startup failure counts this long after the runtime is back: containers that write much were blocked."""
FAULT_SECONDS = 10.0
"""How soon a probe that a mistake of ours has ended is begun again: nobody else would ask whether the container lives."""
STARTED_SECONDS = 10.0
"""A startup probe that is added to a container older than this finds it started already."""

_Key = tuple[str, ProbeKind]


@dataclass(slots=True, eq=False)
class _Pod:
    workers: dict[_Key, ProbeWorker] = field(default_factory=dict)
    tasks: dict[_Key, asyncio.Task[None]] = field(default_factory=dict)
    verdicts: PodVerdicts = field(default_factory=PodVerdicts)
    updated_at: float | None = None
    """Boot-clock second of the last update by this process, None before the first."""


class Prober:
    """Runs the probes of all pods of the node; one task each, all on the event loop that calls its methods.

    `on_change` is called at each change of a published outcome and at each attempt that failed or could not be carried
    out; its text is the Unhealthy event's ("Liveness probe failed: …"), empty where there is nothing to report. A
    verdict of SUCCESS without failures whose text says "warning" is a ProbeWarning. It must neither block nor raise.
    `jitter` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        exec_sync: ExecSync,
        clock: Clock,
        on_change: OnChange,
        *,
        jitter: Callable[[], float] = random.random,
        exec_slots: int = 8,
    ) -> None:
        # An exec costs the runtime 12 to 50 ms of CPU; more at once only make each other late (spec/cri.md 3).
        self._around = Surroundings(
            exec_sync=exec_sync, clock=clock, jitter=jitter, exec_slots=asyncio.Semaphore(exec_slots)
        )
        self._clock = clock
        self._on_change = on_change
        self._pods: dict[PodUID, _Pod] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def disregarded(self) -> int:
        """Attempts that counted neither way because the runtime was away or the loop late."""
        return self._around.disregarded

    def update(self, uid: PodUID, targets: Sequence[ProbeTarget]) -> None:
        """Probe exactly these targets of the pod from now on.

        Called whenever the pod's running containers or probes change, also with none, so that a startup probe added to
        a container that runs already is known to come late. A target that equals a running one is left alone; one whose
        definition, address or environment changed goes on with its verdict and is asked at once; one with a new
        container id begins afresh. Verdicts of a container id last until another one has its name.
        """
        pod = self._pods.setdefault(uid, _Pod())
        wanted = {(t.container, t.kind): t for t in targets}
        started = _started_events(pod.workers.values(), wanted.values())
        self._remove(pod, wanted)
        pod.verdicts.follow(targets)
        for key, target in wanted.items():
            present = pod.workers.get(key)
            if present is None or present.target != target:
                self._cancel(pod, key)
                pod.workers[key] = self._worker(pod, target, present, started[target.container_id])
            self._start(pod, key)
        pod.updated_at = self._clock.now().boot

    def forget(self, uid: PodUID) -> None:
        """Stop the pod's probes and drop its verdicts; an unknown pod is fine."""
        pod = self._pods.pop(uid, None)
        if pod is not None:
            for key in list(pod.workers):
                self._cancel(pod, key)

    def results(self, uid: PodUID) -> PodProbes:
        """Return what is published of a pod; the same value as long as nothing changed."""
        pod = self._pods.get(uid)
        return pod.verdicts.view() if pod is not None else PodProbes()

    def restore(self, uid: PodUID, probes: PodProbes) -> None:
        """Take over the verdicts kept from before an agent restart; called before the pod's first `update`.

        Readiness and a finished startup hold on; a failure of liveness or startup does not (thresholds.begin).
        """
        self._pods.setdefault(uid, _Pod()).verdicts.restore(probes)

    def runtime_lost(self) -> None:
        """Note that the runtime cannot be reached: until it is back no failure of liveness or startup counts."""
        self._around.runtime_lost = True

    def runtime_back(self) -> None:
        """Note that the runtime answers again; rows of failures begin anew, and count after RECOVERY_SECONDS."""
        if not self._around.runtime_lost:
            return
        self._around.runtime_lost = False
        self._around.healthy_from = self._clock.now().boot + RECOVERY_SECONDS
        for pod in self._pods.values():
            for worker in pod.workers.values():
                if worker.target.kind is not ProbeKind.READINESS:
                    worker.forgive()

    async def close(self) -> None:
        """Stop everything and wait until the last task has ended."""
        for uid in list(self._pods):
            self.forget(uid)
        while self._ending:
            await asyncio.wait(self._ending)

    def _worker(
        self, pod: _Pod, target: ProbeTarget, before: ProbeWorker | None, started: asyncio.Event
    ) -> ProbeWorker:
        """Return the worker of a new or changed target."""
        same = before is not None and before.target.container_id == target.container_id
        kept = pod.verdicts.of(target)
        late = pod.updated_at is not None and pod.updated_at - target.started_at > STARTED_SECONDS
        if before is not None and same and before.state.settled:
            state = before.state
        elif target.kind is ProbeKind.STARTUP and kept is None and late:
            state = thresholds.begin(target.kind, Outcome.SUCCESS)
        else:
            state = thresholds.begin(target.kind, kept.outcome if kept is not None else None)

        def report(target: ProbeTarget, verdict: ProbeVerdict, text: str | None) -> None:
            pod.verdicts.publish(target, verdict)
            if text is not None:
                self._on_change(target.uid, target.container, target.kind, verdict, text)

        worker = ProbeWorker(
            target, state, started, self._around, adopted=not same and pod.updated_at is None, report=report
        )
        if state.decided and kept is None:
            pod.verdicts.publish(target, worker.verdict)
        if target.kind is ProbeKind.STARTUP:
            if state.decided and state.published is Outcome.SUCCESS:
                started.set()
            else:
                started.clear()
        return worker

    def _start(self, pod: _Pod, key: _Key) -> None:
        worker = pod.workers[key]
        if key in pod.tasks or worker.state.settled:
            return
        target = worker.target
        task = asyncio.get_running_loop().create_task(
            worker.run(), name=f"probe {target.key} {target.container} {target.kind}"
        )
        pod.tasks[key] = task
        self._ending.add(task)
        task.add_done_callback(lambda done: self._ended(pod, key, worker, done))

    def _ended(self, pod: _Pod, key: _Key, worker: ProbeWorker, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if pod.tasks.get(key) is task:
            del pod.tasks[key]
        if task.cancelled() or (error := task.exception()) is None:
            return
        # A mistake of ours ends one probe for a while, and must be seen.
        worker.fault()
        task.get_loop().call_exception_handler({"message": "a probe ended", "exception": error, "task": task})
        task.get_loop().call_later(FAULT_SECONDS, self._again, pod, key, worker)

    def _again(self, pod: _Pod, key: _Key, worker: ProbeWorker) -> None:
        """Begin a probe anew, unless another one has taken its place."""
        if self._pods.get(worker.target.uid) is pod and pod.workers.get(key) is worker:
            self._start(pod, key)

    def _remove(self, pod: _Pod, wanted: dict[_Key, ProbeTarget]) -> None:
        """Stop the probes that are no longer wanted; those of a container that is still probed leave no verdict."""
        probed = {t.container_id for t in wanted.values()}
        for key in [k for k in pod.workers if k not in wanted]:
            self._cancel(pod, key)
            target = pod.workers.pop(key).target
            if target.container_id in probed:
                pod.verdicts.withdraw(target)

    @staticmethod
    def _cancel(pod: _Pod, key: _Key) -> None:
        task = pod.tasks.pop(key, None)
        if task is not None:
            task.cancel()


def _started_events(workers: Iterable[ProbeWorker], wanted: Iterable[ProbeTarget]) -> dict[ContainerID, asyncio.Event]:
    """Return one event per container id: the one its probes wait for already, set where no startup probe delays it."""
    events = {w.target.container_id: w.started for w in workers}
    targets = tuple(wanted)
    waiting = {t.container_id for t in targets if t.kind is ProbeKind.STARTUP}
    for target in targets:
        event = events.setdefault(target.container_id, asyncio.Event())
        if target.container_id not in waiting:
            event.set()
    return events
