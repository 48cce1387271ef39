"""Pods that would wait for one another in a circle: new content that closes one is refused.

What runs or waits already is not touched: of the files that make up a circle only those with new content are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.annotations import START_AFTER
from podstead.manifest.start_after import start_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.identity import PodKey
    from podstead.manifest.reading import Reading
    from podstead.state.records import PodRecord


def circle(start: PodKey, waits: Mapping[PodKey, Sequence[PodKey]]) -> tuple[PodKey, ...]:
    """Return the shortest way from a pod over those that it waits for back to itself, empty where there is none."""
    ways: list[tuple[PodKey, ...]] = [(start,)]
    seen = set()
    for way in ways:
        for key in waits.get(way[-1], ()):
            if key == start:
                return (*way, start)
            if key not in seen:
                seen.add(key)
                ways.append((*way, key))
    return ()


def circles(readings: Mapping[str, Reading], records: Mapping[PodKey, PodRecord]) -> dict[str, str]:
    """Return, by file, the sentence that refuses new content because a pod of it would wait for itself."""
    waits = {pod.key: start_after(pod.pod) for reading in readings.values() for pod in reading.pods}
    if not any(waits.values()):
        return {}
    refused: dict[str, str] = {}
    for file, reading in readings.items():
        for pod in reading.pods:
            record = records.get(pod.key)
            known = {record.effective, record.candidate} if record is not None else set()
            if pod.revision not in known and (way := circle(pod.key, waits)):
                chain = " waits for ".join(str(key) for key in way)
                refused.setdefault(file, f"{START_AFTER} makes a circle: {chain}; remove one of them")
    return refused
