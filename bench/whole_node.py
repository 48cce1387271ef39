"""What one pod costs a node in all: everything that stays resident for it, and an edit as its user makes it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Protocol

from bench.pods import BenchPod, marked, now
from bench.table import PODSTEAD
from bench.usage import MIB, memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.agent import Node
    from bench.subjects import ManifestSubject
    from bench.table import Results

SETTLE_SECONDS = 5.0
"""Between the start and a look at the memory."""


class NodeSubject(Protocol):
    """What keeps one pod running on a node."""

    @property
    def name(self) -> str:
        """The column's title."""
        ...

    async def start(self, pod: BenchPod) -> None:
        """Ask for the pod."""
        ...

    async def edit(self, pod: BenchPod) -> None:
        """Ask for its new revision."""
        ...

    async def delete(self, pod: BenchPod) -> None:
        """End it."""
        ...

    def resident(self) -> tuple[int, ...]:
        """Return the pids of all that stays for the pod, without the pod's own processes."""
        ...


class PodsteadNode:
    """Podstead: the agent, its containerd, and the pod's shim."""

    name = PODSTEAD

    def __init__(self, node: Node, subject: ManifestSubject) -> None:
        self._node = node
        self._subject = subject
        self.start = subject.start
        self.edit = subject.edit

    async def delete(self, pod: BenchPod) -> None:
        """Remove the manifest and wait until nothing is left."""
        await self._subject.delete([pod])

    def resident(self) -> tuple[int, ...]:
        """Return the pids of the agent, containerd, the shim and pause."""
        return self._node.resident()


async def measure_nodes(subjects: Sequence[NodeSubject], results: Results, edits: int, out: Path) -> None:
    """Run the same pod on each, one after the other, and edit it some times."""
    for subject in subjects:
        print(f"{results.runtime}: whole node with one pod, {subject.name}", file=sys.stderr, flush=True)
        pod = BenchPod(name=f"whole-{subject.name.lower()}", out=out)
        begun = now()
        waiting = asyncio.create_task(marked(pod, begun))
        await subject.start(pod)
        await waiting
        await asyncio.sleep(SETTLE_SECONDS)
        used = memory(subject.resident())
        results.add("node-pss", subject.name, used.pss / MIB)
        results.add("node-rss", subject.name, used.rss / MIB)
        for _ in range(edits):
            pod = pod.edited()
            begun = now()
            seconds, _ = await asyncio.gather(marked(pod, begun), subject.edit(pod))
            results.add("node-edit", subject.name, 1000 * seconds)
        await subject.delete(pod)
