"""A manifest file held against the policy: its bytes in, messages with their places out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from podstead.k8s.text import printable
from podstead.manifest.findings import MAX_MESSAGES
from podstead.manifest.reading import Message, Severity
from podstead.manifest.undecided import read_undecided
from podstead.policy.judge import DEFAULT_NAMESPACE, PodJudgement, judge_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.armour import Limits
    from podstead.manifest.findings import Places
    from podstead.policy.rules import RuleOutcome
    from podstead.policy.values import Circumstances, Origin, Policy

REASON = "PolicyViolation"


class RuleJudge(Protocol):
    """Evaluates the policy's CEL rules."""

    def __call__(self, pod: v1.Pod, origin: Origin, at: Circumstances) -> RuleOutcome:
        """Return what the rules say of a pod; what cannot be evaluated is an outcome too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJudgement:
    """What the policy says of a file: refused when one of its pods is; a file is all or nothing (foundation 9)."""

    pods: tuple[PodJudgement, ...] = ()
    messages: tuple[Message, ...] = ()
    unreadable: str = ""
    """The reason of a file that gives no pods, whose messages say why."""

    @property
    def refused(self) -> bool:
        """Whether the policy forbids it."""
        return bool(self.unreadable) or any(pod.standing for pod in self.pods)


def judge_file(
    data: bytes,
    policy: Policy,
    origin: Origin,
    at: Circumstances,
    limits: Limits,
    *,
    rules: RuleJudge | None = None,
    strict: bool = False,
) -> FileJudgement:
    """Return what the policy says of a file's bytes. `rules` may be None where the policy has none.

    Raises ValueError for a policy with rules that nobody is there to evaluate: they are never passed over.
    """
    if policy.rules and rules is None:
        raise ValueError("the policy has rules, and nothing to evaluate them was given")
    read = read_undecided(data, limits, strict=strict)
    if read.reason:
        return FileJudgement(messages=read.messages, unreadable=read.reason)
    pods: list[PodJudgement] = []
    messages: list[Message] = []
    for one in read.pods:
        metadata = replace(one.pod.metadata, namespace=one.pod.metadata.namespace or DEFAULT_NAMESPACE)
        pod = replace(one.pod, metadata=metadata)
        outcome = (rules(pod, origin, at),) if rules is not None and policy.rules else ()
        judged = judge_pod(pod, policy, origin, at, *outcome)
        pods.append(judged)
        messages += _messages(judged, one.places)
    return FileJudgement(pods=tuple(pods), messages=_kept(messages))


def _messages(judged: PodJudgement, places: Places) -> Iterator[Message]:
    held = "".join(f"; {sentence}" for sentence in judged.held)
    for one in judged.standing:
        breach = one.breach
        near = "".join(f"; {sentence}" for sentence in one.near)
        # Another level would have mattered to what the standard forbids, and to nothing else.
        other = held if breach.problem.startswith("(") else ""
        yield _message(places, breach.field, f"{breach.control}: {breach.problem}{near}{other}", Severity.ERROR)
    for breach in judged.warned:
        yield _message(places, breach.field, f"{breach.control}: {breach.problem}", Severity.WARNING)


def _message(places: Places, field: str, text: str, severity: Severity) -> Message:
    line, column = places.closest(field)
    return Message(line=line, column=column, field=printable(field), severity=severity, message=printable(text))


def _kept(messages: list[Message]) -> tuple[Message, ...]:
    if len(messages) <= MAX_MESSAGES:
        return tuple(sorted(messages))
    rest = len(messages) - MAX_MESSAGES
    errors_first = sorted(messages, key=lambda message: message.severity)[:MAX_MESSAGES]
    last = Message(line=0, column=0, field="", severity=Severity.WARNING, message=f"{rest} more messages are not shown")
    return (*sorted(errors_first), last)
