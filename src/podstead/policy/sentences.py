"""A policy in sentences: what it means for whoever writes manifests, and what it still allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.policy.rules import Action, FailurePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from podstead.policy.rules import Rule
    from podstead.policy.values import Exemption, Grant, Policy


def sentences(policy: Policy, now: float) -> Iterator[str]:
    """Yield what the policy says, one sentence each; `now` is Unix seconds."""
    yield f"Every pod must be within {policy.standard}."
    for override in policy.overrides:
        why = f", because: {override.reason.strip().rstrip('.')}" if override.reason else ""
        yield f"{_pods(override.grant)} must be within {override.standard} instead{_entitled(policy, override.grant)}{why}."
    yield from map(_exemption(policy, now), policy.exemptions)
    yield from _images(policy)
    yield from _host_paths(policy)
    if not policy.priorities:
        yield "No pod may have a priority that makes others go (2000000000 and more)."
    for rule in policy.priorities:
        classes = _list(sorted(rule.classes))
        yield f"{_pods(rule.grant)} may be {classes} and make others go{_entitled(policy, rule.grant)}."
    yield from map(_rule, policy.rules)
    for signer in policy.signers:
        pods = _list(map(str, signer.pods))
        yield f"{_list(signer.principals)} may sign for {pods}."
    if policy.signers:
        yield "Signed content for a pod that its signer is not listed for is refused."
    yield "Where signatures are enforced, what equals root on the node is refused unless an exemption names it."


def _exemption(policy: Policy, now: float) -> Callable[[Exemption], str]:
    def told(one: Exemption) -> str:
        found = f" with the value {_list(sorted(one.values), 'or')}" if one.values else ""
        end = f"ended on {one.until_text} and counts no more" if now >= one.until else f"ends on {one.until_text}"
        owner = f" of {one.owner}" if one.owner else ""
        return (
            f"Exemption {one.name}{owner} {end}: {_pods(one.grant)} may break {_list(sorted(one.controls))}{found}"
            f"{_entitled(policy, one.grant)}, because: {one.reason.strip().rstrip('.')}."
        )

    return told


def _images(policy: Policy) -> Iterator[str]:
    rules = policy.images
    if rules.registries:
        yield f"Images come from {_list(rules.registries, 'or')} alone."
    if rules.deny:
        yield f"No image comes from {_list(rules.deny, 'or')}."
    if rules.require_digest:
        yield "Every image is named with its digest, or pinned to one by its signer."


def _host_paths(policy: Policy) -> Iterator[str]:
    if policy.host_paths is None:
        return
    if not policy.host_paths:
        yield "No hostPath may be mounted, whatever the level."
    for rule in policy.host_paths:
        how = " to read only" if rule.read_only else ""
        yield f"Where hostPath volumes are allowed at all, they may lie below {rule.prefix}{how}."


def _rule(rule: Rule) -> str:
    what = {Action.DENY: "refuses", Action.WARN: "warns of", Action.AUDIT: "records"}
    acts = _list(what[action] for action in Action if action in rule.actions)
    when = " that meets its conditions" if rule.match_conditions else ""
    doubt = "; what cannot be evaluated is let through" if rule.failure_policy is FailurePolicy.IGNORE else ""
    return f"Rule {rule.name} {acts} a pod{when} for which a validation of it is not true{doubt}."


def _pods(grant: Grant) -> str:
    return _list(map(str, grant.pods))


def _entitled(policy: Policy, grant: Grant) -> str:
    """Return for which content an entry counts."""
    ways = []
    if policy.signers:
        ways.append("signed by who may sign for that name")
    if grant.digests:
        ways.append(f"in a file of digest {_list((d[:19] + '…' for d in sorted(grant.digests)), 'or')}")
    return f", when {_list(ways, 'or')}" if ways else ", for no content yet: no signer and no digest is listed"


def _list(texts: Iterable[str], word: str = "and") -> str:
    found = list(texts)
    return f"{', '.join(found[:-1])} {word} {found[-1]}" if len(found) > 1 else "".join(found)
