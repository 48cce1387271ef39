"""The pod's phase (spec/kubelet-static-pods.md 7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.k8s import core_v1 as v1

TERMINAL = ("Succeeded", "Failed")


def pod_phase(statuses: Sequence[v1.ContainerStatus], restart_policy: str | None) -> str:
    """Return Pending, Running, Succeeded or Failed from the states of the regular containers."""
    waiting = running = 0
    exits: list[int] = []
    for status in statuses:
        state = status.state
        last = status.last_state.terminated if status.last_state else None
        if state and state.running:
            running += 1
        elif state and state.terminated:
            exits.append(state.terminated.exit_code)
        elif last:
            exits.append(last.exit_code)  # waiting to be restarted: it did run
        else:
            waiting += 1
    if waiting:
        return "Pending"
    if running:
        return "Running"
    if not exits:
        return "Pending"
    failed = any(code != 0 for code in exits)
    if restart_policy == "Never":
        return "Failed" if failed else "Succeeded"
    if restart_policy == "OnFailure":
        return "Running" if failed else "Succeeded"
    return "Running"
