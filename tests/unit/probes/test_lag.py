"""A late agent is not a failed container."""

from __future__ import annotations

import asyncio
import time

from podstead.clock import SystemClock
from podstead.k8s import core_v1 as v1
from podstead.probes.lag import LagMeter
from podstead.probes.prober import Prober
from podstead.state.probes import Outcome, ProbeKind
from tests.unit.probes.simulators import UID, Changes, Containers, HandClock, serving, target


async def test_the_meter_sees_a_blocked_loop_only_while_open() -> None:
    loop = asyncio.get_running_loop()
    meter = LagMeter()
    with meter:
        begun = loop.time()
        await asyncio.sleep(0.06)
        time.sleep(0.2)  # noqa: ASYNC251 - the fault that is looked for
        assert 0.15 < meter.worst_since(begun) < loop.time() - begun
        await asyncio.sleep(0.06)
        assert 0.15 < meter.worst_since(begun) < loop.time() - begun
        least = 1.0
        for _ in range(10):  # on a loaded machine the loop is late by itself, now and then
            await asyncio.sleep(0.06)
            least = min(least, meter.worst_since(loop.time()))
        assert least < 0.1
    await asyncio.sleep(0.06)
    assert meter._timer is None


async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def one_failure(port: int, *, block: float) -> tuple[Prober, Changes]:
    changes = Changes()
    prober = Prober(Containers(HandClock()).exec_sync, SystemClock(), changes)
    probe = v1.Probe(http_get=v1.HTTPGetAction(port=port), timeout_seconds=1, period_seconds=100, failure_threshold=1)
    prober.update(UID, (target(ProbeKind.LIVENESS, probe=probe, started_at=SystemClock().now().boot),))
    await asyncio.sleep(0.3)
    time.sleep(block)  # noqa: ASYNC251 - the fault that is looked for
    async with asyncio.timeout(60):
        while not (changes.told or prober.disregarded):  # noqa: ASYNC110 - an attempt has no event
            await asyncio.sleep(0.05)
    return prober, changes


async def test_a_failure_during_which_the_loop_was_late_does_not_count() -> None:
    async with serving(mute) as port:
        prober, changes = await one_failure(port, block=0.4)
        assert (changes.told, prober.disregarded) == ([], 1)
        await prober.close()
        for _ in range(10):  # on a loaded machine the loop is late by itself, now and then
            prober, changes = await one_failure(port, block=0)
            await prober.close()
            if changes.told:
                break
        assert [verdict.outcome for *_, verdict, _ in changes.told] == [Outcome.FAILURE]
