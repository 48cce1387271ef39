"""From the fields of a policy file to a `Policy`: every value checked, every fault noted at its place."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podstead.k8s.labels import PRIORITY_CLASSES
from podstead.manifest.findings import Code, shown
from podstead.policy import values
from podstead.policy.images import full_name, registry_reason
from podstead.policy.known import controls
from podstead.policy.patterns import pattern_reason, pod_pattern
from podstead.policy.pod_security.levels import Level, Standard, standard
from podstead.policy.rules import Action, Expression, FailurePolicy, Rule, Validation
from podstead.policy.violation import cleaned
from podstead.signing.patterns import pattern_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from podstead.manifest.findings import Finding, Places
    from podstead.policy import document as doc

NEVER = "never"
_DAY_SECONDS = 86_400.0
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Compiler:
    """Makes one policy. `findings` grow while it does; with an error among them the policy is not to be used."""

    def __init__(self, places: Places) -> None:
        self.findings: list[Finding] = []
        self._places = places

    def policy(self, given: doc.NodePolicy) -> values.Policy:
        """Return the policy that the fields mean."""
        security = given.pod_security
        names = controls(rule.name for rule in given.rules)
        policy = values.Policy(
            name=given.name or "",
            standard=self._standard("podSecurity", security.level, security.version)
            if security is not None
            else values.Policy().standard,
            overrides=tuple(
                self._override(number, one) for number, one in enumerate(security.overrides if security else ())
            ),
            exemptions=tuple(self._exemption(number, one, names) for number, one in enumerate(given.exemptions)),
            rules=tuple(self._rule(number, one) for number, one in enumerate(given.rules)),
            images=self._images(given.images) if given.images is not None else values.ImageRules(),
            host_paths=None
            if given.host_paths is None
            else tuple(self._host_path(number, one) for number, one in enumerate(given.host_paths)),
            priorities=tuple(self._priority(number, one) for number, one in enumerate(given.priorities)),
            signers=tuple(self._signer(number, one) for number, one in enumerate(given.signers)),
        )
        self._unique("exemptions", [one.name for one in given.exemptions])
        self._unique("rules", [one.name for one in given.rules])
        self._warn_of_the_unusable(policy)
        return policy

    def _refuse(self, path: str, text: str) -> None:
        self.findings.append(self._places.finding_at(path, Code.INVALID, text))

    def _warn(self, path: str, text: str) -> None:
        self.findings.append(self._places.finding_at(path, Code.ADVICE, text))

    def _each(self, path: str, texts: Iterable[str], reason: Callable[[str], str | None]) -> None:
        for number, text in enumerate(texts):
            if (why := reason(text)) is not None:
                self._refuse(f"{path}[{number}]", f"{shown(text)}: {why}")

    def _needs(self, path: str, given: tuple[str, ...], what: str) -> None:
        if not given:
            self._refuse(path, f"is empty: name {what}")

    def _unique(self, path: str, names: list[str]) -> None:
        for number, name in enumerate(names):
            if name in names[:number]:
                self._refuse(f"{path}[{number}].name", f"{shown(name)} is the name of another entry already")

    def _name(self, path: str, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            self._refuse(f"{path}.name", f"{shown(name)} is no name: write lower case letters, digits, '-' and '.'")
        return name

    def _standard(self, path: str, level: str, version: str | None) -> Standard:
        if level not in set(Level):
            self._refuse(f"{path}.level", f"{shown(level)} is no level{_nearest(level, Level)}: {', '.join(Level)}")
            return Standard(level=Level.RESTRICTED)
        try:
            return standard(f"{level}:{version or 'latest'}")
        except ValueError as error:
            self._refuse(f"{path}.version", str(error))
            return Standard(level=Level(level))

    def _grant(self, path: str, pods: tuple[str, ...], digests: tuple[str, ...]) -> values.Grant:
        self._needs(f"{path}.pods", pods, "the pods that it is for, as in default/mysql")
        self._each(f"{path}.pods", pods, pattern_reason)
        self._each(f"{path}.digests", digests, _digest_reason)
        good = tuple(pod_pattern(text) for text in pods if pattern_reason(text) is None)
        return values.Grant(pods=good, digests=frozenset(digests))

    def _override(self, number: int, one: doc.PolicyOverride) -> values.Override:
        path = f"podSecurity.overrides[{number}]"
        return values.Override(
            grant=self._grant(path, one.pods, one.digests),
            standard=self._standard(path, one.level, one.version),
            reason=one.reason or "",
            position=number,
        )

    def _exemption(self, number: int, one: doc.PolicyExemption, names: tuple[str, ...]) -> values.Exemption:
        path = f"exemptions[{number}]"
        self._needs(f"{path}.controls", one.controls, "the controls that it lifts")
        for at, control in enumerate(one.controls):
            if control not in names:
                near = _nearest(control, names) or ": 'podstead policy controls' lists them"
                self._refuse(f"{path}.controls[{at}]", f"{shown(control)} is no control{near}")
        if not one.reason.strip():
            self._refuse(f"{path}.reason", "is empty: say why, for whoever looks at this next")
        if any("*" in pod.partition("/")[0] or pod.endswith("/*") for pod in one.pods):
            self._warn(f"{path}.pods", "Wide: an exemption should name its pods, one by one")
        return values.Exemption(
            name=self._name(path, one.name),
            grant=self._grant(path, one.pods, one.digests),
            controls=frozenset(one.controls),
            values=frozenset(cleaned(value) if value.startswith("/") else value for value in one.values),
            reason=one.reason,
            owner=one.owner or "",
            until=self._until(path, one.until),
            until_text=one.until,
        )

    def _until(self, path: str, text: str) -> float:
        if text == NEVER:
            self._warn(f"{path}.until", "Endless: give it a day, so that somebody looks at it again")
            return values.NO_DEADLINE
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._refuse(f"{path}.until", f"{shown(text)} is no day: write it as in 2027-06-30, or never")
            return 0.0
        until = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        # The day itself is meant as well. Added to the seconds: 9999-12-31, which many write for never, has no day after it.
        return until + _DAY_SECONDS if _DATE.fullmatch(text) else until

    def _images(self, given: doc.PolicyImages) -> values.ImageRules:
        self._each("images.registries", given.registries, registry_reason)
        self._each("images.deny", given.deny, registry_reason)
        return values.ImageRules(
            registries=tuple(map(full_name, given.registries)),
            deny=tuple(map(full_name, given.deny)),
            require_digest=bool(given.require_digest),
        )

    def _host_path(self, number: int, one: doc.PolicyHostPath) -> values.HostPathRule:
        if not one.prefix.startswith("/") or ".." in one.prefix.split("/"):
            self._refuse(f"hostPaths[{number}].prefix", f"{shown(one.prefix)} must be a path from / on, without '..'")
        return values.HostPathRule(prefix=cleaned(one.prefix), read_only=bool(one.read_only))

    def _priority(self, number: int, one: doc.PolicyPriority) -> values.PriorityRule:
        path = f"priorities[{number}]"
        self._needs(f"{path}.classes", one.classes, f"one of {' and '.join(PRIORITY_CLASSES)}")
        for at, name in enumerate(one.classes):
            if name not in PRIORITY_CLASSES:
                near = _nearest(name, PRIORITY_CLASSES)
                text = f"{shown(name)} preempts nobody{near}: the classes that do are {' and '.join(PRIORITY_CLASSES)}"
                self._refuse(f"{path}.classes[{at}]", text)
        # Who may be the most important may be the less important too.
        highest = max((PRIORITY_CLASSES.get(name, 0) for name in one.classes), default=0)
        allowed = frozenset(name for name, value in PRIORITY_CLASSES.items() if value <= highest)
        return values.PriorityRule(grant=self._grant(path, one.pods, one.digests), classes=allowed)

    def _signer(self, number: int, one: doc.PolicySigner) -> values.Signer:
        path = f"signers[{number}]"
        self._needs(f"{path}.principals", one.principals, "who signs, as in the file of allowed signers")
        self._each(f"{path}.principals", one.principals, _principal_reason)
        return values.Signer(principals=one.principals, pods=self._grant(path, one.pods, ()).pods)

    def _rule(self, number: int, one: doc.PolicyRule) -> Rule:
        path = f"rules[{number}]"
        if not one.validations and not one.audit_annotations:
            self._refuse(path, "the rule demands nothing: give it validations")
        actions = one.validation_actions or (Action.DENY,)
        for at, action in enumerate(actions):
            if action not in set(Action):
                self._refuse(f"{path}.validationActions[{at}]", f"{shown(action)} must be {', '.join(Action)}")
        failure = one.failure_policy or FailurePolicy.FAIL
        if failure not in set(FailurePolicy):
            self._refuse(f"{path}.failurePolicy", f"{shown(failure)} must be Fail or Ignore")
            failure = FailurePolicy.FAIL
        for at, variable in enumerate(one.variables):
            if _VARIABLE.fullmatch(variable.name) is None:
                text = f"{shown(variable.name)} is no name of a variable: write letters, digits and '_'"
                self._refuse(f"{path}.variables[{at}].name", text)
        self._unique(f"{path}.variables", [variable.name for variable in one.variables])
        return Rule(
            name=self._name(path, one.name),
            match_conditions=self._expressions(f"{path}.matchConditions", one.match_conditions),
            variables=self._expressions(f"{path}.variables", one.variables),
            validations=tuple(
                self._validation(f"{path}.validations[{at}]", given) for at, given in enumerate(one.validations)
            ),
            audit_annotations=tuple(
                self._expression(f"{path}.auditAnnotations[{at}].valueExpression", given.key, given.value_expression)
                for at, given in enumerate(one.audit_annotations)
            ),
            failure_policy=FailurePolicy(failure),
            actions=frozenset(Action(action) for action in actions if action in set(Action)),
        )

    def _expressions(self, path: str, given: tuple[doc.PolicyExpression, ...]) -> tuple[Expression, ...]:
        return tuple(
            self._expression(f"{path}[{at}].expression", one.name, one.expression) for at, one in enumerate(given)
        )

    def _expression(self, path: str, name: str, text: str) -> Expression:
        if not text.strip():
            self._refuse(path, "is empty: write a CEL expression")
        line, column = self._places.closest(path)
        return Expression(name=name, text=text, line=line, column=column)

    def _validation(self, path: str, given: doc.PolicyValidation) -> Validation:
        said = given.message_expression
        return Validation(
            expression=self._expression(f"{path}.expression", "", given.expression),
            message=given.message or "",
            message_expression=None if said is None else self._expression(f"{path}.messageExpression", "", said),
            reason=given.reason or "",
        )

    def _warn_of_the_unusable(self, policy: values.Policy) -> None:
        """Warn of entries that no content can ever use: no signer is listed, and no digest."""
        if policy.signers:
            return
        grants = [
            *((f"podSecurity.overrides[{n}]", one.grant) for n, one in enumerate(policy.overrides)),
            *((f"exemptions[{n}]", one.grant) for n, one in enumerate(policy.exemptions)),
            *((f"priorities[{n}]", one.grant) for n, one in enumerate(policy.priorities)),
        ]
        for path, grant in grants:
            if not grant.digests:
                text = "Unused: anybody can write these names, so it counts for content with a signer or a digest alone"
                self._warn(path, f"{text}: list signers:, or the manifest's digest (sha256sum) under digests:")


def _nearest(text: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(text[:64], map(str, known), n=1)
    return f", did you mean {found[0]!r}?" if found else ""


def _digest_reason(text: str) -> str | None:
    return (
        None if _DIGEST.fullmatch(text) else "must be sha256: and the 64 hex digits that sha256sum prints of the file"
    )


def _principal_reason(text: str) -> str | None:
    if "," in text or "!" in text:
        return "must be one name or pattern: write several as a list"
    return pattern_fault(text) or None
