"""Manifests for the tests of policies."""

from __future__ import annotations

import json
from typing import Any

from podstead.manifest.armour import Limits
from podstead.manifest.undecided import read_undecided
from podstead.policy.judge_file import FileJudgement, judge_file
from podstead.policy.read import read_policy
from podstead.policy.values import Circumstances, Origin, Policy

LIMITS = Limits()
NOW = 1_795_000_000.0
"""November 2026."""
DIGEST = f"sha256:{'a' * 64}"
UNSIGNED = Origin(file="pod.yaml", digest=DIGEST)


def signed(principals: str = "dba@example.com", **more: Any) -> Origin:
    return Origin(file="pod.yaml", digest=DIGEST, signed=True, principals=principals, **more)


def manifest(name: str = "mysql", namespace: str = "default", **spec: Any) -> bytes:
    container = {"name": "c", "image": "docker.io/library/mysql:8", **spec.pop("container", {})}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **spec.pop("metadata", {})},
        "spec": {"containers": [container], **spec},
    }
    return json.dumps(document).encode()


def pod_of(data: bytes) -> Any:
    return read_undecided(data, LIMITS).pods[0].pod


def policy(text: str) -> Policy:
    read = read_policy(f"apiVersion: podstead.io/v1\nkind: NodePolicy\n{text}".encode())
    assert read.policy is not None, read.messages
    return read.policy


def judge(
    data: bytes, by: Policy, origin: Origin = UNSIGNED, *, enforce: bool = False, now: float = NOW, **more: Any
) -> FileJudgement:
    rules = None
    if by.rules:
        from podstead.policy.cel.ruleset import RuleSet

        rules = RuleSet(by)
        assert rules.problems == []
    at = Circumstances(node="node1", now=now, enforce=enforce, **more)
    return judge_file(data, by, origin, at, LIMITS, rules=rules)


def controls(judgement: FileJudgement) -> set[str]:
    """Return the controls that refuse a file."""
    return {one.breach.control for pod in judgement.pods for one in pod.standing}
