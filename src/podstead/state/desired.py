"""What should be: one pod with the revision that runs and the one that waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import RevisionID
    from podstead.state.inputs import Inputs
    from podstead.state.records import PodRecord, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Why the node cannot take a revision now: the file stays Accepted, the pod waits (foundation 11)."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Why nothing of the effective revision is started again, although what runs of it runs on.

    `reason` is CamelCase, `message` one sentence that says what to do.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredPod:
    """The planner's first argument.

    `record.terminating` means: wanted is that nothing of this incarnation is left. `blocked` concerns the
    candidate, or the effective revision when `preempted` is set.
    """

    record: PodRecord
    effective: Revision | None
    candidate: Revision | None = None
    revisions: Mapping[RevisionID, Revision] = field(default_factory=dict)
    """Every revision that a sandbox or container of the pod names, decoded by today's code (foundation 13)."""
    blocked: Blocked | None = None
    preempted: bool = False
    held: Held | None = None
    grace_limit: int | None = None
    """Seconds that a stop may take at most, whatever the pod's own grace period (a node that goes down)."""
    in_place: bool = True
    """Whether the runtime may still change the resources of the effective revision's containers in place."""
    resized: RevisionID | None = None
    """The revision whose resources everything that runs was given since the agent started."""
    resized_by: Mapping[str, tuple[int, RevisionID]] = field(default_factory=dict)
    """By container: the attempt whose resources were changed in place, and the revision that it has them of."""
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    """What each container of the effective revision would be started with now, as far as it has any inputs."""
