"""Whether this agent may work here at all (foundation 1): a runtime or a directory of somebody else's is refused."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.state.observed import ObservedSandbox

SHARE = "or say --share-runtime if both shall work side by side"


def check_runtime(endpoint: str, sandboxes: Iterable[ObservedSandbox]) -> None:
    """Refuse a runtime that holds sandboxes of no agent of ours; raises OperatorError."""
    foreign = [s for s in sandboxes if not s.instance]
    if foreign:
        raise OperatorError(
            f"the runtime at {endpoint} holds {len(foreign)} pods that another agent made (for example "
            f"{foreign[0].key}): use the private containerd (no --container-runtime-endpoint), {SHARE}"
        )


def lock_directory(directory: Path) -> int | None:
    """Lock the manifest directory against a second agent of ours; returns the descriptor that holds the lock.

    None when the directory is not there (yet). Raises OperatorError when another agent holds it.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OperatorError(
            f"another agent works on {directory}: give this one a directory of its own, {SHARE}"
        ) from error
    return descriptor


def check_kubelets(directory: Path, proc: Path = Path("/proc")) -> None:
    """Refuse a directory that a running kubelet was given; raises OperatorError."""
    for process in proc.glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if Path(arguments[0]).name == "kubelet" and _names(arguments, directory):
            raise OperatorError(f"a kubelet (pid {process.name}) runs the static pods of {directory}: stop it, {SHARE}")


def _names(arguments: list[str], directory: Path) -> bool:
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if not equals:
            value = arguments[index + 1] if index + 1 < len(arguments) else ""
        if name == "--pod-manifest-path" and Path(value or "/") == directory:
            return True
        if name == "--config" and _config_names(Path(value), directory):
            return True
    return False


def _config_names(config: Path, directory: Path) -> bool:
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = (line.partition(":") for line in text.splitlines())
    return any(
        key.strip() == "staticPodPath" and Path(value.strip().strip("\"'")) == directory for key, _, value in lines
    )
