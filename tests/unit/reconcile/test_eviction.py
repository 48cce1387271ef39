"""A pod that was evicted: how it ends, what is left of it, and how it begins again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.clock import Instant
from podstead.identity import ContainerID, RevisionID
from podstead.reconcile.actions import RemoveSandbox, StopContainer
from podstead.reconcile.eviction import plan_making_way
from podstead.reconcile.memory import after_return
from podstead.reconcile.termination import plan_preemption
from podstead.state.desired import Blocked, DesiredPod
from podstead.state.observed import ContainerState, ObservedContainer, ObservedPod
from podstead.state.records import Claim, ContainerHistory, Eviction, PodHistory, PodRecord
from tests.unit.reconcile.world import KEY, UID, make_pod, revision, sandbox

NOW = Instant(boot_id="boot-1", boot=100.0, wall=1000.0)
EVICTION = Eviction(signal="memory.available", message="low", at=990.0, boot_id="boot-1", since=90.0, grace_seconds=1)
RECORD = PodRecord(
    key=KEY,
    uid=UID,
    claim=Claim(file="web.yaml", document=0),
    created_at=0.0,
    effective=RevisionID("r1"),
    evicted=EVICTION,
)
DESIRED = DesiredPod(
    record=RECORD,
    effective=revision("r1", make_pod("a", "b")),
    blocked=Blocked(reason="Evicted", message="low"),
    preempted=True,
)


def observed(state: ContainerState) -> ObservedPod:
    containers = tuple(
        ObservedContainer(
            id=ContainerID(name),
            sandbox_id=sandbox().id,
            uid=UID,
            instance="i",
            name=name,
            attempt=0,
            state=state,
            created_at=0,
            revision=RevisionID("r1"),
        )
        for name in ("a", "b")
    )
    return ObservedPod(uid=UID, sandboxes=(sandbox(),), containers=containers)


def test_all_stop_within_the_evictions_grace() -> None:
    actions = plan_making_way(DESIRED, observed(ContainerState.RUNNING), NOW)
    assert [(s.name, s.grace_seconds) for s in actions.steps if isinstance(s, StopContainer)] == [("a", 1), ("b", 1)]
    assert actions.stuck is not None
    assert (actions.stuck.reason, actions.stuck.message) == ("Evicted", "low")


def test_a_shorter_grace_of_a_node_that_goes_down_holds() -> None:
    actions = plan_making_way(replace(DESIRED, grace_limit=0), observed(ContainerState.RUNNING), NOW)
    assert [s.grace_seconds for s in actions.steps if isinstance(s, StopContainer)] == [0, 0]


def test_nothing_is_left_of_it_once_it_has_ended() -> None:
    actions = plan_making_way(DESIRED, observed(ContainerState.EXITED), NOW)
    assert actions.steps == (RemoveSandbox(id=sandbox().id, reset_volumes=True),)
    assert plan_making_way(DESIRED, ObservedPod(uid=UID), NOW).steps == ()


def test_volumes_that_are_being_made_are_waited_for() -> None:
    busy = replace(observed(ContainerState.EXITED), in_flight=frozenset({"volumes:r1"}))
    assert plan_making_way(DESIRED, busy, NOW).steps == ()


def test_it_begins_as_from_new_and_uses_no_attempt_twice() -> None:
    ran = ContainerHistory(last_attempt=4, started_attempt=4, restart_count=3, backoff_level=2, exit_attempt=4)
    anew = after_return(PodHistory(sandbox_attempt=2, sandbox_level=1, containers={"a": ran}))
    assert anew == PodHistory(sandbox_attempt=2, containers={"a": ContainerHistory(last_attempt=4)})


@pytest.mark.parametrize(("cause", "told"), [("Preempted", "Preempting"), ("NodeShutdown", "Killing")])
def test_only_a_pod_that_goes_for_another_is_said_to_be_preempted(cause: str, told: str) -> None:
    desired = replace(DESIRED, record=replace(RECORD, evicted=None), blocked=Blocked(reason=cause, message="why"))
    actions = plan_preemption(desired, observed(ContainerState.RUNNING), NOW)
    assert {step.reason for step in actions.steps if isinstance(step, StopContainer)} == {told}
