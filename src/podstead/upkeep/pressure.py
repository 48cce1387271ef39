"""Notices that the node runs short, gives back what nobody needs, and lets pods go one at a time until it is enough.

A look costs some hundred microseconds as long as all is well. Pods are measured only when one of them must go.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.admission.eviction import may_return, message, order_of_leaving
from podstead.admission.pressure import PressureState, observe, told
from podstead.errors import PodsteadError
from podstead.k8s.qos import effective_priority
from podstead.k8s.signals import PRESSURE, RESOURCE, Pressure, Signal
from podstead.state.records import Eviction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from podstead.admission.pressure import Measured
    from podstead.clock import Clock
    from podstead.config.upkeep import EvictionSettings, Threshold
    from podstead.identity import PodUID
    from podstead.upkeep.meter import PodMeter
    from podstead.upkeep.ports import Evictor, NodePods, NodeRecorder
    from podstead.upkeep.signals import SignalSource

log = logging.getLogger(__name__)

HARD_GRACE_SECONDS = 1
"""What a pod has to end in when a hard threshold is met (kubelet: immediateEvictionGracePeriodSeconds)."""
GOING_SECONDS = 30.0
"""How long the next pod waits for the last one's end (kubelet: podCleanupTimeout)."""
SETTLE_SECONDS = 1.0
"""containerd gives the room of a removed image back a moment after it has said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What the node is said to be short of, and by which measurements; empty ones are those of a moment ago."""

    conditions: frozenset[Pressure] = frozenset()
    met: Mapping[Signal, str] = field(default_factory=dict)
    """A sentence for each signal that is below its threshold now."""

    def of(self, condition: Pressure) -> tuple[str, ...]:
        """Return in sentences what sets a condition."""
        if condition not in self.conditions:
            return ()
        below = [(s, text) for s, text in self.met.items() if PRESSURE[s] is condition]
        found = tuple(f"the node is low on {RESOURCE[s]} ({s}): {text}" for s, text in below)
        return found or ("the node was short of it a moment ago",)


class PressureKeeper:
    """Watches the node's room."""

    def __init__(
        self,
        signals: SignalSource,
        pods: NodePods,
        meter: PodMeter,
        evictor: Evictor,
        reclaim: Callable[[], Awaitable[None]],
        settings: EvictionSettings,
        recorder: NodeRecorder,
        clock: Clock,
    ) -> None:
        self._signals = signals
        self._pods = pods
        self._meter = meter
        self._evictor = evictor
        self._reclaim = reclaim
        self._settings = settings
        self._recorder = recorder
        self._clock = clock
        self._state = PressureState()
        self._going: tuple[PodUID, float] | None = None
        """The pod that was let go last, and when, on the boot clock."""
        self.shortage = Shortage()
        self.on_change: Callable[[], object] = lambda: None
        """Told when other pods may start, or must wait."""

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await self._look()
            await self._clock.sleep(self._settings.look_seconds)

    async def _look(self) -> None:
        left = await self._measure()
        if await self._bring_one_back():
            self.on_change()
        due = self._state.due(self._clock.now().boot)
        if due and not self._is_one_going():
            await self._relieve(due[0], left)

    async def _measure(self) -> Mapping[Signal, Measured]:
        """Measure what is left and publish what follows from it."""
        left = await self._signals.read()
        now = self._clock.now().boot
        self._state = observe(self._state, self._settings.thresholds, left, now)
        conditions = self._state.conditions(now, self._settings.transition_seconds)
        changed = conditions != self.shortage.conditions
        met = {t.signal: told(t, left[t.signal]) for t in self._state.met if t.signal in left}
        self.shortage = Shortage(conditions=conditions, met=met)
        if changed:
            log.info("the node is short of: %s", ", ".join(sorted(conditions)) or "nothing")
            self.on_change()
        return left

    async def _bring_one_back(self) -> bool:
        """Let the most important pod that may come back; one at a look, so that the next sees what it takes."""
        now, conditions = self._clock.now(), self.shortage.conditions
        waiting = [
            pod
            for pod in self._pods.evicted()
            if may_return(pod.eviction, pod.pod, conditions, self._settings.transition_seconds, now)
        ]
        if not waiting:
            return False
        first = min(waiting, key=lambda pod: (-effective_priority(pod.pod), pod.created_at))
        try:
            await self._evictor.bring_back(first.uid)
        except PodsteadError as error:
            log.warning("cannot let an evicted pod come back: %s", error)
            return False
        return True

    def _is_one_going(self) -> bool:
        if self._going is None:
            return False
        uid, since = self._going
        if not self._pods.is_gone(uid) and self._clock.now().boot - since < GOING_SECONDS:
            return True
        self._going = None
        return False

    async def _relieve(self, threshold: Threshold, left: Mapping[Signal, Measured]) -> None:
        """Do what helps against one shortage: first what costs nobody anything."""
        signal = threshold.signal
        self._recorder.node_event("EvictionThresholdMet", f"Attempting to reclaim {RESOURCE[signal]}", warning=True)
        if PRESSURE[signal] is Pressure.DISK:
            await self._reclaim()
            await self._clock.sleep(SETTLE_SECONDS)
            left = await self._measure()
            if threshold not in self._state.due(self._clock.now().boot):
                return
        candidates = [await self._meter.candidate(pod, signal) for pod in self._pods.running()]
        for candidate in order_of_leaving(candidates, signal):
            now = self._clock.now()
            eviction = Eviction(
                signal=signal.value,
                message=message(threshold, left[signal], candidate),
                at=now.wall,
                boot_id=now.boot_id,
                since=now.boot,
                grace_seconds=self._settings.max_grace_seconds if threshold.grace_seconds else HARD_GRACE_SECONDS,
            )
            if await self._evictor.evict(candidate.uid, eviction):
                self._going = (candidate.uid, now.boot)
                self.on_change()
                return
        log.warning("the node is short of %s, and no pod can go", RESOURCE[signal])
