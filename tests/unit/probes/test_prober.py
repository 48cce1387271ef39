"""The prober as a whole, with a clock moved by hand and a scripted exec port."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.errors import DeadlineFault, RuntimeFault
from podstead.identity import ContainerID, PodUID
from podstead.k8s import core_v1 as v1
from podstead.probes import prober as probers
from podstead.probes.prober import Prober
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.runtime import ExecResult
from tests.unit.probes.simulators import UID, Changes, Containers, HandClock, settle, target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIVE, READY, START = ProbeKind.LIVENESS, ProbeKind.READINESS, ProbeKind.STARTUP
C1, C2 = ContainerID("c1"), ContainerID("c2")


class Bench:
    """A prober with everything around it."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.clock = HandClock()
        self.containers = Containers(self.clock)
        self.changes = Changes()
        self.prober = Prober(self.containers.exec_sync, self.clock, self.changes, jitter=lambda: jitter)

    def outcome(self, kind: ProbeKind, container: ContainerID = C1) -> Outcome:
        return self.prober.results(UID).outcome(container, kind)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.prober.close()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.conformance("S24")
async def test_readiness_follows_delay_period_and_threshold(bench: Bench) -> None:
    bench.containers.answers["Readiness"] = [0, 1, 1, 1, 1, 0]
    bench.prober.update(UID, (target(READY, delay=5, period=2, failures=3),))
    await bench.clock.advance(4.9)
    assert bench.containers.calls == []
    assert bench.outcome(READY) is Outcome.UNKNOWN
    await bench.clock.advance(0.1)
    assert bench.outcome(READY) is Outcome.SUCCESS
    await bench.clock.advance(4.5)
    assert bench.outcome(READY) is Outcome.SUCCESS
    await bench.clock.advance(2)
    assert bench.outcome(READY) is Outcome.FAILURE
    await bench.clock.advance(4)
    assert bench.outcome(READY) is Outcome.SUCCESS
    assert bench.containers.times("Readiness") == [5, 7, 9, 11, 13, 15]
    assert bench.containers.calls[0][3] == 1.0
    failed = "Readiness probe failed: the command ended with code 1"
    assert bench.changes.texts == ["", failed, failed, failed, failed, ""]
    assert [v.failures for *_, v, _ in bench.changes.told] == [0, 1, 2, 3, 4, 0]


async def test_liveness_failure_is_said_once_and_held_until_a_new_container(bench: Bench) -> None:
    bench.containers.answers["Liveness"] = [1]
    bench.prober.update(UID, (target(LIVE, period=5, failures=2),))
    await bench.clock.advance(60)
    assert bench.containers.times("Liveness") == [0, 5]
    assert bench.outcome(LIVE) is Outcome.FAILURE
    bench.prober.update(UID, (target(LIVE, period=5, failures=2),))
    await bench.clock.advance(20)
    assert len(bench.containers.calls) == 2

    # The new container's first failure does not add to its predecessor's.
    bench.prober.update(UID, (target(LIVE, container_id="c2", started_at=1080, period=5, failures=2),))
    await bench.clock.advance(1)
    assert bench.containers.times("Liveness") == [0, 5, 80]
    assert bench.outcome(LIVE) is Outcome.UNKNOWN
    assert bench.outcome(LIVE, C2) is Outcome.SUCCESS
    await bench.clock.advance(5)
    assert bench.outcome(LIVE, C2) is Outcome.FAILURE


@pytest.mark.conformance("S23")
async def test_startup_gates_the_others_and_readiness_follows_at_once(bench: Bench) -> None:
    bench.containers.answers["Startup"] = [1, 1, 0]
    bench.prober.update(UID, (target(LIVE, period=7), target(READY, period=7), target(START, period=10, failures=30)))
    await bench.clock.advance(19.9)
    assert bench.containers.times("Startup") == [0, 10]
    assert bench.containers.times("Readiness") == []
    await bench.clock.advance(0.1)
    assert bench.containers.times("Readiness") == [20]
    assert bench.outcome(START) is Outcome.SUCCESS
    assert bench.outcome(READY) is Outcome.SUCCESS
    await bench.clock.advance(14)
    assert bench.containers.times("Startup") == [0, 10, 20]
    assert bench.containers.times("Readiness") == [20, 27, 34]
    assert bench.containers.times("Liveness") == [27, 34]


