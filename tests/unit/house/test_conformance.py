"""The cases of conformance are those of the kubelet's list."""

from __future__ import annotations

from tests.conformance.cases import CASES


def test_there_is_a_case_for_each_number() -> None:
    assert [case.id for case in CASES] == [f"S{number}" for number in range(1, 41)]
