"""The simulated runtime's faults, by name (foundation 27): the agreed ones are there, and each is used by a test."""

from __future__ import annotations

from tests.simulators.cri_faults import Fault

from .tree import ROOT, sources, text

AGREED = {
    "a name reserved": Fault.NAME_RESERVED,
    "NOT_FOUND on stop": Fault.NOT_FOUND_ON_STOP,
    "an exit event twice": Fault.EXIT_EVENT_TWICE,
    "an event before its state": Fault.EVENT_BEFORE_STATE,
    "an empty IP": Fault.EMPTY_IP,
    "server is not initialized yet": Fault.NOT_INITIALIZED,
    "a call whose reply is lost after it succeeded": Fault.REPLY_LOST,
    "slow calls": Fault.SLOW,
    "hanging calls": Fault.HANG,
    "calls that hang after their effect": Fault.HANG_AFTER_EFFECT,
}


def test_the_agreed_faults_are_all_there() -> None:
    assert len(set(AGREED.values())) == len(AGREED)


def test_every_fault_is_met_by_a_test_of_the_loops_or_of_the_client() -> None:
    tests = "".join(
        text(p) for p in sources("tests") if p.name.startswith("test_") and p.parent != ROOT / "tests/unit/house"
    )
    assert [fault.name for fault in Fault if f"Fault.{fault.name}" not in tests] == []