@pytest.mark.conformance("S23")
async def test_startup_failing_for_good(bench: Bench) -> None:
    bench.containers.answers["Startup"] = [1]
    bench.prober.update(UID, (target(START, period=1, failures=30), target(LIVE)))
    await bench.clock.advance(28.5)
    assert bench.outcome(START) is Outcome.UNKNOWN
    await bench.clock.advance(1)
    assert bench.outcome(START) is Outcome.FAILURE
    await bench.clock.advance(60)
    assert len(bench.containers.times("Startup")) == 30
    assert bench.containers.times("Liveness") == []


async def test_an_equal_target_is_left_alone_and_a_changed_one_takes_over(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY, period=10),))
    await bench.clock.advance(3)
    bench.prober.update(UID, (target(READY, period=10),))
    await bench.clock.advance(1)
    assert bench.containers.times("Readiness") == [0]

    bench.containers.answers["Readiness"] = [1]
    bench.prober.update(UID, (target(READY, period=2, failures=3),))
    await bench.clock.advance(3)
    assert bench.containers.times("Readiness") == [0, 4, 6]
    assert bench.outcome(READY) is Outcome.SUCCESS
    await bench.clock.advance(2)
    assert bench.outcome(READY) is Outcome.FAILURE


async def test_a_probe_taken_away_leaves_no_verdict(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY), target(LIVE)))
    await bench.clock.advance(1)
    bench.prober.update(UID, (target(LIVE),))
    await bench.clock.advance(30)
    assert bench.outcome(READY) is Outcome.UNKNOWN
    assert bench.outcome(LIVE) is Outcome.SUCCESS
    assert bench.containers.times("Readiness") == [0]


async def test_a_stopped_containers_verdict_stays_until_its_successor(bench: Bench) -> None:
    bench.containers.answers["Liveness"] = [1]
    bench.prober.update(UID, (target(LIVE, failures=1),))
    await bench.clock.advance(1)
    bench.prober.update(UID, ())
    assert bench.outcome(LIVE) is Outcome.FAILURE
    bench.prober.update(UID, (target(LIVE, container_id="c2", started_at=1001, failures=1),))
    assert bench.outcome(LIVE) is Outcome.UNKNOWN


async def test_a_startup_probe_added_later_finds_the_container_started(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY),))
    await bench.clock.advance(20)
    bench.prober.update(UID, ())
    bench.containers.answers["Startup"] = [1]
    bench.prober.update(UID, (target(READY), target(START)))
    await bench.clock.advance(20)
    assert bench.outcome(START) is Outcome.SUCCESS
    assert bench.outcome(READY) is Outcome.SUCCESS
    assert bench.containers.times("Startup") == []


async def test_a_startup_probe_taken_away_opens_the_gate(bench: Bench) -> None:
    bench.containers.answers["Startup"] = [1]
    bench.prober.update(UID, (target(READY), target(START, failures=30)))
    await bench.clock.advance(15)
    assert bench.containers.times("Readiness") == []
    bench.prober.update(UID, (target(READY),))
    await bench.clock.advance(1)
    assert bench.containers.times("Readiness") == [15]
    assert bench.outcome(START) is Outcome.UNKNOWN


