"""How soon what is foreign is told of: the schedule of the looks alone, on a clock that only moves when the watch waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from podstead.agent.made import Made
from podstead.clock import Instant
from podstead.config.paths import paths_for
from podstead.containerd.holdings import METADATA, TASKS
from podstead.daemon import foreign
from podstead.daemon.foreign import ForeignWatch
from podstead.errors import RuntimeFault
from podstead.identity import ContainerID, PodKey, PodUID, SandboxID
from podstead.state.observed import ContainerState, ObservedContainer, ObservedSandbox
from podstead.state.runtime import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PROMISED_SECONDS = 5.0
"""docs: what is foreign is told of within five seconds."""
LIST_SECONDS = 0.5
"""What the three lists of one look may take together. Three looks are the most that something waits for, the one that is under
way and has missed it among them."""
BEGAN = 1000.0
PHASES = [at / 10 for at in range(1, 41)]
"""Moments of appearance after the first look, over two whole periods: in a wait, in a list, at either end."""
SANDBOX = ObservedSandbox(
    id=SandboxID("foreign-sandbox"),
    key=PodKey("theirs", "web"),
    uid=PodUID("uid"),
    instance="",
    attempt=0,
    ready=True,
    created_at=1,
    host_network=True,
)
CONTAINER = ObservedContainer(
    id=ContainerID("foreign-container"),
    sandbox_id=SANDBOX.id,
    uid=SANDBOX.uid,
    instance="",
    name="main",
    attempt=0,
    state=ContainerState.RUNNING,
    created_at=1,
    image="web:1",
)
IMAGE = Image(id="sha256:planted", tags=("registry.example/planted:1",))


@dataclass
class Runtime:
    """A private containerd and the node around it: what it lists, what its files say, what is told; and the clock."""

    root: Path
    appears_at: float
    appear: Callable[[Runtime], None]
    boot: float = BEGAN
    pods: list[ObservedSandbox] = field(default_factory=list)
    containers_held: list[ObservedContainer] = field(default_factory=list)
    images_held: list[Image] = field(default_factory=list)
    told_at: dict[str, float] = field(default_factory=dict)
    away_until: float = 0.0

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.boot, wall=self.boot)

    async def sleep(self, seconds: float) -> None:
        """Let time pass: what appears meanwhile is there at the end."""
        before, self.boot = self.boot, self.boot + seconds
        if before < self.appears_at <= self.boot:
            self.appear(self)
        await asyncio.sleep(0)

    def changed(self) -> None:
        """Let the database's file say that something came."""
        file = paths_for(self.root).containerd / "root" / METADATA
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, ns=(int(self.boot * 1e9), int(self.boot * 1e9)))

    async def sandboxes(self) -> Sequence[ObservedSandbox]:
        if self.boot < self.away_until:
            raise RuntimeFault("it is away")
        return tuple(self.pods)

    async def containers(self) -> Sequence[ObservedContainer]:
        return tuple(self.containers_held)

    async def images(self) -> Sequence[Image]:
        """List last, and take the time of all three: each list is as old then as it can be."""
        found = tuple(self.images_held)
        await self.sleep(LIST_SECONDS)
        return found

    async def know_those_present(self, images: Sequence[Image]) -> None:
        """Know no image: the ledger of a new instance that pulled none."""

    def known(self, images: Sequence[Image]) -> frozenset[str]:
        return frozenset()

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        self.told_at.setdefault(reason, self.boot)

    def note(self, entry: object) -> None:
        """Take an entry of the audit log."""


def pod(runtime: Runtime) -> None:
    runtime.pods.append(SANDBOX)
    runtime.containers_held.append(CONTAINER)
    runtime.changed()


def task(runtime: Runtime) -> None:
    (paths_for(runtime.root).containerd_run / "state" / TASKS / "other" / "hidden").mkdir(parents=True)


def image(runtime: Runtime) -> None:
    runtime.images_held.append(IMAGE)
    runtime.changed()


def watching(runtime: Runtime) -> ForeignWatch:
    """Return the watch on a node of which it sees this runtime, clock and ears alone."""
    ground = SimpleNamespace(
        clock=runtime,
        recorder=runtime,
        auditor=runtime,
        instance=SimpleNamespace(id="ours"),
        connection=SimpleNamespace(private=object(), client=runtime, endpoint="unix:///run/c.sock"),
        settings=SimpleNamespace(
            paths=paths_for(runtime.root),
            runtime=SimpleNamespace(request_seconds=120.0),
            security=SimpleNamespace(stop_foreign=False),
        ),
    )
    table = SimpleNamespace(sessions=tuple)
    return ForeignWatch(ground, lambda: table, Made(), runtime)  # type: ignore[arg-type, return-value]  # what it asks of them


async def told_after(runtime: Runtime, reasons: Sequence[str]) -> float:
    """Return how long after its appearance all of these were told."""
    runtime.changed()
    running = asyncio.create_task(watching(runtime).run())
    try:
        async with asyncio.timeout(20.0):  # of the test's own: nothing here waits for real
            while runtime.told_at.keys() != set(reasons) and runtime.boot < BEGAN + 60.0:  # noqa: ASYNC110 - a hand clock
                await asyncio.sleep(0)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert runtime.told_at.keys() == set(reasons)
    return max(runtime.told_at.values()) - runtime.appears_at


@pytest.mark.parametrize(
    ("appear", "reasons"),
    [(pod, ("ForeignPod", "ForeignContainer")), (task, ("ForeignContainer",)), (image, ("ForeignImage",))],
)
async def test_it_is_told_of_within_five_seconds_whenever_it_comes(
    tmp_path: Path, appear: Callable[[Runtime], None], reasons: tuple[str, ...]
) -> None:
    first_look = BEGAN + LIST_SECONDS
    waits = [await told_after(Runtime(tmp_path / str(phase), first_look + phase, appear), reasons) for phase in PHASES]
    assert max(waits) <= PROMISED_SECONDS
    needed = 1 if appear is pod else 2
    assert max(waits) > (needed - 0.5) * foreign.LOOK_SECONDS, "the phases have met the longest wait"


async def test_it_is_told_of_as_soon_when_the_runtime_is_back(tmp_path: Path) -> None:
    """What came while the runtime did not answer is told of in the same time after its return."""
    runtime = Runtime(tmp_path, BEGAN + 2.0, image, away_until=BEGAN + 10.0)
    waited = await told_after(runtime, ("ForeignImage",))
    assert runtime.appears_at + waited - runtime.away_until <= PROMISED_SECONDS
