"""Rules for the annotations that tell of a pod's configuration; no message shows what stands in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.configuration import config_files
from podstead.k8s.labels import CONFIG_FILES, RESTART_ON_CHANGE

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.manifest.validate.findings import Findings

MOST_FILES = 16
"""A service with more files of its own names the one that includes the others."""


def validate_configuration(pod: v1.Pod, found: Findings) -> None:
    """Judge which files a pod names, and whether it wants to be restarted."""
    annotations = pod.metadata.annotations
    if annotations.get(RESTART_ON_CHANGE, "true") not in {"true", "false"}:
        found.invalid(f"metadata.annotations[{RESTART_ON_CHANGE}]", 'expected "true" or "false"')
    if CONFIG_FILES not in annotations:
        return
    field, paths = f"metadata.annotations[{CONFIG_FILES}]", config_files(pod)
    if not paths:
        found.invalid(field, "expected paths on the node, separated by commas; or remove the annotation")
    if len(paths) > MOST_FILES:
        found.invalid(field, f"got {len(paths)} paths, at most {MOST_FILES} are watched for a pod")
    for number, path in enumerate(paths, start=1):
        if not path.startswith("/"):
            found.invalid(field, f"path {number} must be absolute: begin it with '/'")
        elif ".." in path.split("/"):
            found.invalid(field, f"path {number} must not contain '..'")
        elif "\0" in path or not path.isprintable():
            found.invalid(field, f"path {number} holds a character that cannot be printed: rename the file")
        elif path.endswith("/"):
            found.invalid(field, f"path {number} must be that of a file, not of a directory")
