"""The end of a pod: what ends it, that it stays ended, and what lets it run again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from podstead.clock import Instant
from podstead.identity import ContainerID
from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import Conclude, Promote, RemoveSandbox, RunSandbox, StartContainer
from podstead.reconcile.completion import active_seconds
from podstead.state.desired import Blocked
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.records import Claim, Completion, PodRecord
from tests.unit.reconcile.world import KEY, UID, World, container, make_pod, revision, sandbox, sidecar

SUCCEEDED, FAILED = Completion(phase="Succeeded"), Completion(phase="Failed")


def ended(policy: str = "Never", code: int = 0, *names: str) -> World:
    world = World(effective=revision("r1", make_pod(*names, restart_policy=policy)))
    world.settle()
    for name in list(world.running()):
        world.crash(name, code=code)
    world.settle()
    return world


@pytest.mark.parametrize(
    ("policy", "code", "completion"),
    [("Never", 0, SUCCEEDED), ("Never", 3, FAILED), ("OnFailure", 0, SUCCEEDED), ("OnFailure", 3, None)],
)
def test_the_end_of_a_pod_by_its_policy(policy: str, code: int, completion: Completion | None) -> None:
    assert ended(policy, code).completion == completion


def test_one_failure_among_several_is_a_failure() -> None:
    world = World(effective=revision("r1", make_pod("a", "b", restart_policy="Never")))
    world.settle()
    world.crash("a", code=0)
    world.settle()
    assert world.completion is None
    world.crash("b", code=1)
    world.settle()
    assert world.completion == FAILED


def test_a_container_with_a_policy_of_its_own_ends_a_pod_that_always_restarts() -> None:
    once = v1.Container(name="web", image="img:1", restart_policy="Never")
    world = World(effective=revision("r1", make_pod(containers=(once,))))
    world.settle()
    world.crash(code=0)
    world.settle()
    assert world.completion == SUCCEEDED


@pytest.mark.parametrize("what", ["the sandbox", "every record", "the memory of the agent", "the memory and records"])
def test_a_finished_pod_stays_finished_whatever_is_lost(what: str) -> None:
    world = ended()
    world.log.clear()
    if "records" in what or "record" in what:
        world.containers.clear()
        world.sandboxes.clear()
    if what == "the sandbox":
        world.sandboxes.clear()
    if "memory" in what:
        world.agent_dies()
        world.history = World(effective=None).history
    world.boot_id = "boot-2"
    world.settle()
    assert not any(isinstance(step, RunSandbox | StartContainer) for step in world.log)
    assert world.plan().steps == ()


def test_an_ended_container_whose_record_is_lost_is_not_run_again() -> None:
    """The rest of its pod runs on, so that the end of the pod is not written down yet."""
    world = World(effective=revision("r1", make_pod("job", "web", restart_policy="OnFailure")))
    world.settle()
    world.crash("job", code=0)
    world.settle()
    world.containers = [c for c in world.containers if c.name == "web"]
    world.settle()
    assert world.running() == {"web": 0}
    world.crash("web", code=0)
    world.settle()
    assert world.completion == SUCCEEDED


def test_a_stop_that_was_no_end_of_its_own_is_none() -> None:
    """A probe's kill under OnFailure is restarted although the container obeyed and said 0."""
    probe = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80))
    pod = make_pod(
        containers=(v1.Container(name="web", image="img:1", liveness_probe=probe),), restart_policy="OnFailure"
    )
    world = World(effective=revision("r1", pod))
    world.settle()
    world.probes = PodProbes({(ContainerID("web-0"), ProbeKind.LIVENESS): ProbeVerdict(outcome=Outcome.FAILURE)})
    world.act(world.plan().steps[0])
    world.containers = [replace(c, exit_code=0) for c in world.containers]
    world.settle()
    assert world.running() == {"web": 1}


def edited(world: World, **fields: object) -> None:
    assert world.effective is not None
    spec = msgspec.structs.replace(world.effective.pod.spec, **fields)
    world.candidate = revision("r2", msgspec.structs.replace(world.effective.pod, spec=spec))
    world.log.clear()


def test_an_edit_lets_a_finished_pod_run_anew_as_a_whole() -> None:
    world = ended("Never", 0, "a", "b")
    assert world.effective is not None
    first, second = world.effective.pod.spec.containers
    edited(world, containers=(msgspec.structs.replace(first, image="img:2"), second))
    world.settle()
    assert set(world.running()) == {"a", "b"}
    assert world.resets == 1, "its emptyDirs are fresh"
    assert world.completion is None
    assert all(world.history.of(name).restart_count == 0 for name in "ab")
    order = [type(step) for step in world.log]
    assert order.index(RemoveSandbox) < order.index(Promote) < order.index(RunSandbox)


def test_an_edit_that_restarts_nothing_leaves_a_finished_pod_finished() -> None:
    world = ended()
    edited(world, active_deadline_seconds=60)
    world.settle()
    assert [type(step) for step in world.log] == [Promote]
    assert world.completion == SUCCEEDED


