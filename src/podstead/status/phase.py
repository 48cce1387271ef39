"""The pod's phase (spec/kubelet-static-pods.md 7.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s.containers import find_container, is_sidecar
from podstead.k8s.restart_rules import Restart, after_exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.k8s import core_v1 as v1

TERMINAL = ("Succeeded", "Failed")


@dataclass(slots=True)
class _Count:
    running: int = 0
    waiting: int = 0
    """Those that never ran."""
    exits: list[int] = field(default_factory=list)
    """Exit codes of regular containers that have ended, or wait to be started again."""
    again: bool = False
    """Whether one of those is started again."""
    pending: bool = False
    """Whether an init container has work to do, or a sidecar is not through."""
    failed: bool = False
    """Whether an init container has failed for good."""


def pod_phase(spec: v1.PodSpec, init: Sequence[v1.ContainerStatus], statuses: Sequence[v1.ContainerStatus]) -> str:
    """Return Pending, Running, Succeeded or Failed from the states of all containers.

    A terminal phase is what these states come to; whether nothing starts again is for the planner to say.
    """
    count = _Count()
    for status in statuses:
        code = _exit_code(status)
        if status.state is not None and status.state.running is not None:
            count.running += 1
        elif code is None:
            count.waiting += 1
        else:
            count.exits.append(code)
            count.again = count.again or _starts_again(spec, status.name, code)
    initialised = bool(count.running or count.exits)
    for status in init:
        _count_init(spec, status, count, initialised=initialised)
    if count.failed:
        return "Failed"
    if count.pending or count.waiting:
        return "Pending"
    if count.running or count.again:
        return "Running"
    if not count.exits:
        return "Pending"
    return "Failed" if any(count.exits) else "Succeeded"


def _count_init(spec: v1.PodSpec, status: v1.ContainerStatus, count: _Count, *, initialised: bool) -> None:
    container, code = find_container(spec, status.name), _exit_code(status)
    runs = status.state is not None and status.state.running is not None
    if container is not None and is_sidecar(container):
        count.running += runs
        count.pending = count.pending or (not initialised and not status.started)
    elif not status.ready:
        over = status.state is not None and status.state.terminated is not None
        count.failed = count.failed or (
            over and code not in {None, 0} and not _starts_again(spec, status.name, code or 0)
        )
        count.pending = True


def _exit_code(status: v1.ContainerStatus) -> int | None:
    """Return with which code a container ended last, None where it runs or never ran."""
    if status.state is not None and status.state.terminated is not None:
        return status.state.terminated.exit_code
    if status.state is not None and status.state.running is not None:
        return None
    last = status.last_state.terminated if status.last_state is not None else None
    return last.exit_code if last is not None else None


def _starts_again(spec: v1.PodSpec, name: str, code: int) -> bool:
    container = find_container(spec, name)
    return container is not None and after_exit(spec, container, code) is not Restart.NONE
