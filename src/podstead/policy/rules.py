"""Rules in the form of a ValidatingAdmissionPolicy, and what became of them. `cel` evaluates them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a rule that is broken does (Kubernetes: validationActions)."""

    DENY = "Deny"
    WARN = "Warn"
    AUDIT = "Audit"


class FailurePolicy(StrEnum):
    """What an expression that cannot be evaluated means."""

    FAIL = "Fail"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A CEL expression, its name and its place in the policy file (from 1)."""

    name: str
    text: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What must be true. `message` or `message_expression` say what is wrong where it is not."""

    expression: Expression
    message: str = ""
    message_expression: Expression | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Validations of one purpose, for pods of which all `match_conditions` are true."""

    name: str
    match_conditions: tuple[Expression, ...] = ()
    variables: tuple[Expression, ...] = ()
    validations: tuple[Validation, ...] = ()
    audit_annotations: tuple[Expression, ...] = ()
    failure_policy: FailurePolicy = FailurePolicy.FAIL
    actions: frozenset[Action] = frozenset({Action.DENY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A validation of a rule that a pod breaks; `problem` is a sentence, `reason` CamelCase or empty."""

    rule: str
    problem: str
    actions: frozenset[Action]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What the rules say of one pod. `annotations` are for the record: rule and key, and what stands there."""

    broken: tuple[Broken, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


RULE_CONTROL = "Rule "
"""An exemption names a rule as a control of this beginning and its name."""