def test_another_restart_policy_lets_a_finished_pod_run() -> None:
    world = ended()
    edited(world, restart_policy="Always")
    world.settle()
    assert world.running() == {"web": 1}


def test_a_finished_pod_that_does_not_fit_any_more_stays_as_it_is() -> None:
    world = ended()
    edited(world, hostname="other")
    world.blocked = Blocked(reason="NodePorts", message="taken")
    actions = world.settle()
    assert actions.stuck is not None
    assert actions.stuck.reason == "NodePorts"
    assert world.completion == SUCCEEDED


def test_a_preempted_job_comes_back() -> None:
    world = World(effective=revision("r1", make_pod("done", "job", restart_policy="Never")))
    world.settle()
    world.crash("done", code=0)
    world.preempted = True
    world.settle()
    assert world.completion is None
    world.preempted = False
    world.settle()
    assert world.running() == {"job": 1}
    assert world.history.of("job").restart_count == 0, "to make room is no crash"


def test_what_ran_by_a_lost_revision_comes_back_whatever_its_policy() -> None:
    world = World(effective=None, sandboxes=[sandbox(rev="lost")], containers=[container(rev="lost")])
    world.candidate = revision("r2", make_pod(restart_policy="Never"))
    world.settle()
    assert world.running() == {"web": 1}
    assert world.history.of("web").restart_count == 0


def with_deadline(seconds: int, **fields: object) -> World:
    pod = make_pod(active_deadline_seconds=seconds, init=(sidecar("s"),))
    world = World(effective=revision("r1", pod), **fields)  # type: ignore[arg-type]  # the world's own
    world.start_time = 1_700_000_000 + world.now
    world.settle()
    return world


def test_a_pod_ends_at_its_deadline() -> None:
    world = with_deadline(60)
    assert world.plan().requeue_at == 1060.0
    world.now = 1059.9
    assert world.plan().steps == ()
    world.now = 1060.0
    world.settle()
    assert world.completion is not None
    assert (world.completion.phase, world.completion.reason) == ("Failed", "DeadlineExceeded")
    assert "60" in world.completion.message
    assert world.running() == {}
    assert not any(s.ready for s in world.sandboxes)


def test_a_preempted_pods_time_runs_on() -> None:
    world = with_deadline(60)
    world.preempted = True
    world.settle()
    world.now = 1060.0
    assert [type(step) for step in world.plan().steps] == [Conclude]


def test_another_deadline_restarts_nothing() -> None:
    world = with_deadline(60)
    edited(world, active_deadline_seconds=90)
    world.settle()
    assert [type(step) for step in world.log] == [Promote]
    assert world.plan().requeue_at == 1090.0


def record(**fields: object) -> PodRecord:
    return PodRecord(key=KEY, uid=UID, claim=Claim(file="a", document=0), created_at=0.0, **fields)  # type: ignore[arg-type]  # its own


def test_time_is_the_boot_clocks_within_a_boot_and_the_wall_clocks_over_a_reboot() -> None:
    begun = record(start_time=5000.0, start_boot=100.0, start_boot_id="b1")
    assert active_seconds(begun, Instant(boot_id="b1", boot=130.0, wall=99_000.0)) == 30.0
    assert active_seconds(begun, Instant(boot_id="b2", boot=7.0, wall=5060.0)) == 60.0
    assert active_seconds(begun, Instant(boot_id="b2", boot=7.0, wall=0.0)) == 0.0, "a clock in 1970 ends nothing"
    assert active_seconds(record(), Instant(boot_id="b1", boot=7.0, wall=9.0)) == 0.0


def test_a_whole_pod_edit_of_a_pod_whose_sandbox_has_died_gets_fresh_empty_dirs() -> None:
    world = World(effective=revision("r1", make_pod()))
    world.settle()
    world.sandboxes = [replace(world.sandboxes[0], ready=False)]
    world.containers = [replace(c, state=ContainerState.EXITED) for c in world.containers]
    edited(world, hostname="other")
    world.settle()
    assert world.running() == {"web": 1}
    assert world.resets == 1
    assert world.history.of("web").restart_count == 0


def test_a_sandbox_that_dies_again_and_again_waits_by_the_crash_curve() -> None:
    world = World(effective=revision("r1", make_pod()))
    waits = []
    for _ in range(5):
        world.settle()
        world.sandboxes = [replace(s, ready=False) for s in world.sandboxes]
        world.containers = [replace(c, state=ContainerState.EXITED) for c in world.containers]
        actions = world.settle()
        wait = 0.0
        if actions.requeue_at is not None:
            assert actions.stuck is not None
            assert actions.stuck.reason == "CrashLoopBackOff"
            wait = actions.requeue_at - world.now
            world.now = actions.requeue_at
        waits.append(wait)
    assert waits == [0, 10, 20, 40, 80]


def test_a_sandbox_that_the_agent_ended_did_not_die() -> None:
    world = World(effective=revision("r1", make_pod()))
    for _ in range(4):
        world.settle()
        world.preempted = True
        world.settle()
        world.preempted = False
        assert world.settle().requeue_at is None
