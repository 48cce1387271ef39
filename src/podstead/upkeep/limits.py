"""Holds pods to their own storage limits: emptyDir.sizeLimit and ephemeral-storage (spec/kubelet-static-pods.md 3.14).

The kubelet does not do this for static pods. Only pods that set a limit are measured, and none takes more than a part
of the time: a volume of a million files is looked at less often.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from podstead.admission.eviction import is_critical
from podstead.admission.storage import excess, is_limited
from podstead.state.records import Eviction

if TYPE_CHECKING:
    from podstead.clock import Clock
    from podstead.config.upkeep import EvictionSettings
    from podstead.identity import PodUID
    from podstead.upkeep.meter import PodMeter
    from podstead.upkeep.ports import Evictor, NodePods, PodRecorder, RunningPod

log = logging.getLogger(__name__)

RESTS = 20
"""Times that a measurement took, until the next one of the same pod: 5 % of a core at most."""


class LimitKeeper:
    """Looks at the pods that have limits of their own."""

    def __init__(
        self,
        pods: NodePods,
        meter: PodMeter,
        evictor: Evictor,
        recorder: PodRecorder,
        settings: EvictionSettings,
        clock: Clock,
    ) -> None:
        self._pods = pods
        self._meter = meter
        self._evictor = evictor
        self._recorder = recorder
        self._settings = settings
        self._clock = clock
        self._due: dict[PodUID, float] = {}
        """When each pod is measured next, on the boot clock."""

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await self._look()
            await self._clock.sleep(self._settings.look_seconds)

    async def _look(self) -> None:
        limited = [pod for pod in self._pods.running() if is_limited(pod.pod)]
        self._due = {pod.uid: self._due.get(pod.uid, 0.0) for pod in limited}
        for pod in limited:
            begun = self._clock.now().boot
            if begun < self._due[pod.uid]:
                continue
            try:
                await self._measure(pod)
            except OSError as error:
                log.warning("cannot measure what pod %s stores: %s", pod.key, error)
            took = self._clock.now().boot - begun
            self._due[pod.uid] = begun + took + RESTS * took

    async def _measure(self, pod: RunningPod) -> None:
        text = excess(pod.pod, await self._meter.storage(pod))
        if text is None:
            return
        if is_critical(pod.pod):
            self._recorder.event(
                pod.key, pod.uid, "StorageLimitExceeded", f"{text} It is critical: it stays.", warning=True
            )
            return
        now = self._clock.now()
        await self._evictor.evict(
            pod.uid, Eviction(signal="", message=text, at=now.wall, boot_id=now.boot_id, since=now.boot)
        )
