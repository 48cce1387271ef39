"""What expressions see besides the pod, and the pod as messages may tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.policy.values import Circumstances, Origin

HIDDEN = "(hidden)"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_COMMANDS = ("command", "args")


def request_of(pod: v1.Pod, origin: Origin, at: Circumstances) -> dict[str, object]:
    """Return `request`: as far as it is Kubernetes', with its names; what only a node knows beside it."""
    return {
        "operation": "CREATE",
        "namespace": pod.metadata.namespace,
        "name": pod.metadata.name,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "dryRun": False,
        "userInfo": {"username": origin.principals},
        "node": at.node,
        "file": origin.file,
        "signed": origin.signed,
        "signer": origin.principals,
    }


def without_secrets(pod: dict[str, Any]) -> dict[str, Any]:
    """Return a pod without values of env, commands and headers: what a message is made of leaves the agent (foundation 24)."""
    spec = dict(pod["spec"])
    for field in _CONTAINERS:
        if field in spec:
            spec[field] = [_container(container) for container in spec[field]]
    return {**pod, "spec": spec}


def _container(given: dict[str, Any]) -> dict[str, Any]:
    hidden: dict[str, Any] = _hidden(given)
    if "env" in given:
        hidden["env"] = [{**entry, "value": HIDDEN} if "value" in entry else entry for entry in given["env"]]
    return hidden


def _hidden(value: Any) -> Any:
    """Hide commands and headers wherever they stand: in the container, its probes and its hooks."""
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, below in value.items():
        if key in _COMMANDS:
            found[key] = [HIDDEN for _ in below]
        elif key == "httpHeaders":
            found[key] = [{**header, "value": HIDDEN} for header in below]
        else:
            found[key] = _hidden(below)
    return found
