"""Manifests for tests of the whole agent, and what to look at in the pods that come of them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.images import BUSYBOX_IMAGE

OBEYING = "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"
"""A shell command that ends at once when told to."""


def manifest(name: str, *, namespace: str = "", image: str = BUSYBOX_IMAGE, **changes: Any) -> str:
    """Return a Pod of one container `main` on the host network, as JSON (which is YAML).

    `changes`: `metadata` and `container` are merged into those, everything else into the spec.
    """
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", OBEYING],
        **changes.pop("container", {}),
    }
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **changes.pop("metadata", {})}
    spec = {"hostNetwork": True, "terminationGracePeriodSeconds": 2, "containers": [container], **changes}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, indent=1)


def is_running(pod: dict[str, Any]) -> bool:
    """Return whether every container of the pod runs and the pod is Ready."""
    states = pod.get("status", {}).get("containerStatuses", [])
    return bool(states) and all("running" in s["state"] for s in states) and condition(pod, "Ready") == "True"


def condition(pod: dict[str, Any], kind: str) -> str:
    """Return a condition's status, empty without that condition."""
    found = [c["status"] for c in pod.get("status", {}).get("conditions", []) if c["type"] == kind]
    return found[0] if found else ""


def container_status(pod: dict[str, Any], name: str = "main") -> dict[str, Any]:
    """Return a container's status."""
    found: list[dict[str, Any]] = [s for s in pod["status"]["containerStatuses"] if s["name"] == name]
    assert len(found) == 1, pod["status"]
    return found[0]
