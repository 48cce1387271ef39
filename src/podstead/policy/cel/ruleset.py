"""The rules of a policy, compiled, and what they say of a pod."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podstead.manifest.reading import Message, Severity
from podstead.policy.cel.engine import CelError, Engine, Gives, Program
from podstead.policy.cel.facts import request_of, without_secrets
from podstead.policy.rules import Broken, FailurePolicy, RuleOutcome
from podstead.policy.violation import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.policy.rules import Expression, Rule, Validation
    from podstead.policy.values import Circumstances, Origin, Policy

_USED = re.compile(r"\bvariables\s*\.\s*\??\s*([A-Za-z_]\w*)")
MOST_MESSAGE = 5 << 10
"""Characters of a messageExpression, as in Kubernetes; a longer one is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demand:
    """A validation, compiled."""

    validation: Validation
    program: Program
    message: Program | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """A rule, compiled."""

    rule: Rule
    conditions: tuple[Program, ...]
    variables: Mapping[str, Program]
    demands: tuple[_Demand, ...]
    annotations: tuple[tuple[str, Program], ...]


class RuleSet:
    """A policy's rules. `problems` says what cannot be compiled; such a set must not judge."""

    def __init__(self, policy: Policy) -> None:
        self._engine = Engine()
        self.problems: list[Message] = []
        self._rules = tuple(self._compiled(number, rule) for number, rule in enumerate(policy.rules))

    def __call__(self, pod: v1.Pod, origin: Origin, at: Circumstances) -> RuleOutcome:
        """Return what the rules say of a pod as its manifest has it."""
        told = as_json(pod)
        request = request_of(pod, origin, at)
        broken: list[Broken] = []
        annotations: list[tuple[str, str]] = []
        for compiled in self._rules:
            scope = _Scope(self._engine, compiled.variables, told, request)
            shown = _Scope(self._engine, compiled.variables, without_secrets(told), request)
            broken += self._broken(compiled, scope, shown, annotations)
        return RuleOutcome(broken=tuple(broken), annotations=tuple(annotations))

    def _broken(
        self, compiled: _Compiled, scope: _Scope, shown: _Scope, annotations: list[tuple[str, str]]
    ) -> Iterator[Broken]:
        rule = compiled.rule
        try:
            if not _applies(compiled, scope):
                return
        except CelError as error:
            yield from _in_doubt(rule, f"a match condition cannot be evaluated: {error}")
            return
        for demand in compiled.demands:
            try:
                if scope.value(demand.program):
                    continue
            except CelError as error:
                said = demand.validation.message
                yield from _in_doubt(rule, f"{said + ': ' if said else ''}a validation cannot be evaluated: {error}")
                continue
            problem, reason = _said(demand, shown), demand.validation.reason
            yield Broken(rule=rule.name, problem=problem, actions=rule.actions, reason=reason)
        for key, program in compiled.annotations:
            try:
                if (value := shown.value(program)) is not None:
                    annotations.append((f"{rule.name}/{key}", str(value)[:MOST_MESSAGE]))
            except CelError as error:
                yield from _in_doubt(rule, f"the audit annotation {key} cannot be evaluated: {error}")

    def _compiled(self, number: int, rule: Rule) -> _Compiled:
        path = f"rules[{number}]"
        known: list[str] = []
        variables = {}
        for at, variable in enumerate(rule.variables):
            where = f"{path}.variables[{at}].expression"
            if (program := self._compile(where, variable, Gives.ANYTHING, known)) is not None:
                variables[variable.name] = program
            known.append(variable.name)
        conditions = [
            self._compile(f"{path}.matchConditions[{at}].expression", one, Gives.TRUTH, known)
            for at, one in enumerate(rule.match_conditions)
        ]
        demands = [self._demand(f"{path}.validations[{at}]", one, known) for at, one in enumerate(rule.validations)]
        annotations = [
            (one.name, self._compile(f"{path}.auditAnnotations[{at}].valueExpression", one, Gives.ANYTHING, known))
            for at, one in enumerate(rule.audit_annotations)
        ]
        return _Compiled(
            rule=rule,
            conditions=tuple(one for one in conditions if one is not None),
            variables=variables,
            demands=tuple(one for one in demands if one is not None),
            annotations=tuple((key, one) for key, one in annotations if one is not None),
        )

    def _demand(self, path: str, validation: Validation, known: list[str]) -> _Demand | None:
        program = self._compile(f"{path}.expression", validation.expression, Gives.TRUTH, known)
        message = None
        if validation.message_expression is not None:
            where = f"{path}.messageExpression"
            message = self._compile(where, validation.message_expression, Gives.TEXT, known)
        return None if program is None else _Demand(validation=validation, program=program, message=message)

    def _compile(self, path: str, expression: Expression, gives: Gives, known: list[str]) -> Program | None:
        try:
            program = self._engine.compile(expression.text, gives)
        except CelError as error:
            self._refuse(path, expression, str(error))
            return None
        unknown = [name for name in _USED.findall(expression.text) if name not in known]
        if unknown:
            self._refuse(path, expression, f"variables.{unknown[0]} is not among the variables that stand before it")
            return None
        return program

    def _refuse(self, path: str, expression: Expression, text: str) -> None:
        place = {"line": expression.line, "column": expression.column}
        self.problems.append(Message(**place, field=path, severity=Severity.ERROR, message=text))


class _Scope:
    """What expressions see of one pod. A variable is evaluated when an expression names it, and once."""

    def __init__(
        self,
        engine: Engine,
        variables: Mapping[str, Program],
        told: Mapping[str, object],
        request: Mapping[str, object],
    ) -> None:
        self._engine = engine
        self._programs = variables
        self._known: dict[str, object] = {}
        self._failed: dict[str, str] = {}
        self._data = {"object": told, "oldObject": None, "request": request}

    def value(self, program: Program) -> Any:
        """Return what an expression comes to; a variable that it names and that fails is one that is not there."""
        for name in _USED.findall(program.text):
            self._find(name)
        try:
            return self._engine.evaluate(program, {**self._data, "variables": self._known})
        except CelError as error:
            failed = [name for name in _USED.findall(program.text) if name in self._failed]
            if not failed:
                raise
            raise CelError(f"variables.{failed[0]} cannot be: {self._failed[failed[0]]}") from error

    def _find(self, name: str) -> None:
        program = self._programs.get(name)
        if program is None or name in self._known or name in self._failed:
            return
        try:
            self._known[name] = self.value(program)
        except CelError as error:
            self._failed[name] = str(error)


def _applies(compiled: _Compiled, scope: _Scope) -> bool:
    """Return whether all match conditions are true; one that is false outweighs another's fault, as in Kubernetes."""
    fault = None
    for condition in compiled.conditions:
        try:
            if not scope.value(condition):
                return False
        except CelError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    return True


def _in_doubt(rule: Rule, problem: str) -> Iterator[Broken]:
    if rule.failure_policy is FailurePolicy.FAIL:
        yield Broken(rule=rule.name, problem=problem, actions=rule.actions)


def _said(demand: _Demand, shown: _Scope) -> str:
    """Return what is wrong in the policy's words: by the expression, else the message, else the expression that failed."""
    if demand.message is not None:
        try:
            text = str(shown.value(demand.message)).strip()
        except CelError:
            text = ""
        if text and "\n" not in text and len(text) <= MOST_MESSAGE:
            return text
    return demand.validation.message or f"must be true: {' '.join(demand.validation.expression.text.split())}"
