"""Rules for requests and limits, of containers and of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names, quantity
from podstead.k8s.containers import all_containers
from podstead.k8s.resources import (
    CPU,
    EPHEMERAL_STORAGE,
    HUGEPAGES_PREFIX,
    MEMORY,
    aggregate_limits,
    aggregate_requests,
    amounts,
    largest,
    pod_limits,
    pod_requests,
)
from podstead.manifest.resizing import NOT_REQUIRED, RESTART
from podstead.manifest.validate.findings import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from podstead.manifest.validate.findings import Findings

OVERCOMMITTED = (CPU, MEMORY, EPHEMERAL_STORAGE)
"""Resources of which a container may be allowed more than it requests."""


def validate_container_resources(container: v1.Container, path: str, pod: v1.Pod, found: Findings) -> None:
    """Judge the resources of one container."""
    given = container.resources
    if given is None:
        return
    here = f"{path}.resources"
    _validate_pairs(given, here, found)
    for kind, texts in (("limits", given.limits), ("requests", given.requests)):
        for name in texts:
            _validate_name(f"{here}.{kind}[{name}]", name, found)
    known = {claim.name for claim in pod.spec.resource_claims}
    for index, claim in enumerate(given.claims):
        if claim.name not in known:
            found.not_found(
                f"{here}.claims[{index}].name", f"{quoted(claim.name)} is not in spec.resourceClaims; remove it"
            )
    asked = {**given.limits, **given.requests}
    if any(name.startswith(HUGEPAGES_PREFIX) for name in asked) and CPU not in asked and MEMORY not in asked:
        found.forbidden(here, "hugepages need cpu or memory beside them; add a request of cpu or memory")


def validate_resize_policy(container: v1.Container, path: str, pod: v1.Pod, found: Findings) -> None:
    """Judge what is to happen to a container whose resources change (KEP-1287)."""
    seen: set[str] = set()
    for index, policy in enumerate(container.resize_policy):
        here = f"{path}.resizePolicy[{index}]"
        found.one_of(f"{here}.resourceName", policy.resource_name, (CPU, MEMORY))
        found.one_of(f"{here}.restartPolicy", policy.restart_policy, (NOT_REQUIRED, RESTART))
        if policy.resource_name in seen:
            found.duplicate(f"{here}.resourceName", f"{quoted(policy.resource_name)} has a policy already; keep one")
        seen.add(policy.resource_name)
        if policy.restart_policy == RESTART and pod.spec.restart_policy == "Never":
            found.forbidden(f"{here}.restartPolicy", "restartPolicy Never restarts no container; write NotRequired")


def validate_pod_resources(pod: v1.Pod, found: Findings) -> None:
    """Judge the pod-level resources, by themselves and against those of the containers (KEP-2837)."""
    given = pod.spec.resources
    if given is None:
        return
    here = "spec.resources"
    for kind, texts in (("limits", given.limits), ("requests", given.requests)):
        for name in texts:
            if name not in {CPU, MEMORY} and not name.startswith(HUGEPAGES_PREFIX):
                found.one_of(f"{here}.{kind}[{name}]", name, (CPU, MEMORY, "hugepages-SIZE"))
    if given.claims:
        found.forbidden(f"{here}.claims", "a pod has no claims of its own; remove it")
    _validate_pairs(given, here, found)
    try:
        _validate_sums(pod, given, found)
    except quantity.QuantityError:
        return  # the text that is no quantity was named at its own field


def _validate_sums(pod: v1.Pod, given: v1.ResourceRequirements, found: Findings) -> None:
    """Judge the pod-level amounts against those of the containers."""
    asked, limits = aggregate_requests(pod), amounts(given.limits)
    for name, amount in amounts(given.requests).items():
        if name in asked and asked[name] > amount:
            found.invalid(
                f"spec.resources.requests[{name}]",
                f"got {quoted(given.requests[name])}, the containers together request {_text(asked[name], name)}",
            )
    for kind, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            _validate_below(container, f"spec.{kind}[{index}].resources.limits", limits, found)


def validate_totals(pod: v1.Pod, found: Findings) -> None:
    """Refuse amounts that pass one by one and are, together, more than a cgroup of the pod can be given."""
    try:
        totals = (
            ("request", aggregate_requests(pod), pod_requests(pod)),
            ("limit", aggregate_limits(pod), pod_limits(pod)),
        )
    except quantity.QuantityError:
        return  # the text that is no quantity was named at its own field
    alone = [{**r.requests, **r.limits} for c in all_containers(pod.spec) if (r := c.resources) is not None]
    alone.append(pod.spec.overhead)
    told = {name for texts in alone for name, amount in amounts(texts).items() if amount > largest(name)}
    for verb, containers, whole in totals:
        for name in sorted(whole.keys() - told):
            if containers.get(name, 0) > largest(name):
                found.invalid("spec.containers", f"together they {verb} more {name} than {_most(name)}")
                return
            if whole[name] > largest(name) and name in pod.spec.overhead:
                found.invalid(f"spec.overhead[{name}]", f"with it the pod's {verb}s are more than {_most(name)}")
                return


def validate_overhead(pod: v1.Pod, found: Findings) -> None:
    """Judge the quantities of spec.overhead."""
    for name, text in pod.spec.overhead.items():
        _amount(f"spec.overhead[{name}]", text, found)


def _validate_below(container: v1.Container, path: str, limits: Mapping[str, Fraction], found: Findings) -> None:
    """Refuse a container's limit above the pod's."""
    if container.resources is None:
        return
    for name, amount in amounts(container.resources.limits).items():
        if name in limits and amount > limits[name]:
            text = quoted(container.resources.limits[name])
            found.invalid(f"{path}[{name}]", f"got {text}, more than the pod's limit {_text(limits[name], name)}")


def _validate_pairs(given: v1.ResourceRequirements, path: str, found: Findings) -> None:
    """Judge each quantity, and each request against its limit."""
    limits = {name: _amount(f"{path}.limits[{name}]", text, found) for name, text in given.limits.items()}
    for name, text in given.requests.items():
        here = f"{path}.requests[{name}]"
        request, limit = _amount(here, text, found), limits.get(name)
        if name not in OVERCOMMITTED and name not in limits:
            found.required(
                f"{path}.limits[{name}]", f"{name} cannot be overcommitted: write a limit equal to the request"
            )
        if request is None or limit is None:
            continue
        if name not in OVERCOMMITTED and request != limit:
            found.invalid(here, f"got {quoted(text)}, must equal the limit {quoted(given.limits[name])}")
        elif request > limit:
            found.invalid(here, f"got {quoted(text)}, more than the limit {quoted(given.limits[name])}")


def _amount(path: str, text: str, found: Findings) -> Fraction | None:
    """Return the amount of a quantity that passes, None when it was refused."""
    fault = quantity.problem(text)
    if fault is not None:
        found.named(path, text, fault)
        return None
    amount = quantity.parse(text)
    if amount < 0:
        found.invalid(path, f"got {quoted(text)}, must not be negative")
        return None
    name = path.rpartition("[")[2].removesuffix("]")
    if amount > largest(name):
        found.invalid(path, f"got {quoted(text)}, more than {_most(name)}")
        return None
    if name.startswith(HUGEPAGES_PREFIX):
        return _pages(path, name, text, amount, found)
    if name not in OVERCOMMITTED and amount.denominator != 1:
        found.invalid(path, f"got {quoted(text)}, {name} is counted in whole pieces")
        return None
    return amount


def _pages(path: str, name: str, text: str, amount: Fraction, found: Findings) -> Fraction | None:
    """Return the amount of hugepages if it is a whole number of pages."""
    size = name.removeprefix(HUGEPAGES_PREFIX)
    if quantity.problem(size) is not None or (page := quantity.parse(size)) <= 0:
        found.invalid(path, f"{quoted(name)} names no page size; write hugepages-2Mi or hugepages-1Gi")
        return None
    if amount % page:
        found.invalid(path, f"got {quoted(text)}, must be a multiple of the page size {size}")
        return None
    return amount


def _validate_name(path: str, name: str, found: Findings) -> None:
    if name in OVERCOMMITTED or name.startswith(HUGEPAGES_PREFIX):
        return
    fault = names.qualified_name(name)
    if fault is None and "/" not in name:
        fault = "must be cpu, memory, ephemeral-storage, hugepages-SIZE or an extended resource DOMAIN/NAME"
    found.named(path, name, fault)


def _most(name: str) -> str:
    return f"{_text(largest(name), name)}, the largest amount that there can be"


def _text(amount: Fraction, name: str) -> str:
    return quantity.render(amount, quantity.Style.DECIMAL if name == CPU else quantity.Style.BINARY)
