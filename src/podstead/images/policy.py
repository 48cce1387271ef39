"""What imagePullPolicy asks for, given whether the image is present (spec/kubelet-static-pods.md 3.10). Pure."""

from __future__ import annotations

from enum import StrEnum


class PullDecision(StrEnum):
    """What to do about an image before its container starts."""

    PULL = "Pull"
    USE = "Use"
    NEVER_PRESENT = "NeverPresent"
    """Policy Never and the image is absent: waiting reason ErrImageNeverPull."""


def decide(policy: str | None, *, present: bool) -> PullDecision:
    """Return the decision for Always, IfNotPresent or Never; no policy means IfNotPresent (defaulting fills it in)."""
    if policy == "Always":
        return PullDecision.PULL
    if present:
        return PullDecision.USE
    return PullDecision.NEVER_PRESENT if policy == "Never" else PullDecision.PULL
