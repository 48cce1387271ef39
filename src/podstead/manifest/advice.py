"""Remarks on pods that are valid and will probably disappoint their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.findings import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.findings import Finding, Places

PATIENT_SECONDS = 300
"""A liveness probe that waits this long gives even a database's recovery a chance: nothing is said about it."""


def advise(pod: v1.Pod, places: Places) -> Iterator[Finding]:
    """Yield advice on a defaulted pod."""
    directories = _directories(pod)
    for number, container in enumerate(pod.spec.containers):
        probe = container.liveness_probe
        keeps_data = any(mount.name in directories and not mount.read_only for mount in container.volume_mounts)
        if probe is None or container.startup_probe is not None or not keeps_data:
            continue
        period, failures = probe.period_seconds or 1, probe.failure_threshold or 1
        seconds = (probe.initial_delay_seconds or 0) + period * failures
        if seconds < PATIENT_SECONDS:
            # What keeps data on the node has slow starts: its first, and each recovery (demand: databases killed
            # by their liveness probe during initialisation).
            text = f"a start that takes longer than {seconds} s is killed, and again; a startupProbe gives it time"
            yield places.finding_at(f"spec.containers[{number}].livenessProbe", Code.ADVICE, text)


def _directories(pod: v1.Pod) -> frozenset[str]:
    """Return the volumes that are directories of the node."""
    return frozenset(
        volume.name
        for volume in pod.spec.volumes
        if volume.host_path is not None and volume.host_path.type in {None, "", "Directory", "DirectoryOrCreate"}
    )
