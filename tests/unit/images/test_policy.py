"""Pull policies."""

from __future__ import annotations

import pytest

from podstead.images.policy import PullDecision, decide


@pytest.mark.parametrize(
    ("policy", "present", "decision"),
    [
        ("Always", True, PullDecision.PULL),
        ("Always", False, PullDecision.PULL),
        ("IfNotPresent", True, PullDecision.USE),
        ("IfNotPresent", False, PullDecision.PULL),
        ("Never", True, PullDecision.USE),
        ("Never", False, PullDecision.NEVER_PRESENT),
        (None, True, PullDecision.USE),
        (None, False, PullDecision.PULL),
    ],
)
def test_decisions(policy: str | None, present: bool, decision: PullDecision) -> None:
    assert decide(policy, present=present) is decision
