"""A node's policy file, read for a command: refused with all its faults, or ready to judge manifests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.clock import SystemClock
from podstead.errors import OperatorError
from podstead.manifest.reading import Severity
from podstead.policy.judge_file import FileJudgement, judge_file
from podstead.policy.read import read_policy
from podstead.policy.values import Circumstances, Origin

if TYPE_CHECKING:
    from podstead.manifest.armour import Limits
    from podstead.manifest.reading import Message
    from podstead.policy.judge_file import RuleJudge
    from podstead.policy.values import Policy

MOST_BYTES = 1 << 20
"""As a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """What a policy file comes to: a policy to judge by, or None and the messages that say why."""

    path: str
    policy: Policy | None
    rules: RuleJudge | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyJudge:
    """Judges manifests as a node of that name would. With a signer as if that principal had signed and signatures were enforced."""

    policy: Policy
    rules: RuleJudge | None
    node: str
    signer: str
    now: float

    def judge(self, path: str, data: bytes, limits: Limits, *, strict: bool = False) -> FileJudgement:
        """Return what the policy says of a file; paths of the node are compared by their names."""
        at = Circumstances(node=self.node, now=self.now, enforce=bool(self.signer))
        origin = Origin(
            file=Path(path).name,
            digest=digest_of(data),
            signed=bool(self.signer),
            principals=self.signer,
        )
        return judge_file(data, self.policy, origin, at, limits, rules=self.rules, strict=strict)


def digest_of(data: bytes) -> str:
    """Return a file's digest as a policy names it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_policy_file(path: str) -> PolicyFile:
    """Return what a policy file comes to, its rules compiled. Raises OperatorError when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"cannot read the policy {path}: {error.strerror or error}") from None
    reading = read_policy(data)
    policy, messages = reading.policy, reading.messages
    if policy is None or not policy.rules:
        return PolicyFile(path=path, policy=policy, rules=None, messages=messages)
    from podstead.policy.cel.engine import MissingEngineError
    from podstead.policy.cel.ruleset import RuleSet

    try:
        rules = RuleSet(policy)
    except MissingEngineError as error:
        raise OperatorError(f"cannot use the policy {path}: {error}") from None
    faults = tuple(rules.problems)
    return PolicyFile(
        path=path, policy=None if faults else policy, rules=rules, messages=tuple(sorted((*messages, *faults)))
    )


def policy_judge(path: str, *, node: str, signer: str) -> PolicyJudge:
    """Return what judges by a policy file. Raises OperatorError with its first fault when it is none."""
    file = read_policy_file(path)
    if file.policy is None:
        first = next(message for message in file.messages if message.severity is Severity.ERROR)
        told = f"{first.as_line(path)}; 'podstead policy check {path}' shows everything"
        raise OperatorError(f"cannot use the policy: {told}")
    now = SystemClock().now().wall
    return PolicyJudge(policy=file.policy, rules=file.rules, node=node, signer=signer, now=now)
