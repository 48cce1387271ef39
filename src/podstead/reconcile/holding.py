"""A pod that is held: what runs of it runs on, and nothing of it is started again.

Its signer's key was revoked, or root's leave for it has ended. To stop it would be the outage that security must not become;
to start it again would be to run what nobody stands for any more. So the plan is made as always, and what would begin, end or
replace anything of the effective revision is left out of it. An edit that counts goes its way and ends the hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.reconcile.actions import (
    PullImage,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    RunPreStop,
    RunSandbox,
    StartContainer,
    StopContainer,
    StopSandbox,
    Waiting,
)
from podstead.reconcile.termination import ALIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.identity import RevisionID
    from podstead.reconcile.actions import PodActions, Step
    from podstead.state.desired import Held
    from podstead.state.observed import ObservedPod
    from podstead.state.records import Revision

CHANGING = (
    RunSandbox,
    StartContainer,
    RunPreStop,
    StopContainer,
    ResizePod,
    RemoveContainer,
    StopSandbox,
    RemoveSandbox,
)
"""Steps that start something, or end something that is to start again."""


def hold_back(actions: PodActions, held: Held, effective: Revision, observed: ObservedPod) -> PodActions:
    """Return the plan of a held pod: without what it must not do, and with the reason why its containers do not run."""
    left_out = [step for step in actions.steps if _is_held(step, effective.id)]
    why = Waiting(reason=f"Held: {held.reason}", message=held.message)
    waiting = dict.fromkeys((*actions.waiting, *_down(left_out, effective, observed)), why)
    return replace(
        actions,
        steps=tuple(step for step in actions.steps if step not in left_out),
        waiting=waiting,
        restarting_all=False,
    )


def _is_held(step: Step, effective: RevisionID) -> bool:
    return isinstance(step, CHANGING) or (isinstance(step, PullImage) and step.revision == effective)


def _down(left_out: list[Step], effective: Revision, observed: ObservedPod) -> Iterator[str]:
    """Yield the containers that would have been started."""
    anew = any(isinstance(step, RunSandbox | StopSandbox | RemoveSandbox) for step in left_out)
    started = {step.name for step in left_out if isinstance(step, StartContainer)}
    for container in all_containers(effective.pod.spec):
        found = observed.newest(container.name)
        if container.name in started or (anew and (found is None or found.state not in ALIVE)):
            yield container.name
