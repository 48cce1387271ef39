"""Manifests for functional tests."""

from __future__ import annotations

import json
from typing import Any

IMAGE = "registry.test/app:1"
OTHER_IMAGE = "registry.test/app:2"


def manifest(name: str, *, image: str = IMAGE, host_network: bool = True, **changes: Any) -> str:
    """Return a Pod of one container; `container` and `metadata` are merged into those, the rest into the spec."""
    container = {"name": name, "image": image, **changes.pop("container", {})}
    metadata = {"name": name, "namespace": "default", **changes.pop("metadata", {})}
    spec = {"hostNetwork": host_network, "terminationGracePeriodSeconds": 2, "containers": [container], **changes}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, indent=1)
