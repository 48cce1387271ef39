"""What a pod may do to the node that it runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.inspection import rules
from podstead.inspection.arguments import lies_in
from podstead.inspection.findings import Finding, Severity, found
from podstead.k8s import labels
from podstead.k8s.names import dns1123_label
from podstead.k8s.text import printable
from podstead.policy.pod_security.evaluate import violations
from podstead.policy.pod_security.faults import places
from podstead.policy.pod_security.levels import Level, Standard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.inspection.findings import Rule
    from podstead.k8s import core_v1 as v1

ROOT_EQUAL = frozenset(
    {"ALL", "BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"}
)
"""Capabilities by which a container's root becomes the node's (capabilities(7); with host namespaces or devices)."""
SYSTEM = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib",
    "/var/lib/kubelet",
    "/var/run",
)
"""Directories of the node by which a pod that may write there takes it over."""
_SECRET = re.compile(
    r"PASS(?:WORD|WD|PHRASE)|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY", re.IGNORECASE
)
_NO_SECRET = re.compile(r"(?:_FILE|_PATH|_DIR|_NAME|_URL|_TTL|_LENGTH|_ENABLED)$", re.IGNORECASE)
_IN_VALUE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_USUAL_NAMESPACES = {"default", "kube-system"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a pod is judged in. `guarded` are real paths that decide what runs here; `real` resolves links of a path.

    `required` is the level that somebody asks for; `in_cluster`: an API server could show the pod.
    """

    guarded: tuple[str, ...]
    real: Callable[[str], str]
    required: Standard | None = None
    in_cluster: bool = False


def level_of(pod: v1.Pod) -> Level:
    """Return the strictest level of the Pod Security Standards that a pod reaches."""
    for level in (Level.RESTRICTED, Level.BASELINE):
        if not violations(pod, Standard(level=level)):
            return level
    return Level.PRIVILEGED


