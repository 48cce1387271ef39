"""What is remembered once a step is done or an end was seen: history in, history out.

The executor keeps what these return before the effect they speak of, so that a crash in between forgets nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.state.observed import ContainerState
from podstead.state.records import ContainerHistory, PodHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Instant
    from podstead.reconcile.actions import Promote, RemoveContainer, RunSandbox, StartContainer, StopContainer
    from podstead.state.observed import ObservedContainer


def after_start(step: StartContainer, history: ContainerHistory, now: Instant) -> ContainerHistory:
    """Return the memory of a container once `step` starts it."""
    started = replace(
        history,
        last_attempt=max(history.last_attempt, step.attempt),
        started_attempt=step.attempt,
        restart_count=step.restart_count,
    )
    if step.new_revision:
        return replace(started, backoff_level=0, advanced_at=None, boot_id=now.boot_id)
    if step.crash_level is not None:
        return replace(started, backoff_level=step.crash_level + 1, advanced_at=now.boot, boot_id=now.boot_id)
    return started


def after_stop(step: StopContainer, history: ContainerHistory) -> ContainerHistory:
    """Return the memory of a container that `step` ends: whether it comes back is not for its exit code to say."""
    if step.comes_back:
        counts = step.counts and history.returning_attempt != step.attempt  # a stop that is hurried counts once
        return replace(
            history, returning_attempt=step.attempt, restart_count=history.restart_count + (1 if counts else 0)
        )
    return replace(history, killed_attempt=step.attempt)


def after_clearing(step: RemoveContainer, history: ContainerHistory, now: Instant) -> ContainerHistory:
    """Return the memory of a container once `step` removes the record of its last attempt, to start it over."""
    cleared = replace(history, cleared_attempt=history.last_attempt)
    if step.crash_level is None:
        return cleared
    return replace(cleared, backoff_level=step.crash_level + 1, advanced_at=now.boot, boot_id=now.boot_id)


def after_sandbox(step: RunSandbox, history: PodHistory, now: Instant) -> PodHistory:
    """Return the memory of a pod once `step` has made its sandbox."""
    level = 0 if step.crash_level is None else step.crash_level + 1
    return replace(history, sandbox_level=level, sandbox_made_at=now.boot, sandbox_boot_id=now.boot_id)


def after_sandbox_stop(history: PodHistory) -> PodHistory:
    """Return the memory of a pod whose sandbox the agent ends: it did not die."""
    return replace(history, sandbox_level=0, sandbox_made_at=None)


def after_promotion(step: Promote, history: PodHistory) -> PodHistory:
    """Return the memory of a pod whose content `step` changed: how a renewed container ended before says nothing more."""
    renewed = {
        name: replace(memory, started_attempt=-1, exit_attempt=-1, returning_attempt=-1)
        for name, memory in history.containers.items()
        if name in step.renews
    }
    return replace(history, containers={**history.containers, **renewed}) if renewed else history


def after_return(history: PodHistory) -> PodHistory:
    """Return the memory of a pod that begins as from new: only attempts go on, as none is used twice (foundation 14)."""
    containers = {
        name: ContainerHistory(last_attempt=memory.last_attempt) for name, memory in history.containers.items()
    }
    return PodHistory(sandbox_attempt=history.sandbox_attempt, containers=containers)


def after_exits(containers: Iterable[ObservedContainer], history: PodHistory) -> PodHistory:
    """Return the memory of a pod with the ends that `containers`, newest attempts first, show; the same if none is new."""
    noted: dict[str, ContainerHistory] = {}
    seen: set[str] = set()
    for found in containers:
        memory = history.of(found.name)
        if found.name in seen or found.state is not ContainerState.EXITED or found.attempt < memory.last_attempt:
            seen.add(found.name)
            continue
        seen.add(found.name)
        if (memory.exit_attempt, memory.exit_code) != (found.attempt, found.exit_code):
            noted[found.name] = replace(memory, exit_attempt=found.attempt, exit_code=found.exit_code)
    return replace(history, containers={**history.containers, **noted}) if noted else history
