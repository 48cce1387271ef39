"""The control on volumes of the restricted level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.policy.pod_security.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1

ALLOWED = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""`image` was added to every version at once (Kubernetes 1.33)."""


def volume_types(pod: v1.Pod) -> Iterator[Fault]:
    """Volume Types: only those that show nothing of the node, nor of a network that the node vouches for."""
    for index, volume in enumerate(pod.spec.volumes):
        sources = [
            field.encode_name
            for field in msgspec.structs.fields(volume)
            if field.name != "name" and getattr(volume, field.name) is not None
        ]
        if any(source in ALLOWED for source in sources):
            continue
        for source in sources:
            yield Fault(field=f"spec.volumes[{index}].{source}", problem=f"must be one of {', '.join(ALLOWED)}")
