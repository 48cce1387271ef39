"""What makes a decoded Pod a static pod of this node: its name, namespace, node and marks (spec 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from podstead.k8s import core_v1 as v1
from podstead.k8s import labels, names
from podstead.manifest.findings import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.findings import Finding, Places

DEFAULT_NAMESPACE = "default"
SOURCE_FILE = "file"
"""Value of the annotation kubernetes.io/config.source on pods that came from a file."""
LOG_NAME_MAX = 255 - len("__") - 36
"""Characters that namespace and full name may have together: NAMESPACE_NAME_UID is the directory of a pod's logs, the
kubelet's layout (spec 5.8), and a file name has 255 at most (NAME_MAX). Beyond that no container ever starts."""
_OWN_ANNOTATIONS = (labels.CONFIG_HASH, labels.CONFIG_SEEN)
_NO_EXECUTE = v1.Toleration(operator="Exists", effect="NoExecute")


def static_pod(pod: v1.Pod, node_name: str) -> v1.Pod:
    """Return the pod under its full name on the node, without what only the node may say about it.

    `node_name` becomes the suffix in lower case. A pod without a name stays without one, for validation to say so.
    """
    node_name = node_name.strip().lower()
    given = pod.metadata
    kept = {key: value for key, value in given.annotations.items() if key not in _OWN_ANNOTATIONS}
    metadata = v1.ObjectMeta(
        name=f"{given.name}-{node_name}" if given.name else None,
        namespace=given.namespace or DEFAULT_NAMESPACE,
        labels=given.labels,
        annotations={**kept, labels.CONFIG_SOURCE: SOURCE_FILE},
    )
    tolerations = pod.spec.tolerations
    if _NO_EXECUTE not in tolerations:
        tolerations = (*tolerations, _NO_EXECUTE)
    return replace(
        pod, metadata=metadata, spec=replace(pod.spec, node_name=node_name, tolerations=tolerations), status=None
    )


def identity_findings(given: v1.Pod, node_name: str, places: Places) -> Iterator[Finding]:
    """Yield what is wrong, or has no effect, in the identity that a manifest gives its pod."""
    node_name = node_name.strip().lower()
    if (text := _name_problem(given.metadata, node_name)) is not None:
        yield places.finding_at("metadata.name", Code.WRONG_TYPE, text)
    for key, value in given.metadata.annotations.items():
        if key in _OWN_ANNOTATIONS or (key == labels.CONFIG_SOURCE and value != SOURCE_FILE):
            path = f"metadata.annotations[{key}]"
            yield places.finding_at(path, Code.IGNORED, "the node writes this annotation itself")
    if given.spec.node_name not in {None, "", node_name}:
        yield places.finding_at("spec.nodeName", Code.IGNORED, f"the pod runs on this node, {node_name}")


def _name_problem(given: v1.ObjectMeta, node_name: str) -> str | None:
    """Return what the node's suffix does to a name that would be one without it."""
    name = given.name or ""
    full = f"{name}-{node_name}"
    if names.dns1123_subdomain(name) is not None:
        return None
    if (reason := names.dns1123_subdomain(full)) is not None:
        room = names.SUBDOMAIN_MAX - len(node_name) - 1
        mend = f"shorten it to {room}" if 0 < room < len(name) else "start the agent with another node name"
        return f"with the node's suffix '-{node_name}' the name {reason}: {mend}"
    spare = LOG_NAME_MAX - len(given.namespace or DEFAULT_NAMESPACE) - len(full)
    if spare < 0:
        return (
            f"with the namespace and the node's suffix '-{node_name}' the name is too long for the directory of the"
            f" pod's logs: shorten it to {len(name) + spare}"
        )
    return None
