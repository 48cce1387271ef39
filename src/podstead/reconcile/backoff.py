"""How long to wait: the crash-loop curve and the retry of failed steps.

Crash loop (spec/kubelet-static-pods.md 3.9): the first restart is immediate, then 10, 20, 40 … 300 s after the exit;
a container that ran for ten minutes starts over. Waits are counted on the boot clock (foundation 22).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.config.runtime import RestartSettings
    from podstead.state.observed import ObservedContainer
    from podstead.state.records import ContainerHistory, PodHistory

# A failed step is tried again soon at first (a mount that comes up, a name that is being released), then at the
# kubelet's pace of 10 s; pulls keep the kubelet's own curve.
STEP_RETRY_SECONDS = (0.5, 2.0, 5.0, 10.0)
PULL_INITIAL_SECONDS = 10.0
PULL_MAX_SECONDS = 300.0


def step_delay(key: str, count: int, *, unreachable: bool = False) -> float:
    """Return the seconds to wait before a step that has failed `count` times in a row is tried again.

    `unreachable`: the runtime was away, so that nothing is known of the registry.
    """
    if key.startswith("pull:") and not unreachable:
        return float(min(PULL_INITIAL_SECONDS * 2 ** min(count - 1, 10), PULL_MAX_SECONDS))
    return STEP_RETRY_SECONDS[min(count, len(STEP_RETRY_SECONDS)) - 1]


def crash_level(exited: ObservedContainer, history: ContainerHistory, settings: RestartSettings, now: Instant) -> int:
    """Return the level in force for this exit: 0 restarts at once; long runs start over."""
    if history.advanced_at is None or history.boot_id != now.boot_id:
        return history.backoff_level
    seen = now.boot if exited.exit_seen is None else exited.exit_seen
    return 0 if seen - history.advanced_at > settings.reset_seconds else history.backoff_level


def sandbox_level(history: PodHistory, settings: RestartSettings, now: Instant) -> int | None:
    """Return the level in force for a pod's next sandbox; None where the last one did not die under it in this boot."""
    made_at = history.sandbox_made_at
    if made_at is None or history.sandbox_boot_id != now.boot_id:
        return None
    return 0 if now.boot - made_at > settings.reset_seconds else history.sandbox_level


def crash_delay(level: int, settings: RestartSettings) -> float:
    """Return the seconds between an exit and the restart at this level."""
    if level <= 0:
        return 0.0
    initial = min(settings.initial_seconds, settings.max_seconds)
    return float(min(initial * 2 ** min(level - 1, 20), settings.max_seconds))
