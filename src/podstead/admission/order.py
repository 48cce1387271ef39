"""Who waits for whom at the start (`podstead.io/start-after`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.start_after import start_after
from podstead.state.desired import Blocked
from podstead.state.start_order import circle, entangled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.admission.values import NodePod
    from podstead.identity import PodKey

AWAITING = "WaitingForPods"


class StartOrder:
    """What each pod still waits for; a pod whose start lies behind it waits for nobody."""

    def __init__(self, pods: Sequence[NodePod]) -> None:
        self._there = {pod.key: pod for pod in pods if not pod.terminating}
        contents = ((pod.key, pod.effective or pod.candidate) for pod in self._there.values())
        self._waits = {key: start_after(content) for key, content in contents if content is not None}
        self._tangle = entangled(self._waits)

    def awaited(self, pod: NodePod) -> Blocked | None:
        """Return why a pod must not start yet.

        A wait that leads back to the pod itself is none: contents that were admitted must not keep each other down.
        """
        if pod.started:
            return None
        missing = [
            self._said(key)
            for key in self._waits.get(pod.key, ())
            if not self._is_ready(key) and not self._leads(key, pod)
        ]
        if not missing:
            return None
        return Blocked(reason=AWAITING, message=f"starts after {' and '.join(missing)}")

    def _is_ready(self, key: PodKey) -> bool:
        return key in self._there and self._there[key].ready

    def _leads(self, key: PodKey, pod: NodePod) -> bool:
        if pod.key not in self._tangle or key not in self._tangle:
            return False
        return key in circle(pod.key, {**self._tangle, pod.key: (key,)})

    def _said(self, key: PodKey) -> str:
        return f"pod {key}, which is not ready" if key in self._there else f"pod {key}, which is not on this node"
