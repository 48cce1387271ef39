"""The node keeps its name whatever the machine is called, and says when that is another."""

from __future__ import annotations

from podstead.daemon.node_name import AskedName, name_problem

OWN = AskedName(name="node1", machine="node1")
GIVEN = AskedName(name="node1", machine="debian")


def test_a_lease_renames_the_machine_while_the_agent_runs() -> None:
    assert name_problem(OWN, kept="node1", machine="node1") is None
    told = name_problem(OWN, kept="node1", machine="leased")
    assert told is not None
    assert told.reason == "NodeNameChanged"
    assert told.message == "this machine is called leased now; the node and its pods keep the name node1"
    assert "--hostname-override=node1" in told.advice


def test_a_machine_that_had_another_name_at_the_start() -> None:
    late = AskedName(name="leased", machine="leased")
    told = name_problem(late, kept="node1", machine="leased")
    assert told is not None
    assert "is called leased now" in told.message
    assert name_problem(late, kept="node1", machine="node1") is None


def test_a_name_that_was_given_does_not_follow_the_machine() -> None:
    assert name_problem(GIVEN, kept="node1", machine="leased") is None
    told = name_problem(AskedName(name="other", machine="debian"), kept="node1", machine="debian")
    assert told is not None
    assert "is called other now" in told.message
