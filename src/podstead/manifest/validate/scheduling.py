"""Rules for what places pods. A static pod is placed already; its syntax is judged all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.validate.findings import quoted
from podstead.manifest.validate.metadata import validate_labels

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
LABEL_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
NODE_OPERATORS = (*LABEL_OPERATORS, "Gt", "Lt")
UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
WEIGHT_MAX = 100
_INTEGER = re.compile(r"[+-]?[0-9]+")

Term = v1.PodAffinityTerm
Requirement = v1.NodeSelectorRequirement | v1.LabelSelectorRequirement


def validate_scheduling(spec: v1.PodSpec, found: Findings) -> None:
    """Judge tolerations, node selector, affinity, spreading and gates."""
    validate_labels(spec.node_selector, "spec.nodeSelector", found)
    for index, toleration in enumerate(spec.tolerations):
        _validate_toleration(toleration, f"spec.tolerations[{index}]", found)
    for index, gate in enumerate(spec.readiness_gates):
        fault = names.qualified_name(gate.condition_type)
        found.named(f"spec.readinessGates[{index}].conditionType", gate.condition_type, fault)
    if spec.scheduling_gates:
        found.forbidden("spec.schedulingGates", "a static pod is on its node already; remove it")
    for index, constraint in enumerate(spec.topology_spread_constraints):
        _validate_spread(constraint, f"spec.topologySpreadConstraints[{index}]", found)
    if spec.affinity is not None:
        _validate_affinity(spec.affinity, found)


def _validate_toleration(toleration: v1.Toleration, path: str, found: Findings) -> None:
    operator = toleration.operator or "Equal"
    if toleration.key:
        found.named(f"{path}.key", toleration.key, names.qualified_name(toleration.key))
    elif operator != "Exists":
        found.invalid(f"{path}.operator", "must be Exists where there is no key; that tolerates every taint")
    if operator == "Exists" and toleration.value:
        found.invalid(f"{path}.value", "not allowed with operator Exists; remove it")
    if operator == "Equal" and toleration.value:
        found.named(f"{path}.value", toleration.value, names.label_value(toleration.value))
    found.one_of(f"{path}.operator", operator, ("Equal", "Exists"))
    found.one_of(f"{path}.effect", toleration.effect or None, EFFECTS)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        found.invalid(f"{path}.effect", "must be NoExecute where tolerationSeconds is given")


def _validate_spread(constraint: v1.TopologySpreadConstraint, path: str, found: Findings) -> None:
    if constraint.max_skew <= 0:
        found.invalid(f"{path}.maxSkew", f"got {constraint.max_skew}, expected more than 0")
    _validate_topology_key(constraint.topology_key, f"{path}.topologyKey", found)
    found.one_of(f"{path}.whenUnsatisfiable", constraint.when_unsatisfiable, UNSATISFIABLE)
    _validate_selector(constraint.label_selector, f"{path}.labelSelector", found)


def _validate_affinity(affinity: v1.Affinity, found: Findings) -> None:
    required, preferred = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
    if affinity.node_affinity is not None:
        path, node = "spec.affinity.nodeAffinity", affinity.node_affinity
        selector = node.required_during_scheduling_ignored_during_execution
        if selector is not None:
            if not selector.node_selector_terms:
                found.required(f"{path}.{required}.nodeSelectorTerms", "expected at least one term")
            for index, node_term in enumerate(selector.node_selector_terms):
                _validate_node_term(node_term, f"{path}.{required}.nodeSelectorTerms[{index}]", found)
        for index, scored in enumerate(node.preferred_during_scheduling_ignored_during_execution):
            found.within(f"{path}.{preferred}[{index}].weight", scored.weight, 1, WEIGHT_MAX)
            _validate_node_term(scored.preference, f"{path}.{preferred}[{index}].preference", found)
    for name, pods in (("podAffinity", affinity.pod_affinity), ("podAntiAffinity", affinity.pod_anti_affinity)):
        if pods is None:
            continue
        path = f"spec.affinity.{name}"
        for index, term in enumerate(pods.required_during_scheduling_ignored_during_execution):
            _validate_pod_term(term, f"{path}.{required}[{index}]", found)
        for index, weighted in enumerate(pods.preferred_during_scheduling_ignored_during_execution):
            found.within(f"{path}.{preferred}[{index}].weight", weighted.weight, 1, WEIGHT_MAX)
            _validate_pod_term(weighted.pod_affinity_term, f"{path}.{preferred}[{index}].podAffinityTerm", found)


def _validate_node_term(term: v1.NodeSelectorTerm, path: str, found: Findings) -> None:
    for index, requirement in enumerate(term.match_expressions):
        _validate_requirement(requirement, f"{path}.matchExpressions[{index}]", NODE_OPERATORS, found)
    for index, requirement in enumerate(term.match_fields):
        found.one_of(f"{path}.matchFields[{index}].key", requirement.key, ("metadata.name",))
        found.one_of(f"{path}.matchFields[{index}].operator", requirement.operator, ("In", "NotIn"))


def _validate_pod_term(term: Term, path: str, found: Findings) -> None:
    _validate_topology_key(term.topology_key, f"{path}.topologyKey", found)
    _validate_selector(term.label_selector, f"{path}.labelSelector", found)
    _validate_selector(term.namespace_selector, f"{path}.namespaceSelector", found)
    for index, namespace in enumerate(term.namespaces):
        found.named(f"{path}.namespaces[{index}]", namespace, names.dns1123_label(namespace))


def _validate_topology_key(key: str, path: str, found: Findings) -> None:
    if not key:
        found.required(path, "expected a node label such as kubernetes.io/hostname")
    else:
        found.named(path, key, names.qualified_name(key))


def _validate_selector(selector: v1.LabelSelector | None, path: str, found: Findings) -> None:
    if selector is None:
        return
    validate_labels(selector.match_labels, f"{path}.matchLabels", found)
    for index, requirement in enumerate(selector.match_expressions):
        _validate_requirement(requirement, f"{path}.matchExpressions[{index}]", LABEL_OPERATORS, found)


def _validate_requirement(requirement: Requirement, path: str, operators: tuple[str, ...], found: Findings) -> None:
    """Judge one `key operator values` against the operators of its kind."""
    found.named(f"{path}.key", requirement.key, names.qualified_name(requirement.key))
    found.one_of(f"{path}.operator", requirement.operator, operators)
    values = requirement.values
    if requirement.operator in {"In", "NotIn"} and not values:
        found.required(f"{path}.values", f"operator {requirement.operator} needs at least one value")
    elif requirement.operator in {"Exists", "DoesNotExist"} and values:
        found.forbidden(f"{path}.values", f"not allowed with operator {requirement.operator}; remove it")
    elif requirement.operator in {"Gt", "Lt"} and (len(values) != 1 or _INTEGER.fullmatch(values[0]) is None):
        got = quoted(values[0]) if len(values) == 1 else f"{len(values)} values"
        found.invalid(f"{path}.values", f"got {got}, operator {requirement.operator} needs one whole number")
