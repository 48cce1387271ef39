"""What is: a pod as the runtime and the prober last showed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
    from podstead.state.inputs import Inputs


class ContainerState(StrEnum):
    """The CRI's container states."""

    CREATED = "Created"
    RUNNING = "Running"
    EXITED = "Exited"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSandbox:
    """One sandbox of a pod. Times are Unix nanoseconds; `ips` is empty with host networking.

    When it was made tells no two looks apart: until the runtime lists it, the time is our own clock's.
    """

    id: SandboxID
    key: PodKey
    uid: PodUID
    instance: str
    attempt: int
    ready: bool
    created_at: int = field(compare=False)
    host_network: bool
    ips: tuple[str, ...] = ()
    revision: RevisionID | None = None
    runtime_handler: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedContainer:
    """One container of a pod. Times are Unix nanoseconds, 0 where it has not happened.

    `exit_code`, `reason` and `message` mean something only when `state` is EXITED. `exit_seen` is the boot-clock
    second at which this agent learned of the exit; back-off is counted from it. `inputs` are what it was started with.
    """

    id: ContainerID
    sandbox_id: SandboxID
    uid: PodUID
    instance: str
    name: str
    attempt: int
    state: ContainerState
    created_at: int
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_id: str = ""
    log_path: str = ""
    restart_count: int = 0
    revision: RevisionID | None = None
    inputs: Inputs = ()
    exit_seen: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """How a task last failed: `reason` is CamelCase, `since` and `retry_at` are boot-clock seconds."""

    reason: str
    message: str
    since: float
    retry_at: float
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPod:
    """Everything known of one pod incarnation at one instant; the planner's second argument.

    `sandboxes` and `containers` are sorted newest attempt first. `in_flight` holds the keys of the steps under way
    (see reconcile.actions). `failures` holds, by the same keys, how a step last failed. `images` maps an image
    reference of the pod to the id under which it is present; an absent key means it is not known to be present.
    """

    uid: PodUID
    sandboxes: tuple[ObservedSandbox, ...] = ()
    containers: tuple[ObservedContainer, ...] = ()
    in_flight: frozenset[str] = frozenset()
    failures: Mapping[str, TaskFailure] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    pulled: frozenset[tuple[str, RevisionID]] = frozenset()
    """Image references that were pulled for a revision since the agent started (pull policy Always)."""
    prepared: frozenset[RevisionID] = frozenset()
    """Revisions whose volumes were prepared since the agent started."""
    pre_stopped: frozenset[ContainerID] = frozenset()
    """The containers whose preStop hook has been run."""
    stopping_since: float | None = None
    """The boot-clock second at which the stop of the whole pod began, None while none is under way."""
    fresh: bool = True
    """False while the runtime cannot be asked: nothing may be concluded from an absence."""

    def newest(self, name: str) -> ObservedContainer | None:
        """Return the container of this name with the highest attempt."""
        return next((c for c in self.containers if c.name == name), None)

    def previous(self, name: str) -> ObservedContainer | None:
        """Return the container of this name with the second highest attempt."""
        found = [c for c in self.containers if c.name == name]
        return found[1] if len(found) > 1 else None
