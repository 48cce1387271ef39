"""Whether a pod wants to be on a node like this: nodeSelector, required node affinity, operating system.

Source: spec/kubelet-static-pods.md 3.13; k8s.io/component-helpers/scheduling/corev1/nodeaffinity for the operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.admission.values import NodeFacts
    from podstead.k8s import core_v1 as v1

OS_LABEL = "kubernetes.io/os"
NODE_AFFINITY = "NodeAffinity"
OS_NOT_SUPPORTED = "PodOSNotSupported"
OS_LABEL_MISMATCH = "PodOSSelectorNodeLabelDoesNotMatch"


def misplaced(pod: v1.Pod, node: NodeFacts) -> Blocked | None:
    """Return why the pod does not belong on this node; None when it does."""
    node_os = node.labels.get(OS_LABEL, "linux")
    if pod.spec.os is not None and pod.spec.os.name != node_os:
        return Blocked(reason=OS_NOT_SUPPORTED, message=f"spec.os.name is {pod.spec.os.name}; this node runs {node_os}")
    labelled = pod.metadata.labels.get(OS_LABEL)
    if labelled is not None and labelled != node_os:
        message = f"the pod's label {OS_LABEL} is {labelled}; this node runs {node_os}"
        return Blocked(reason=OS_LABEL_MISMATCH, message=message)
    for name, value in sorted(pod.spec.node_selector.items()):
        if node.labels.get(name) != value:
            have = f"it is {node.labels[name]}" if name in node.labels else "it has none"
            message = f"spec.nodeSelector asks for the label {name}={value} on node {node.name}: {have}"
            return Blocked(reason=NODE_AFFINITY, message=message)
    if not _affine(pod, node):
        message = f"no term of the required node affinity matches the labels of node {node.name}"
        return Blocked(reason=NODE_AFFINITY, message=message)
    return None


def _affine(pod: v1.Pod, node: NodeFacts) -> bool:
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is None:
        return True
    fields = {"metadata.name": node.name}
    return any(_term_matches(term, node.labels, fields) for term in required.node_selector_terms)


def _term_matches(term: v1.NodeSelectorTerm, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    # An empty term matches nothing: an affinity that says nothing is taken for a mistake (Kubernetes API docs).
    if not term.match_expressions and not term.match_fields:
        return False
    return all(_matches(one, labels) for one in term.match_expressions) and all(
        _matches(one, fields) for one in term.match_fields
    )


def _matches(requirement: v1.NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement, value)
        case _:
            return False


def _compares(requirement: v1.NodeSelectorRequirement, value: str | None) -> bool:
    try:
        have, bound = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound
