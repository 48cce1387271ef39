"""The planner in the cases that users meet."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from podstead.config.runtime import RestartSettings
from podstead.identity import ContainerID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import (
    Conclude,
    PrepareVolumes,
    Promote,
    PullImage,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    StopContainer,
)
from podstead.reconcile.plan import compute_pod_actions
from podstead.state.desired import Blocked
from podstead.state.observed import ContainerState, TaskFailure
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.records import Completion
from tests.unit.reconcile.world import World, container, make_pod, revision, sandbox

R1 = revision("r1", make_pod())


def edited(**changes: object) -> v1.Pod:
    pod = make_pod()
    first = msgspec.structs.replace(pod.spec.containers[0], **changes)
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=(first,)))


def test_a_new_pod_gets_images_volumes_and_sandbox_side_by_side() -> None:
    world = World(effective=R1)
    kinds = {type(step) for step in world.plan().steps}
    assert kinds == {PullImage, PrepareVolumes, RunSandbox}
    world.settle()
    assert world.running() == {"web": 0}
    assert world.plan().steps == ()


def test_containers_start_in_the_order_of_the_manifest() -> None:
    world = World(effective=revision("r1", make_pod("b", "a", "c")))
    world.settle()
    assert [s.name for s in world.log if isinstance(s, StartContainer)] == ["b", "a", "c"]


@pytest.mark.conformance("S15")
def test_crash_loop_waits_0_10_20_40_and_counts_restarts() -> None:
    world = World(effective=R1)
    world.settle()
    waits = []
    for _ in range(8):
        world.crash()
        actions = world.settle()
        wait = 0.0
        if actions.requeue_at is not None:
            assert actions.waiting["web"].reason == "CrashLoopBackOff"
            wait = actions.requeue_at - world.now
            world.now = actions.requeue_at
            world.settle()
        waits.append(wait)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert world.running() == {"web": 8}
    assert world.history.of("web").restart_count == 8


@pytest.mark.conformance("S16")
def test_a_long_run_clears_the_back_off() -> None:
    world = World(effective=R1)
    world.settle()
    for _ in range(3):
        world.crash()
        world.now = world.settle().requeue_at or world.now
        world.settle()
    world.now += 601
    world.crash()
    world.settle()
    assert world.running() == {"web": 4}


def test_after_a_reboot_the_back_off_keeps_its_level_and_waits_anew() -> None:
    world = World(effective=R1)
    world.settle()
    for _ in range(3):
        world.crash()
        world.now = world.settle().requeue_at or world.now
        world.settle()
    world.boot_id, world.now = "boot-2", 5.0
    world.crash()
    assert world.settle().requeue_at == pytest.approx(45.0)


@pytest.mark.conformance("S17", "S18")
@pytest.mark.parametrize(
    ("policy", "code", "restarts"), [("Never", 3, False), ("OnFailure", 0, False), ("OnFailure", 3, True)]
)
def test_restart_policy(policy: str, code: int, *, restarts: bool) -> None:
    world = World(effective=revision("r1", make_pod(restart_policy=policy)))
    world.settle()
    world.crash(code=code)
    world.settle()
    assert bool(world.running()) is restarts
    assert world.sandboxes[0].ready is restarts, "a pod that has ended gives its sandbox back"
    assert world.plan().steps == ()


def test_a_killed_sandbox_is_replaced_and_the_container_with_it() -> None:
    world = World(effective=R1)
    world.settle()
    world.sandboxes = [sandbox(0, ready=False)]
    world.settle()
    assert [s.attempt for s in world.sandboxes if s.ready] == [1]
    assert world.running() == {"web": 1}
    assert world.resets == 0, "sandbox recovery keeps emptyDirs"


def test_labels_and_probes_restart_nothing() -> None:
    world = World(effective=R1)
    world.settle()
    probe = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80))
    world.candidate = revision("r2", edited(liveness_probe=probe))
    world.log.clear()
    world.settle()
    assert [type(s) for s in world.log] == [Promote]
    assert world.running() == {"web": 0}


def test_an_edit_pulls_before_it_stops_and_does_not_count_as_a_restart() -> None:
    world = World(effective=R1)
    world.settle()
    world.candidate = revision("r2", edited(image="img:2"))
    world.log.clear()
    world.settle()
    order = [type(s) for s in world.log]
    assert order.index(PullImage) < order.index(Promote) < order.index(StopContainer) < order.index(StartContainer)
    assert RunSandbox not in order, "the sandbox lives on"
    assert world.running() == {"web": 1}
    assert world.history.of("web").restart_count == 0


def test_an_edit_whose_image_cannot_be_had_leaves_the_old_revision_running() -> None:
    world = World(effective=R1)
    world.settle()
    world.candidate = revision("r2", edited(image="img:2"))
    failure = TaskFailure(reason="ErrImagePull", message="no such image", since=world.now - 5, retry_at=world.now + 10)
    world.failures = {"pull:img:2": failure}
    world.prepared.add(world.candidate.id)
    actions = world.settle()
    assert world.running() == {"web": 0}
    assert actions.stuck is not None
    assert actions.stuck.reason == "ImagePullBackOff"
    assert actions.requeue_at == world.now + 10


def test_an_edit_that_does_not_fit_leaves_the_old_revision_running() -> None:
    world = World(effective=R1)
    world.settle()
    world.candidate = revision("r2", edited(command=("x",)))
    world.blocked = Blocked(reason="NodePorts", message="taken")
    actions = world.settle()
    assert world.running() == {"web": 0}
    assert actions.stuck is not None
    assert actions.stuck.reason == "NodePorts"


def test_a_whole_pod_edit_gets_a_new_sandbox_and_fresh_empty_dirs() -> None:
    world = World(effective=R1)
    world.settle()
    world.candidate = revision("r2", make_pod(host_network=False))
    world.settle()
    assert world.resets == 1
    assert [s.host_network for s in world.sandboxes if s.ready] == [False]
    assert world.history.of("web").restart_count == 0


def test_a_removed_container_is_stopped_and_the_others_run_on() -> None:
    world = World(effective=revision("r1", make_pod("web", "side")))
    world.settle()
    world.candidate = revision("r2", make_pod("web"))
    world.settle()
    assert world.running() == {"web": 0}
    assert {c.name for c in world.containers} == {"web"}


def probe_failed(identifier: str, kind: ProbeKind) -> PodProbes:
    return PodProbes({(ContainerID(identifier), kind): ProbeVerdict(outcome=Outcome.FAILURE)})


@pytest.mark.conformance("S22")
@pytest.mark.parametrize(("policy", "again"), [("Always", True), ("OnFailure", True), ("Never", False)])
def test_a_failed_liveness_probe_restarts_by_policy_alone(policy: str, *, again: bool) -> None:
    probe = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80), termination_grace_period_seconds=5)
    pod = make_pod(restart_policy=policy)
    first = msgspec.structs.replace(pod.spec.containers[0], liveness_probe=probe)
    pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=(first,)))
    world = World(effective=revision("r1", pod))
    world.settle()
    world.probes = probe_failed("web-0", ProbeKind.LIVENESS)
    stop = next(s for s in world.plan().steps if isinstance(s, StopContainer))
    assert stop.grace_seconds == 5
    world.act(stop)
    world.containers = [replace(c, exit_code=0) for c in world.containers]  # TERM was obeyed
    world.settle()
    assert bool(world.running()) is again


def test_termination_stops_then_removes_then_finishes() -> None:
    world = World(effective=R1)
    world.settle()
    world.terminating = True
    world.log.clear()
    world.settle()
    assert [type(s).__name__ for s in world.log] == ["StopContainer", "RemoveSandbox", "FinishIncarnation"]
    assert world.finished


def test_termination_waits_for_a_start_under_way() -> None:
    world = World(effective=R1, terminating=True, in_flight=frozenset({"container:web"}), sandboxes=[sandbox()])
    assert world.plan().steps == ()


def test_a_pod_that_makes_room_stops_but_keeps_its_records() -> None:
    world = World(effective=R1)
    world.settle()
    world.preempted = True
    world.settle()
    assert world.running() == {}
    assert world.sandboxes, "the pod comes back when it fits"
    world.preempted = False
    world.settle()
    assert world.running() == {"web": 1}


def test_of_two_ready_sandboxes_the_one_that_works_is_kept() -> None:
    world = World(effective=R1)
    world.settle()
    world.sandboxes.append(sandbox(1))
    world.settle()
    assert world.running() == {"web": 0}
    assert [s.attempt for s in world.sandboxes if s.ready] == [0]


def test_a_created_container_is_started_not_made_again() -> None:
    world = World(effective=R1, sandboxes=[sandbox()], containers=[container(state=ContainerState.CREATED)])
    world.settle()
    assert world.running() == {"web": 0}


def test_nothing_is_concluded_while_the_runtime_cannot_be_asked() -> None:
    world = World(effective=R1)
    observed = world.observed()
    actions = compute_pod_actions(
        world.desired(), replace(observed, fresh=False), PodProbes(), world.history, world.instant(), RestartSettings()
    )
    assert actions.steps == ()


@pytest.mark.conformance("S37")
def test_a_lost_record_of_a_running_container_counts_as_a_restart() -> None:
    world = World(effective=R1)
    world.settle()
    world.containers.clear()
    world.settle()
    assert world.running() == {"web": 1}
    assert world.history.of("web").restart_count == 1


def test_a_finished_pod_is_not_run_again_after_its_sandbox_is_gone() -> None:
    world = World(
        effective=revision("r1", make_pod(restart_policy="Never")),
        sandboxes=[sandbox(ready=False)],
        containers=[container(state=ContainerState.EXITED, exit_code=0)],
    )
    world.settle()
    assert [type(s) for s in world.log] == [Conclude]
    assert world.completion == Completion(phase="Succeeded")


def test_a_start_that_lost_its_caller_is_no_restart() -> None:
    world = World(effective=R1)
    world.settle()
    (started,) = world.containers
    failed = replace(started, state=ContainerState.EXITED, exit_code=128, reason="StartError")
    world.containers[:] = [failed]

    (again,) = (s for s in world.plan().steps if isinstance(s, StartContainer))
    assert (again.attempt, again.restart_count, again.crash_level) == (1, 0, None)

    # A start that failed while this agent lives backs off as every crash does.
    known = TaskFailure(
        reason="RunContainerError", message="no such file", since=world.now, retry_at=world.now, count=1
    )
    world.failures[again.key] = known
    (again,) = (s for s in world.plan().steps if isinstance(s, StartContainer))
    assert (again.restart_count, again.crash_level) == (1, 0)


def test_a_stopped_sandbox_stays_only_while_it_holds_a_record() -> None:
    world = World(effective=R1)
    world.settle()
    old = replace(sandbox(0, ready=False), id=SandboxID("old"))
    world.sandboxes.append(old)
    assert world.plan().steps == (RemoveSandbox(id=old.id),)

    world.containers.append(container(attempt=-1, state=ContainerState.EXITED, inside="old"))
    assert world.plan().steps == ()


def test_what_runs_by_a_lost_revision_makes_way_for_one_that_can_be_read() -> None:
    world = World(effective=None, sandboxes=[sandbox(rev="lost")], containers=[container(rev="lost")])
    world.candidate = revision("r2", edited(image="img:2"))
    world.settle()
    order = [type(s) for s in world.log]
    assert order.index(PullImage) < order.index(StopContainer) < order.index(Promote)
    assert world.running() == {"web": 1}
    assert world.effective is not None
    assert world.effective.id == "r2"