async def test_after_an_agent_restart_probes_are_spread_and_readiness_holds(bench: Bench) -> None:
    kept = {
        (C1, READY): ProbeVerdict(outcome=Outcome.SUCCESS),
        (C1, START): ProbeVerdict(outcome=Outcome.SUCCESS),
        (C1, LIVE): ProbeVerdict(outcome=Outcome.FAILURE, failures=3),
        (ContainerID("c0"), READY): ProbeVerdict(outcome=Outcome.FAILURE),
    }
    bench.prober.restore(UID, PodProbes(kept))
    old = {"started_at": 500.0}
    bench.prober.update(UID, (target(READY, **old), target(LIVE, **old), target(START, **old)))  # type: ignore[arg-type]  # started_at is a float
    assert bench.outcome(READY) is Outcome.SUCCESS
    assert bench.outcome(LIVE) is Outcome.UNKNOWN
    assert bench.outcome(READY, ContainerID("c0")) is Outcome.UNKNOWN
    await bench.clock.advance(4.9)
    assert bench.containers.calls == []
    await bench.clock.advance(0.1)
    assert bench.containers.times("Readiness") == bench.containers.times("Liveness") == [5]
    assert bench.containers.times("Startup") == []
    assert bench.outcome(LIVE) is Outcome.SUCCESS


async def test_errors_are_tried_three_times_and_change_nothing(bench: Bench) -> None:
    bench.containers.answers["Liveness"] = [1, RuntimeFault("exec: no such file"), 1, 1]
    bench.prober.update(UID, (target(LIVE, failures=3),))
    await bench.clock.advance(5)
    assert bench.changes.texts[-1].startswith("Liveness probe failed")
    bench.containers.answers["Liveness"] = [RuntimeFault("exec: no such file")]
    await bench.clock.advance(10)
    assert bench.containers.times("Liveness") == [0, 10, 10, 10]
    assert bench.changes.texts[-1] == "Liveness probe errored: cannot run the command: exec: no such file"
    assert bench.changes.told[-1][2].failures == 1
    assert bench.outcome(LIVE) is Outcome.SUCCESS
    await bench.clock.advance(600)
    assert bench.outcome(LIVE) is Outcome.SUCCESS


async def test_a_deadline_is_a_failure(bench: Bench) -> None:
    bench.containers.answers["Liveness"] = [DeadlineFault("timeout 1s exceeded")]
    bench.prober.update(UID, (target(LIVE, failures=1, timeout=2),))
    await bench.clock.advance(1)
    assert bench.outcome(LIVE) is Outcome.FAILURE
    assert bench.changes.texts == ["Liveness probe failed: the command did not end within 2 s"]


async def test_nothing_is_killed_while_the_runtime_is_away_nor_just_after(bench: Bench) -> None:
    bench.containers.answers["Liveness"] = [1]
    bench.containers.answers["Startup"] = [1]
    bench.prober.update(UID, (target(LIVE, period=5, failures=3), target(START, container="b", container_id="c2")))
    await bench.clock.advance(6)
    assert len(bench.changes.told) == 3
    bench.prober.runtime_lost()
    await bench.clock.advance(300)
    assert (bench.outcome(LIVE), bench.outcome(START, C2)) == (Outcome.SUCCESS, Outcome.UNKNOWN)
    assert bench.containers.times("Liveness") == [0, 5]
    bench.prober.runtime_back()
    await bench.clock.advance(29)
    assert (bench.outcome(LIVE), bench.outcome(START, C2)) == (Outcome.SUCCESS, Outcome.UNKNOWN)
    assert len(bench.changes.told) == 3
    assert bench.prober.disregarded > 60
    # The row begins anew: three more failures, not one.
    await bench.clock.advance(9)
    assert bench.outcome(LIVE) is Outcome.SUCCESS
    await bench.clock.advance(10)
    assert bench.outcome(LIVE) is Outcome.FAILURE


async def test_readiness_by_exec_keeps_its_verdict_while_the_runtime_is_away(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY, failures=1),))
    await bench.clock.advance(1)
    bench.containers.answers["Readiness"] = [RuntimeFault("connection refused", transient=True)]
    await bench.clock.advance(100)
    assert bench.outcome(READY) is Outcome.SUCCESS
    assert len(bench.changes.told) == 1


