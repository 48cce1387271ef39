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
    came_from: dict[PodKey, PodKey] = {}
    reached = [start]
    for here in reached:
        for key in waits.get(here, ()):
            if key == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if key not in came_from:
                came_from[key] = here
                reached.append(key)
    return ()


def entangled(waits: Mapping[PodKey, Sequence[PodKey]]) -> dict[PodKey, list[PodKey]]:
    """Return the pods that are in a circle or between two, each with those of them that it waits for.

    Found in one pass each way, however many pods name however many others: only these need a closer look.
    """
    left = {key: [one for one in after if one in waits] for key, after in waits.items()}
    for _ in range(2):
        left = _reversed(_without_ends(left))
    return left


def _without_ends(waits: Mapping[PodKey, Sequence[PodKey]]) -> dict[PodKey, list[PodKey]]:
    """Leave out those that wait for nobody, then those that waited for these only, and so on."""
    open_waits = {key: len(after) for key, after in waits.items()}
    waiters = _reversed(waits)
    ends = [key for key, count in open_waits.items() if not count]
    for key in ends:
        for waiter in waiters[key]:
            open_waits[waiter] -= 1
            if not open_waits[waiter]:
                ends.append(waiter)
    gone = set(ends)
    return {key: [one for one in after if one not in gone] for key, after in waits.items() if key not in gone}


def _reversed(waits: Mapping[PodKey, Sequence[PodKey]]) -> dict[PodKey, list[PodKey]]:
    waiters: dict[PodKey, list[PodKey]] = {key: [] for key in waits}
    for key, after in waits.items():
        for one in after:
            waiters[one].append(key)
    return waiters


def circles(readings: Mapping[str, Reading], records: Mapping[PodKey, PodRecord]) -> dict[str, str]:
    """Return, by file, the sentence that refuses new content because a pod of it would wait for itself."""
    waits = {pod.key: start_after(pod.pod) for reading in readings.values() for pod in reading.pods}
    tangle = entangled(waits)
    if not tangle:
        return {}
    refused: dict[str, str] = {}
    ways: dict[PodKey, tuple[PodKey, ...]] = {}
    for file, reading in readings.items():
        for pod in reading.pods:
            record = records.get(pod.key)
            known = {record.effective, record.candidate} if record is not None else set()
            if pod.revision in known or pod.key not in tangle:
                continue
            if way := ways.get(pod.key) or circle(pod.key, tangle):
                ways.update({key: (*way[at:-1], *way[: at + 1]) for at, key in enumerate(way)})
                chain = " waits for ".join(str(key) for key in way)
                refused.setdefault(file, f"{START_AFTER} makes a circle: {chain}; remove one of them")
    return refused
