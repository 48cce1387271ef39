"""What is published of one pod's probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.probes import thresholds
from podstead.state.probes import PodProbes, ProbeKind, ProbeTarget, ProbeVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.identity import ContainerID


class PodVerdicts:
    """The verdicts of one pod. Those of a container id last until another id has its name."""

    __slots__ = ("_names", "_published", "_view")

    def __init__(self) -> None:
        self._published: dict[tuple[ContainerID, ProbeKind], ProbeVerdict] = {}
        self._names: dict[ContainerID, str] = {}
        self._view: PodProbes | None = None

    def view(self) -> PodProbes:
        """Return everything published; the same value as long as nothing changed."""
        if self._view is None:
            self._view = PodProbes(dict(self._published))
        return self._view

    def of(self, target: ProbeTarget) -> ProbeVerdict | None:
        """Return what is published for a probe of a container id, None before its first attempt."""
        return self._published.get((target.container_id, target.kind))

    def publish(self, target: ProbeTarget, verdict: ProbeVerdict) -> None:
        """Replace the verdict of a probe."""
        self._published[(target.container_id, target.kind)] = verdict
        self._view = None

    def restore(self, kept: PodProbes) -> None:
        """Take over verdicts from before an agent restart, save those that are asked again (thresholds.begin)."""
        for key, verdict in kept.verdicts.items():
            if thresholds.begin(key[1], verdict.outcome).decided:
                self._published[key] = verdict
        self._view = None

    def withdraw(self, target: ProbeTarget) -> None:
        """Drop the verdict of a probe that the container no longer has."""
        if self._published.pop((target.container_id, target.kind), None) is not None:
            self._view = None

    def follow(self, targets: Sequence[ProbeTarget]) -> None:
        """Drop the verdicts of container ids whose name belongs to another id now."""
        if not targets:
            return
        current = {t.container: t.container_id for t in targets}
        self._names |= {t.container_id: t.container for t in targets}
        self._names = {i: name for i, name in self._names.items() if current.get(name, i) == i}
        # An id without a name was restored, and its container had ended before this process began.
        stale = [key for key in self._published if key[0] not in self._names]
        for key in stale:
            del self._published[key]
        if stale:
            self._view = None
