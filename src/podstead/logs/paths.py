"""Where logs lie: the kubelet's layout, by which log shippers find them (spec/kubelet-static-pods.md 5.8). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from podstead.identity import PodKey, PodUID

_ATTEMPT = re.compile(r"([0-9]+)\.log")


def log_directory(pod_logs: Path, key: PodKey, uid: PodUID) -> Path:
    """Return the directory of a pod incarnation's logs: the sandbox's `log_directory`."""
    return pod_logs / f"{key.namespace}_{key.name}_{uid}"


def log_path(container: str, attempt: int) -> str:
    """Return a container's log below its pod's directory: the container's `log_path`."""
    return f"{container}/{attempt}.log"


def attempts(names: Iterable[str]) -> tuple[int, ...]:
    """Return the attempts whose logs are among the file names of a container's directory, newest first."""
    found = (_ATTEMPT.fullmatch(name) for name in names)
    return tuple(sorted((int(m[1]) for m in found if m is not None), reverse=True))
