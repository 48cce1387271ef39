"""Whether a container's postStart hook has been run, and what waits for it (spec/kubelet-static-pods.md 3.11).

Until the hook has ended well its container is neither started nor ready, and no container after it is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.reconcile.actions import RunPostStart, Waiting
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, ProbeKind

if TYPE_CHECKING:
    from podstead.identity import RevisionID
    from podstead.k8s import core_v1 as v1
    from podstead.state.observed import ObservedContainer, ObservedPod, TaskFailure
    from podstead.state.probes import PodProbes
    from podstead.state.records import ContainerHistory

POST_START_ERROR = "PostStartHookError"
"""The reason of a hook that failed by itself; any other is a trouble of ours, and the hook is tried again."""


def post_start_pending(spec: v1.Container, found: ObservedContainer | None, memory: ContainerHistory) -> bool:
    """Return whether a running container has a postStart hook that has not ended well.

    It is run for an attempt that this memory knows of. A container that outlived the memory of its start (a database
    that was lost) had its hook long ago, and a hook run twice may do harm.
    """
    if found is None or found.state is not ContainerState.RUNNING:
        return False
    has_hook = spec.lifecycle is not None and spec.lifecycle.post_start is not None
    return has_hook and memory.last_attempt >= found.attempt > memory.post_started_attempt


def is_started(
    spec: v1.Container, found: ObservedContainer | None, probes: PodProbes, memory: ContainerHistory
) -> bool:
    """Return whether a container counts as Started: it runs, and is past its postStart hook and its startup probe."""
    if found is None or found.state is not ContainerState.RUNNING or post_start_pending(spec, found, memory):
        return False
    return spec.startup_probe is None or probes.outcome(found.id, ProbeKind.STARTUP) is Outcome.SUCCESS


def post_start_step(found: ObservedContainer, revision: RevisionID) -> RunPostStart:
    """Return the step that runs the hook of a container."""
    return RunPostStart(id=found.id, name=found.name, revision=revision, attempt=found.attempt)


def post_start_failure(found: ObservedContainer, observed: ObservedPod) -> TaskFailure | None:
    """Return how the hook of this container failed by itself, None where it did not."""
    failure = observed.failures.get(f"post-start:{found.id}")
    return failure if failure is not None and failure.reason == POST_START_ERROR else None


def post_start_waiting(
    spec: v1.Container, found: ObservedContainer | None, memory: ContainerHistory, observed: ObservedPod
) -> Waiting | None:
    """Return what a container waits for whose process runs and whose hook has not ended well; None for all others."""
    if found is None or not post_start_pending(spec, found, memory):
        return None
    failure = post_start_failure(found, observed)
    if failure is not None:
        return Waiting(reason=POST_START_ERROR, message=failure.message)
    return Waiting(reason="ContainerCreating", message=f"the postStart hook of container {found.name} has not ended")
