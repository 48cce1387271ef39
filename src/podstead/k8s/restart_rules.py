"""Whether a container that has ended starts again: its own rules and policy, else the pod's.

Source: spec/kubelet-static-pods.md 3.7 and 3.8; KEP-5307 for rules of single containers, KEP-5532 for those that start
the whole pod over.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

ALWAYS = "Always"
ON_FAILURE = "OnFailure"
NEVER = "Never"


class Restart(Enum):
    """What follows from the end of a container."""

    NONE = "none"
    """It stays ended."""
    CONTAINER = "container"
    """It starts again, after its back-off."""
    ALL = "all"
    """Every container of the pod starts over, init containers first, in the sandbox that there is."""


_ACTIONS = {"Restart": Restart.CONTAINER, "RestartAllContainers": Restart.ALL}


def restart_policy(spec: v1.PodSpec, container: v1.Container) -> str:
    """Return the policy that holds for a container of the pod, of whatever sort."""
    return container.restart_policy or spec.restart_policy or ALWAYS


def after_exit(spec: v1.PodSpec, container: v1.Container, exit_code: int) -> Restart:
    """Return what follows when a container ends by itself: its first rule that matches, else the policy.

    That an init container has done its work when it ends with 0 is no matter of restarts; only a rule overrules it.
    """
    for rule in container.restart_policy_rules:
        if _matches(rule, exit_code):
            return _ACTIONS.get(rule.action, Restart.NONE)
    policy = restart_policy(spec, container)
    again = policy == ALWAYS or (policy == ON_FAILURE and exit_code != 0)
    return Restart.CONTAINER if again else Restart.NONE


def after_kill(spec: v1.PodSpec, container: v1.Container) -> Restart:
    """Return what follows when the agent ended a container (a failed probe, a lost sandbox): the exit code says nothing."""
    return Restart.NONE if restart_policy(spec, container) == NEVER else Restart.CONTAINER


def _matches(rule: v1.ContainerRestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if codes is None:
        return False
    return (exit_code in codes.values) is (codes.operator == "In")