def judge_pod(path: str, pod: v1.Pod, around: Surroundings, refused: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Yield what there is to say about the pod of a file; of the `refused` fields the values could not be decoded."""
    yield from _privileges(path, pod)
    yield from _host_paths(path, pod, around)
    yield from _secrets(path, pod, refused)
    yield from _images(path, pod)
    yield from _identity(path, pod, around)
    if around.required is not None and (broken := violations(pod, around.required)):
        told = "; ".join(f"{one.control}: {one.field} {one.problem}" for one in broken)
        yield _found(rules.POD_SECURITY, path, f"it does not reach {around.required}: {told}")


def _found(rule: Rule, path: str, what: str, edit: str = "", severity: Severity | None = None) -> Finding:
    return found(rule, path, what, edit=edit, severity=severity)


def _privileges(path: str, pod: v1.Pod) -> Iterator[Finding]:
    privileged = [place.container.name for place in places(pod) if place.context.privileged]
    if privileged:
        mend = "remove securityContext.privileged, and add the capabilities that are needed"
        yield _found(rules.PRIVILEGED, path, _containers(privileged), mend)
    for place in places(pod):
        added = place.context.capabilities.add if place.context.capabilities is not None else ()
        strong = sorted({name.upper().removeprefix("CAP_") for name in added} & ROOT_EQUAL)
        if strong and not place.context.privileged:
            what = f"{_containers([place.container.name])} adds {', '.join(strong)}"
            yield _found(rules.CAPABILITY, path, what, f"remove it from {place.context_path}.capabilities.add")
    spec = pod.spec
    shared = [name for name, on in (("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)) if on]
    if shared:
        yield _found(
            rules.HOST_NAMESPACE, path, f"it sets {' and '.join(shared)}", "remove it from spec", Severity.HIGH
        )
    if spec.host_network:
        what = "it sets hostNetwork: every port of the node's loopback is its own"
        yield _found(rules.HOST_NAMESPACE, path, what, "publish single ports with hostPort", Severity.LOW)


def _host_paths(path: str, pod: v1.Pod, around: Surroundings) -> Iterator[Finding]:
    sources = {volume.name: volume.host_path.path for volume in pod.spec.volumes if volume.host_path is not None}
    written = {
        mount.name
        for place in places(pod)
        for mount in place.container.volume_mounts
        if mount.name in sources and not mount.read_only
    }
    for name in sorted(written):
        real = around.real(sources[name])
        told = f"the volume {printable(name)} mounts {printable(sources[name])} writable"
        if real != sources[name].rstrip("/"):
            told += f", which is {printable(real)}"
        mend = "mount it with readOnly: true, or a directory of the pod's own"
        if reached := next((guarded for guarded in around.guarded if _overlaps(real, guarded)), ""):
            yield _found(rules.REACHES_MANIFESTS, path, f"{told}, and so reaches {printable(reached)}", mend)
        elif any(lies_in(directory, real) for directory in SYSTEM) or real.startswith("/dev/"):
            yield _found(rules.HOST_PATH, path, f"{told}, and with it the node's own directories", mend, Severity.HIGH)
        else:
            yield _found(rules.HOST_PATH, path, told, mend)


def _overlaps(real: str, guarded: str) -> bool:
    """Return whether who may write the one reaches the other: it lies in it, above it, or is it."""
    return lies_in(real, guarded) or lies_in(guarded, real)


def _secrets(path: str, pod: v1.Pod, refused: frozenset[str]) -> Iterator[Finding]:
    for place in places(pod):
        for index, entry in enumerate(place.container.env):
            undecoded = f"{place.path}.env[{index}].value" in refused  # such as a number without quotes
            by_name = _SECRET.search(entry.name) and not _NO_SECRET.search(entry.name)
            if (by_name and (entry.value or undecoded)) or _IN_VALUE.search(entry.value or ""):
                what = f"{_containers([place.container.name])} has it in the variable {printable(entry.name)}"
                mend = (
                    "keep it in a file of root's, mode 0600, and mount that; or in a Secret where the agent reads them"
                )
                yield _found(rules.SECRET_IN_ENV, path, what, mend)


def _images(path: str, pod: v1.Pod) -> Iterator[Finding]:
    tagged = sorted({printable(place.container.image or "") for place in places(pod)} - {""})
    loose = [image for image in tagged if "@" not in image]
    if not loose:
        return
    floating = [image for image in loose if image.endswith(":latest") or ":" not in image.rpartition("/")[2]]
    severity = Severity.MEDIUM if floating else Severity.LOW
    mend = "write NAME@sha256:DIGEST; 'crictl images --digests' or 'podstead image ls' shows the digest in use"
    yield _found(rules.IMAGE_TAG, path, f"it runs {', '.join(loose)}", mend, severity)


def _identity(path: str, pod: v1.Pod, around: Surroundings) -> Iterator[Finding]:
    namespace = pod.metadata.namespace or "default"
    if labels.CONFIG_MIRROR in pod.metadata.annotations:
        yield _found(
            rules.MIRROR_BY_HAND,
            path,
            f"it sets the annotation {labels.CONFIG_MIRROR}",
            "remove the annotation: the kubelet sets it on the API's copy",
        )
    if (problem := dns1123_label(namespace)) is not None:
        what = f"the namespace {printable(namespace)[:80]!r} {problem}"
        yield _found(rules.NAMESPACE_INVALID, path, what, "correct metadata.namespace")
    elif around.in_cluster and namespace not in _USUAL_NAMESPACES:
        what = f"the pod is of the namespace {namespace}"
        yield found(rules.NAMESPACE_UNUSUAL, path, what, mend=f"kubectl get namespace {namespace}")


def _containers(names: list[str]) -> str:
    listed = ", ".join(printable(name) for name in names)
    return f"the container {listed}" if len(names) == 1 else f"the containers {listed}"
