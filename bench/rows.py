"""What is done to each subject, in turn: the rows of the table."""

from __future__ import annotations

import asyncio
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load import LoadEffort
from bench.pods import BenchPod, marked, now
from bench.table import PODMAN, PODSTEAD, Results
from bench.usage import MIB, cpu_percent, memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

    from bench.agent import Node
    from bench.subjects import Subject

SETTLE_SECONDS = 5.0
"""Between the last start and a look at an idle agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int
    """Rounds of single pods; podman, several times slower, takes part in every second."""
    node_edits: int
    """Edits of the pod of a whole node."""
    burst_rounds: int
    bursts: tuple[int, ...]
    podman_burst: int
    """The largest burst that podman takes part in: at a second a pod 100 say nothing that 20 do not."""
    idle_seconds: float
    load: LoadEffort


QUICK_LOAD = LoadEffort(probed_pods=5, exec_containers=30, pods=40, edits=200, seconds=6)
FULL_LOAD = LoadEffort(probed_pods=30, exec_containers=100, pods=300, edits=1000, seconds=20)
QUICK = Effort(rounds=2, node_edits=2, burst_rounds=1, bursts=(20,), podman_burst=0, idle_seconds=8, load=QUICK_LOAD)
FULL = Effort(
    rounds=8, node_edits=5, burst_rounds=2, bursts=(20, 100), podman_burst=20, idle_seconds=20, load=FULL_LOAD
)


class Rows:
    """Measures the groups of rows on one OCI runtime."""

    def __init__(self, subjects: Sequence[Subject], results: Results, effort: Effort, out: Path) -> None:
        self._subjects = tuple(subjects)
        self._results = results
        self._effort = effort
        self._out = out
        self._numbers = itertools.count()

    async def single(self) -> None:
        """The life of one pod on the host network: start, edit, crash, delete."""
        for number in range(self._effort.rounds):
            self._say(f"single pods, round {number + 1} of {self._effort.rounds}")
            for subject in self._taking_part(number):
                pod = self._pod(subject)
                await self._timed("start-host", subject, pod, subject.start(pod))
                pod = pod.edited()
                await self._timed("edit", subject, pod, subject.edit(pod))
                await self._crash(subject, pod)
                begun = now()
                await subject.delete([pod])
                self._results.add("delete", subject.name, 1000 * (now() - begun))

    async def network(self) -> None:
        """Starts of one pod with a network of its own."""
        for number in range(self._effort.rounds):
            self._say(f"pods with own network, round {number + 1} of {self._effort.rounds}")
            for subject in self._taking_part(number):
                pod = self._pod(subject, host_network=False)
                await self._timed("start-net", subject, pod, subject.start(pod))
                await subject.delete([pod])

    async def burst(self, node: Node) -> None:
        """Many pods at once, and the agent when they idle."""
        for size in self._effort.bursts:
            for number in range(self._effort.burst_rounds if size == min(self._effort.bursts) else 1):
                for subject in self._subjects:
                    if subject.name == PODMAN and (size > self._effort.podman_burst or number > 0):
                        continue
                    self._say(f"{size} pods at once, {subject.name}")
                    pods = [self._pod(subject, idle=True) for _ in range(size)]
                    begun = now()
                    async with asyncio.TaskGroup() as group:
                        group.create_task(subject.start_many(pods))
                        waits = [group.create_task(marked(pod, begun)) for pod in pods]
                    self._results.add(f"burst-{size}", subject.name, 1000 * max(w.result() for w in waits))
                    if subject.name == PODSTEAD and number == 0:
                        await self._idle(node, size)
                    await subject.delete(pods)

    async def _idle(self, node: Node, size: int) -> None:
        self._say(f"the agent with {size} idle pods, {self._effort.idle_seconds:g} s")
        await asyncio.sleep(SETTLE_SECONDS)
        percent = await cpu_percent(node.agent, self._effort.idle_seconds)
        used = memory([node.agent])
        self._results.add(f"cpu-{size}", PODSTEAD, percent)
        self._results.add(f"rss-{size}", PODSTEAD, used.rss / MIB)
        self._results.add(f"pss-{size}", PODSTEAD, used.pss / MIB)

    async def _timed(self, row: str, subject: Subject, pod: BenchPod, asking: Awaitable[None]) -> None:
        begun = now()
        seconds, _ = await asyncio.gather(marked(pod, begun), asking)
        self._results.add(row, subject.name, 1000 * seconds)

    async def _crash(self, subject: Subject, pod: BenchPod) -> None:
        # The mark is of the container that is killed: it must be older than the kill by more than a tick.
        await asyncio.sleep(0.2)
        pod.mark.unlink()
        begun = await subject.crash(pod)
        self._results.add("crash", subject.name, 1000 * await marked(pod, begun))

    def _taking_part(self, number: int) -> list[Subject]:
        """Return the subjects of a round, another one first each time."""
        here = [s for s in self._subjects if s.name != PODMAN or number % 2 == 0]
        turn = number % len(here)
        return here[turn:] + here[:turn]

    def _pod(self, subject: Subject, *, host_network: bool = True, idle: bool = False) -> BenchPod:
        name = f"{subject.name.lower()}-{next(self._numbers)}"
        return BenchPod(name=name, out=self._out, host_network=host_network, idle=idle)

    def _say(self, text: str) -> None:
        print(f"{self._results.runtime}: {text}", file=sys.stderr, flush=True)
