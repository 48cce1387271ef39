"""What is said about a document of another kind than is due: which kind it is, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest import schema
from podstead.manifest.findings import Code, Finding, shown
from podstead.manifest.scalars import ScalarKind
from podstead.manifest.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from podstead.manifest.tree import Node

_TEMPLATE = (
    "only Pods run here: write the pod of its spec.template as 'kind: Pod' with 'apiVersion: v1', a metadata.name, "
    "and the template's spec"
)
_LIST = "a list is read where it is a file's only document, with 'apiVersion: v1' and 'items', and none inside another"
_OBJECTS = (
    "move the document into a file of the objects directory: that which --objects-dir names, else /etc/podstead/objects"
)
_INSTEAD = {
    "Deployment": f"{_TEMPLATE}; a node runs one replica, and an edit of the file is the rollout",
    "StatefulSet": f"{_TEMPLATE}; a node runs one replica, and a hostPath volume keeps its data",
    "ReplicaSet": f"{_TEMPLATE}; a node runs one replica",
    "ReplicationController": f"{_TEMPLATE}; a node runs one replica",
    "DaemonSet": f"{_TEMPLATE}; the same file on each node does what a DaemonSet does",
    "Job": f"{_TEMPLATE} and 'restartPolicy: OnFailure'; it runs until it succeeds",
    "CronJob": "nothing is run by the clock here: use a systemd timer or cron on the node",
    "Service": "there is no cluster to balance over: give the pod's port a hostPort, or the pod 'hostNetwork: true'",
    "Ingress": "there is no ingress controller: run a proxy as a pod with 'hostNetwork: true'",
    "ConfigMap": _OBJECTS,
    "Secret": f"{_OBJECTS}, with mode 0600",
    "Namespace": "namespaces need no object here: write metadata.namespace in the pod",
    "PersistentVolume": "use a hostPath volume in the pod",
    "PersistentVolumeClaim": "use a hostPath volume in the pod",
    "ServiceAccount": "there is no API server whose accounts a pod could use: remove it",
    "PodList": _LIST,
    "List": _LIST,
    "PodTemplate": "write its template as 'kind: Pod' with 'apiVersion: v1' and a metadata.name",
}
_OTHERWISE = "only 'kind: Pod' of 'apiVersion: v1' runs here: move the file out of the manifest directory"

OBJECT_MODELS = {"ConfigMap": schema.CONFIG_MAP, "Secret": schema.SECRET}
"""What stands in the objects directory, by kind."""
_NOT_OBJECTS = {
    "pod": "it is a Pod, and Pods stand in the manifest directory: move it there",
    "list": f"it is a List; {_LIST}",
}


def check_kind(root: Node) -> tuple[Finding, ...]:
    """Return what keeps a document from being a v1 Pod. With a finding of NOT_A_POD there is no use in reading on."""
    if not isinstance(root, Mapping):
        what = "a list" if isinstance(root, Sequence) else "plain text"
        text = f"{what} stands where a manifest is due: a map of apiVersion, kind, metadata and spec"
        return (Finding(code=Code.NOT_A_POD, field="", text=text, line=root.line, column=root.column),)
    kind = _scalar_of(root, "kind")
    findings: list[Finding] = []
    if kind is None:
        findings.append(_missing(root, "kind", "Pod"))
    elif kind.text != "Pod":
        return (_other_kind(kind),)
    findings += _check_version(root, "Pod")
    return tuple(findings)


def check_object_kind(root: Node) -> tuple[schema.Shape | None, tuple[Finding, ...]]:
    """Return the model of a ConfigMap or Secret, None for anything else, and what keeps the document from being one."""
    if not isinstance(root, Mapping):
        what = "a list" if isinstance(root, Sequence) else "plain text"
        text = f"{what} stands where an object is due: a map of apiVersion, kind, metadata and data"
        return None, (Finding(code=Code.NOT_AN_OBJECT, field="", text=text, line=root.line, column=root.column),)
    kind = _scalar_of(root, "kind")
    if kind is None:
        return None, (_missing(root, "kind", "ConfigMap or kind: Secret"),)
    if (model := OBJECT_MODELS.get(kind.text)) is not None:
        return model, tuple(_check_version(root, kind.text))
    slip = next((name for name in OBJECT_MODELS if name.casefold() == kind.text.casefold()), None)
    if slip is not None:
        text = f"{shown(kind.text)} is not a kind: write kind: {slip}"
    else:
        other = f"{shown(kind.text)} is not read here: move the file out of the objects directory"
        text = _NOT_OBJECTS.get(kind.text.casefold(), other)
    return None, (Finding(code=Code.NOT_AN_OBJECT, field="kind", text=text, line=kind.line, column=kind.column),)


def _check_version(root: Mapping, kind: str) -> list[Finding]:
    version = _scalar_of(root, "apiVersion")
    if version is None:
        return [_missing(root, "apiVersion", "v1")]
    if version.text == "v1":
        return []
    text = f"{shown(version.text)} has no {kind}: write apiVersion: v1"
    return [Finding(code=Code.WRONG_TYPE, field="apiVersion", text=text, line=version.line, column=version.column)]


def _other_kind(kind: Scalar) -> Finding:
    known = {name.casefold(): name for name in _INSTEAD}.get(kind.text.casefold())
    if kind.text.casefold() in {"pod", "pods"}:
        text = f"{shown(kind.text)} is not a kind: write kind: Pod"
    else:
        text = f"the document is a {known or shown(kind.text)}; {_INSTEAD[known] if known else _OTHERWISE}"
    return Finding(code=Code.NOT_A_POD, field="kind", text=text, line=kind.line, column=kind.column)


def _missing(root: Mapping, name: str, value: str) -> Finding:
    return Finding(code=Code.REQUIRED, field=name, text=f"write {name}: {value}", line=root.line, column=root.column)


def _scalar_of(root: Mapping, name: str) -> Scalar | None:
    """Return the last entry of that name, if it says anything."""
    found = [value for key, value in root.entries if key.text == name]
    node = found[-1] if found else None
    return node if isinstance(node, Scalar) and node.kind is not ScalarKind.NULL else None
