"""Rules for metadata: a Pod's, and that of a local object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import labels, names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.manifest.validate.findings import Findings

ANNOTATIONS_MAX_BYTES = 256 << 10
"""All keys and values of the annotations together (apimachinery: TotalAnnotationSizeLimitB)."""


def validate_metadata(metadata: v1.ObjectMeta, found: Findings, owner: str = "a static pod") -> None:
    """Judge name, namespace, labels and annotations; a pod's name carries the node's suffix already."""
    if not metadata.name:
        found.required("metadata.name", f"{owner} needs a name")
    else:
        found.named("metadata.name", metadata.name, names.dns1123_subdomain(metadata.name))
    if metadata.namespace:
        found.named("metadata.namespace", metadata.namespace, names.dns1123_label(metadata.namespace))
    validate_labels(metadata.labels, "metadata.labels", found)
    _validate_annotations(metadata.annotations, found)


def validate_labels(given: Mapping[str, str], path: str, found: Findings) -> None:
    """Judge the syntax of labels or of a label-shaped map such as a nodeSelector."""
    for key, value in given.items():
        found.named(f"{path}[{key}]", key, names.qualified_name(key))
        found.named(f"{path}[{key}]", value, names.label_value(value))


def _validate_annotations(given: Mapping[str, str], found: Findings) -> None:
    for key in given:
        found.named(f"metadata.annotations[{key}]", key, names.qualified_name(key.lower()))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in given.items())
    if size > ANNOTATIONS_MAX_BYTES:
        found.too_long(
            "metadata.annotations", f"got {size} bytes of keys and values, at most {ANNOTATIONS_MAX_BYTES} are allowed"
        )
    if labels.CONFIG_MIRROR in given:
        found.forbidden(
            f"metadata.annotations[{labels.CONFIG_MIRROR}]",
            "it marks the API server's copy of a static pod, which nobody runs; remove it",
        )
