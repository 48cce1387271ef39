"""Init containers and sidecars: their order, their failures, and when they run again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.identity import ContainerID
from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import Conclude, PullImage, RunSandbox, StartContainer, StopContainer
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.records import Completion
from tests.unit.reconcile.world import World, container, make_pod, revision, sandbox, setup, sidecar

PROBE = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80))


def world_of(*init: v1.Container, policy: str = "Always", **fields: object) -> World:
    return World(effective=revision("r1", make_pod(init=init, restart_policy=policy)), **fields)  # type: ignore[arg-type]  # the world's own


def starts(world: World) -> list[str]:
    return [step.name for step in world.log if isinstance(step, StartContainer)]


def test_each_init_container_waits_for_the_one_before_it() -> None:
    world = world_of(setup("i"), sidecar("s"), setup("j"))
    world.settle()
    assert starts(world) == ["i", "s", "j", "web"]
    assert world.running() == {"s": 0, "web": 0}
    assert world.plan().steps == ()


def test_a_running_init_container_is_waited_for() -> None:
    world = world_of(setup("i"), sandboxes=[sandbox()], containers=[container("i")], images={"img:1": "x"})
    world.prepared.add(world.effective.id)  # type: ignore[union-attr]  # it has one
    actions = world.plan()
    assert (actions.steps, actions.requeue_at) == ((), None)


def test_the_images_of_all_are_pulled_beside_the_sandbox_and_the_first_init_container() -> None:
    init = setup("i")
    later = v1.Container(name="web", image="img:9")
    world = World(effective=revision("r1", make_pod(init=(init,), containers=(later,))))
    pulls = {step.image for step in world.plan().steps if isinstance(step, PullImage)}
    assert pulls == {"img:1", "img:9"}
    world.sandboxes, world.containers = [sandbox()], [container("i")]
    pulls = {step.image for step in world.plan().steps if isinstance(step, PullImage)}
    assert pulls == {"img:9"}, "the init container's work is time enough for a pull"


def test_a_failed_init_container_is_tried_again_by_the_crash_curve() -> None:
    world = world_of(setup("i"), policy="OnFailure", exits={"i": [1, 1, 1]})
    waits = []
    for _ in range(3):
        actions = world.settle()
        if actions.requeue_at is None:
            break
        assert actions.waiting["i"].reason == "CrashLoopBackOff"
        waits.append(actions.requeue_at - world.now)
        world.now = actions.requeue_at
    assert waits == [10, 20]
    world.settle()
    assert world.running() == {"web": 0}
    assert world.history.of("i").restart_count == 3


def test_a_failed_init_container_ends_a_pod_that_is_never_restarted() -> None:
    world = world_of(sidecar("s"), setup("i"), policy="Never", exits={"i": [3]})
    world.settle()
    assert world.completion == Completion(phase="Failed")
    assert starts(world) == ["s", "i"], "the main container is never made"
    assert world.running() == {}


def test_an_init_containers_own_policy_and_rules_go_before_the_pods() -> None:
    rule = v1.ContainerRestartRule(
        action="Restart", exit_codes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=(42,))
    )
    stubborn = setup("i", restart_policy="Never", restart_policy_rules=(rule,))
    world = world_of(stubborn, exits={"i": [42]})
    world.run_out()
    assert world.running() == {"web": 0}
    world = world_of(stubborn, exits={"i": [3]})
    world.run_out()
    assert world.completion == Completion(phase="Failed")


def test_a_new_sandbox_is_initialised_anew() -> None:
    world = world_of(setup("i"), sidecar("s"))
    world.settle()
    world.sandboxes = [replace(world.sandboxes[0], ready=False)]
    world.log.clear()
    world.settle()
    assert starts(world) == ["i", "s", "web"]
    assert {name: world.history.of(name).restart_count for name in ("i", "s", "web")} == {"i": 1, "s": 1, "web": 1}


def test_an_edit_of_the_whole_pod_initialises_it_anew_and_counts_nothing() -> None:
    world = world_of(setup("i"), sidecar("s"))
    world.settle()
    world.candidate = revision("r2", make_pod(init=(setup("i", command=("x",)), sidecar("s"))))
    world.log.clear()
    world.settle()
    assert starts(world) == ["i", "s", "web"]
    assert all(memory.restart_count == 0 for memory in world.history.containers.values())


def test_an_initialised_pod_does_not_run_init_containers_again() -> None:
    """Neither when their records are gone, nor when its only container crashes."""
    world = world_of(setup("i"), sidecar("s"))
    world.settle()
    world.containers = [c for c in world.containers if c.name != "i"]
    world.crash()
    world.log.clear()
    world.settle()
    assert starts(world) == ["web"]


def test_a_lost_sidecar_is_started_again() -> None:
    world = world_of(sidecar("s"))
    world.settle()
    world.containers = [c for c in world.containers if c.name != "s"]
    world.settle()
    assert world.running() == {"web": 0, "s": 1}
    assert world.history.of("s").restart_count == 1


def test_a_sidecar_is_through_once_its_startup_probe_has_succeeded() -> None:
    world = world_of(sidecar("s", startup_probe=PROBE), images={"img:1": "x"}, sandboxes=[sandbox()])
    world.prepared.add(world.effective.id)  # type: ignore[union-attr]  # it has one
    world.containers = [container("s")]
    assert world.plan().steps == ()
    world.probes = PodProbes({(ContainerID("s-0"), ProbeKind.STARTUP): ProbeVerdict(outcome=Outcome.SUCCESS)})
    assert [step.name for step in world.plan().steps if isinstance(step, StartContainer)] == ["web"]


@pytest.mark.parametrize("kind", [ProbeKind.LIVENESS, ProbeKind.STARTUP])
def test_a_sidecar_whose_probe_fails_is_restarted(kind: ProbeKind) -> None:
    world = world_of(sidecar("s", liveness_probe=PROBE, startup_probe=PROBE), policy="Never")
    world.settle()
    world.probes = PodProbes({(ContainerID("s-0"), kind): ProbeVerdict(outcome=Outcome.FAILURE)})
    (stop,) = world.plan().steps
    assert isinstance(stop, StopContainer)
    assert stop.probe_failure
    world.act(stop)
    world.settle()
    assert world.running() == {"s": 1, "web": 0}


def test_a_sidecar_that_ends_is_always_restarted_with_back_off() -> None:
    world = world_of(sidecar("s"), policy="Never")
    world.settle()
    world.crash("s", code=0)
    world.settle()
    assert world.running() == {"s": 1, "web": 0}
    world.crash("s", code=0)
    assert world.settle().waiting["s"].reason == "CrashLoopBackOff"


def test_sidecars_stop_and_stay_down_once_the_regular_containers_have_ended() -> None:
    world = world_of(sidecar("s"), sidecar("t"), policy="OnFailure")
    world.settle()
    world.crash(code=0)
    world.log.clear()
    world.settle()
    assert [s.name for s in world.log if isinstance(s, StopContainer)] == ["t", "s"]
    assert isinstance(world.log[0], Conclude), "the end is written down before anything follows from it"
    assert world.completion == Completion(phase="Succeeded")
    assert not world.sandboxes[0].ready
    assert world.plan().steps == ()


def test_a_start_of_the_second_is_adopted_although_the_firsts_record_is_gone() -> None:
    world = world_of(setup("i"), setup("j"), sandboxes=[sandbox()])
    world.containers = [container("j", state=ContainerState.EXITED)]
    world.settle()
    assert starts(world) == ["web"]


def test_old_records_of_init_containers_are_pruned() -> None:
    world = world_of(setup("i"), exits={"i": [1, 1, 1, 1]})
    world.run_out()
    assert [c.attempt for c in world.containers if c.name == "i"] == [3, 4]


def test_a_pod_that_never_restarts_ends_with_its_sandbox() -> None:
    """Also while it is being initialised: the kubelet does not begin anew what has begun."""
    world = world_of(setup("i"), policy="Never", sandboxes=[sandbox(ready=False)])
    world.containers = [container("i", state=ContainerState.EXITED)]
    world.settle()
    assert world.completion == Completion(phase="Failed")
    assert not any(isinstance(step, RunSandbox) for step in world.log)