async def test_forgetting_ends_tasks_and_verdicts(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY), target(LIVE)))
    await bench.clock.advance(1)
    bench.prober.forget(UID)
    bench.prober.forget(PodUID("unknown"))
    await settle()
    assert len(asyncio.all_tasks()) == 1
    assert bench.prober.results(UID) == PodProbes()
    await bench.clock.advance(60)
    assert len(bench.containers.calls) == 2


async def test_results_are_one_value_until_something_changes(bench: Bench) -> None:
    bench.prober.update(UID, (target(READY, period=1),))
    await bench.clock.advance(1)
    first = bench.prober.results(UID)
    await bench.clock.advance(5)
    assert bench.prober.results(UID) is first
    bench.containers.answers["Readiness"] = [1]
    await bench.clock.advance(1)
    assert bench.prober.results(UID) is not first
    assert first.verdicts[(C1, READY)].failures == 0


async def test_a_named_port_that_is_not_there_is_an_error(bench: Bench) -> None:
    probe = v1.Probe(tcp_socket=v1.TCPSocketAction(port="nope"))
    bench.prober.update(UID, (target(LIVE, probe=probe),))
    await bench.clock.advance(1)
    assert bench.changes.texts == [
        "Liveness probe errored: the container has no port named 'nope': name it under ports, or write its number"
    ]


async def test_environment_values_never_come_back(bench: Bench) -> None:
    probe = v1.Probe(exec=v1.ExecAction(command=("check", "-p$(ROOT_PASSWORD)", "$(UNKNOWN)")), failure_threshold=1)
    bench.containers.answers["check"] = [1]
    bench.containers.output = b"denied: s3cr3t-canary, argv -ps3cr3t-canary " + b"x" * 20000
    bench.prober.update(UID, (target(LIVE, probe=probe, env={"ROOT_PASSWORD": "s3cr3t-canary"}),))
    await bench.clock.advance(1)
    assert bench.containers.calls[0][2] == ("check", "-ps3cr3t-canary", "$(UNKNOWN)")
    verdict = bench.changes.told[-1][2]
    assert "canary" not in verdict.message + bench.changes.texts[-1]
    assert verdict.message.startswith("denied: [ROOT_PASSWORD], argv [argument] xxx")
    assert len(verdict.message) == 10 << 10


async def test_a_fault_of_ours_ends_one_probe_visibly() -> None:
    clock, changes, handled = HandClock(), Changes(), list[dict[str, object]]()

    async def broken(*_: object) -> None:
        raise AssertionError("a mistake")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: handled.append(context))
    prober = Prober(broken, clock, changes)  # type: ignore[arg-type]  # deliberately wrong
    tcp = v1.Probe(tcp_socket=v1.TCPSocketAction(port=0))
    prober.update(UID, (target(LIVE), target(READY, probe=tcp)))
    await clock.advance(1)
    assert [str(context["exception"]) for context in handled] == ["a mistake"]
    assert "Liveness probe errored: the probe was stopped by a fault of the agent" in changes.texts
    assert any(text.startswith("Readiness probe errored") for text in changes.texts)
    await prober.close()


async def test_a_probe_that_a_fault_of_ours_has_ended_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the pod changes: a container that hangs from now on would never be restarted."""
    monkeypatch.setattr(probers, "FAULT_SECONDS", 0.0)
    clock, changes, calls = HandClock(), Changes(), 0

    async def broken_once(*_: object) -> ExecResult:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise AssertionError("a mistake")
        return ExecResult(exit_code=1)

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    prober = Prober(broken_once, clock, changes)
    prober.update(UID, (target(LIVE),))
    for _ in range(100):
        await clock.advance(1)
        await asyncio.sleep(0.001)
    assert prober.results(UID).outcome(target(LIVE).container_id, LIVE) is Outcome.FAILURE
    await prober.close()
