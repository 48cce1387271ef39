"""A pod held against the policy: every control that it breaks, and which exemption lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.policy.entitlement import may_sign, names, withheld
from podstead.policy.host_paths import prefix_breaches
from podstead.policy.images import image_breaches
from podstead.policy.pod_security.evaluate import violations
from podstead.policy.priorities import priority_breaches
from podstead.policy.root_equal import root_breaches
from podstead.policy.rules import RULE_CONTROL, Action, RuleOutcome
from podstead.policy.violation import Breach, Judged, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.policy.pod_security.levels import Standard
    from podstead.policy.values import Circumstances, Exemption, Origin, Policy

DEFAULT_NAMESPACE = "default"
SIGNERS = "Signers"
NO_RULES = RuleOutcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodJudgement:
    """What the policy says of one pod. `standard` is the level that it was held against.

    `held` says why another level, which names the pod, does not count. `warned` are the rules that only warn.
    """

    namespace: str
    name: str
    standard: Standard
    held: tuple[str, ...]
    found: tuple[Judged, ...]
    warned: tuple[Breach, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def standing(self) -> tuple[Judged, ...]:
        """What refuses the pod."""
        return tuple(one for one in self.found if not one.by)


def judge_pod(
    pod: v1.Pod, policy: Policy, origin: Origin, at: Circumstances, rules: RuleOutcome = NO_RULES
) -> PodJudgement:
    """Return what the policy says of a pod as its manifest has it, with its defaults; `rules` what its CEL rules say."""
    namespace, name = pod.metadata.namespace or DEFAULT_NAMESPACE, pod.metadata.name or ""
    standard, held = _standard(policy, origin, namespace, name)
    breaches = (
        *_signer_breaches(policy, origin, namespace, name),
        *_level_breaches(pod, standard),
        *(root_breaches(pod, at.paths) if at.enforce else ()),
        *image_breaches(pod, policy.images, origin),
        *prefix_breaches(pod, policy.host_paths, at.paths),
        *priority_breaches(pod, policy, origin, namespace, name),
        *_rule_breaches(rules, Action.DENY),
    )
    exemptions = [one for one in policy.exemptions if names(one.grant, namespace, name)]
    return PodJudgement(
        namespace=namespace,
        name=name,
        standard=standard,
        held=held,
        found=tuple(_judged(breach, exemptions, policy, origin, at, (namespace, name)) for breach in breaches),
        warned=tuple(_rule_breaches(rules, Action.WARN)),
        annotations=rules.annotations,
    )


def _standard(policy: Policy, origin: Origin, namespace: str, name: str) -> tuple[Standard, tuple[str, ...]]:
    """Return the level for a pod, that of the first override which is for it, and why others are not."""
    held: list[str] = []
    for override in policy.overrides:
        if names(override.grant, namespace, name):
            if not (why := withheld(override.grant, origin, policy.signers, namespace, name)):
                return override.standard, tuple(held)
            held.append(f"podSecurity.overrides[{override.position}] ({override.standard}) does not count: {why}")
    return policy.standard, tuple(held)


def _signer_breaches(policy: Policy, origin: Origin, namespace: str, name: str) -> Iterator[Breach]:
    if policy.signers and origin.signed and not may_sign(origin, policy.signers, namespace, name):
        problem = f"{origin.principals} may not sign for {namespace}/{name}: the policy's signers do not list it"
        yield Breach(control=SIGNERS, field="metadata.name", problem=problem, value=f"{namespace}/{name}")


def _level_breaches(pod: v1.Pod, standard: Standard) -> Iterator[Breach]:
    for one in violations(pod, standard):
        problem = f"({standard}) {one.problem}"
        yield Breach(control=one.control, field=one.field, problem=problem, value=value_at(pod, one.field))


def _rule_breaches(rules: RuleOutcome, action: Action) -> Iterator[Breach]:
    for one in rules.broken:
        if action in one.actions:
            yield Breach(control=f"{RULE_CONTROL}{one.rule}", field="", problem=one.problem, value="")


def _judged(
    breach: Breach,
    exemptions: list[Exemption],
    policy: Policy,
    origin: Origin,
    at: Circumstances,
    pod: tuple[str, str],
) -> Judged:
    near = []
    for exemption in exemptions:
        if breach.control not in exemption.controls:
            continue
        if (why := _unfit(exemption, breach, policy, origin, at, pod)) is None:
            return Judged(breach=breach, by=exemption.name)
        near.append(f"exemption {exemption.name} does not fit: {why}")
    return Judged(breach=breach, near=tuple(near))


def _unfit(
    exemption: Exemption, breach: Breach, policy: Policy, origin: Origin, at: Circumstances, pod: tuple[str, str]
) -> str | None:
    """Return why an exemption that names control and pod does not lift a breach, None: it does."""
    if exemption.values and breach.value not in exemption.values:
        return f"it is for the value {' or '.join(sorted(exemption.values))}, not {breach.value}"
    if at.now >= exemption.until:
        return f"it ended on {exemption.until_text}"
    return withheld(exemption.grant, origin, policy.signers, *pod) or None
