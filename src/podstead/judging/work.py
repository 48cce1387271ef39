"""One file judged, on the loop or in the child alike."""

from __future__ import annotations

from os import fsdecode
from typing import TYPE_CHECKING

from podstead.judging.wire import Answer, WireMessage
from podstead.manifest.armour import Limits
from podstead.policy.judge_file import judge_file
from podstead.policy.values import Circumstances, Origin, PathFacts, PathStep

if TYPE_CHECKING:
    from podstead.judging.wire import Question
    from podstead.policy.judge_file import RuleJudge
    from podstead.policy.values import Policy


def answer(question: Question, policy: Policy, rules: RuleJudge | None) -> Answer:
    """Return what the policy says of the file."""
    origin = Origin(
        file=question.file,
        digest=question.digest,
        signed=question.signed,
        principals=question.principals,
        pins=frozenset(question.pins),
    )
    paths = {
        one.path: PathFacts(
            real=fsdecode(one.real),
            steps=tuple(PathStep(*step) for step in one.steps),
            missing=tuple(fsdecode(name) for name in one.missing),
        )
        for one in question.paths
    }
    at = Circumstances(node=question.node, now=question.now, enforce=question.enforce, paths=paths)
    limits = Limits(max_bytes=max(len(question.data), 1))
    judged = judge_file(question.data, policy, origin, at, limits, rules=rules)
    return Answer(
        refused=judged.refused,
        messages=tuple(WireMessage(m.line, m.column, m.field, m.severity, m.message) for m in judged.messages),
        lifted=tuple(sorted({one.by for pod in judged.pods for one in pod.found if one.by})),
        notes=tuple(note for pod in judged.pods for note in pod.annotations),
    )
