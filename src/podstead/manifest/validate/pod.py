"""The whole Pod: every rule asked, every problem told."""

from __future__ import annotations

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.problems import FieldProblem, ProblemKind
from podstead.manifest.validate.annotations import validate_agent_annotations
from podstead.manifest.validate.containers import validate_containers
from podstead.manifest.validate.dns import validate_dns, validate_hostnames
from podstead.manifest.validate.findings import Findings
from podstead.manifest.validate.metadata import validate_metadata
from podstead.manifest.validate.operating_system import validate_os
from podstead.manifest.validate.probes import GRACE_MAX
from podstead.manifest.validate.references import validate_references
from podstead.manifest.validate.resources import validate_overhead, validate_pod_resources, validate_totals
from podstead.manifest.validate.scheduling import validate_scheduling
from podstead.manifest.validate.security import validate_pod_security
from podstead.manifest.validate.volumes import validate_volumes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DEADLINE_MAX = 2**31 - 1


def validate_pod(pod: v1.Pod, *, local_objects: bool = False) -> tuple[FieldProblem, ...]:
    """Return every problem of a defaulted Pod whose name carries the node's suffix; no error means it may run.

    With `local_objects` it may refer to ConfigMaps and Secrets of the node, which the kubelet refuses.

    The rules are those of the kubelet for static pods (spec/kubelet-static-pods.md 2.3 and 2.4). Ours alone are: a
    hostPath must be absolute, an emptyDir medium must be known, a mirror pod is refused rather than silently not
    run, numbers that no runtime or kernel can be told are refused rather than cut or wrapped; and the warnings. What the node replaces in the metadata (uid, status and the like) is the reader's matter.
    """
    found = Findings()
    validate_metadata(pod.metadata, found)
    validate_agent_annotations(pod, found)
    _validate_spec(pod.spec, found)
    validate_containers(pod, found)
    validate_volumes(pod, found)
    validate_pod_resources(pod, found)
    validate_overhead(pod, found)
    validate_totals(pod, found)
    validate_pod_security(pod, found)
    validate_dns(pod.spec, found)
    validate_hostnames(pod.spec, found)
    validate_scheduling(pod.spec, found)
    validate_os(pod, found)
    validate_references(pod, found, local_objects=local_objects)
    return found.problems


def _validate_spec(spec: v1.PodSpec, found: Findings) -> None:
    """Judge the fields of the spec that stand for themselves."""
    found.one_of("spec.restartPolicy", spec.restart_policy, RESTART_POLICIES)
    found.within("spec.activeDeadlineSeconds", spec.active_deadline_seconds, 1, DEADLINE_MAX)
    for name, value in (
        ("priorityClassName", spec.priority_class_name),
        ("runtimeClassName", spec.runtime_class_name),
    ):
        if value:
            found.named(f"spec.{name}", value, names.dns1123_subdomain(value))
    found.within("spec.priority", spec.priority, -(2**31), 2**31 - 1)
    grace = spec.termination_grace_period_seconds
    if grace is not None:
        found.within("spec.terminationGracePeriodSeconds", max(0, grace), 0, GRACE_MAX)
    if grace is not None and grace < 0:
        found.warn(
            ProblemKind.INVALID,
            "spec.terminationGracePeriodSeconds",
            f"got {grace}, a negative time counts as 1 second; write the seconds that the pod needs to stop",
        )
    elif grace == 0:
        found.warn(
            ProblemKind.INVALID,
            "spec.terminationGracePeriodSeconds",
            "got 0: the pod is killed without time to stop; write the seconds that it needs",
        )
