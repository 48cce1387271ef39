"""The steps a plan may ask for. Each is idempotent or guarded by its attempt, and has a key that names it in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import ContainerID, RevisionID, SandboxID
    from podstead.state.records import Completion, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PullImage:
    """Make an image present, as its pull policy has it: Always asks the registry even if it is, Never asks nobody."""

    image: str
    revision: RevisionID
    policy: str = "IfNotPresent"

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"pull:{self.image}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Make the candidate the effective revision by one durable write (foundation 15).

    `renews` names the containers that the edit starts anew: what is remembered of their ends counts for them no more.
    With `anew` the pod had ended and runs as a whole again, with fresh emptyDirs, from the first init container on.
    """

    revision: RevisionID
    renews: frozenset[str] = frozenset()
    anew: bool = False
    key: str = "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteProgress:
    """Write down how a health-gated revision gets on; `progress` is None once it is ready."""

    revision: RevisionID
    progress: Progress | None
    key: str = "progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class FallBack:
    """Make the last ready revision effective again in place of one that was not ready in time, by one durable write."""

    revision: RevisionID
    target: RevisionID
    key: str = "fall-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """Note durably that the pod has ended, so that nothing of this revision runs again by itself."""

    revision: RevisionID
    completion: Completion
    key: str = "conclude"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareVolumes:
    """Check and make what the effective revision mounts; also the pod's directories and cgroup."""

    revision: RevisionID

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"volumes:{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSandbox:
    """Create and start a sandbox with this attempt.

    With `reset_volumes` the pod's emptyDirs are emptied first: the sandbox before was of another content, and a whole-pod
    edit starts with fresh ones (foundation 14).
    """

    revision: RevisionID
    attempt: int
    reset_volumes: bool = False
    crash_level: int | None = None
    """The crash-loop level in force; given when this sandbox takes the place of one that died."""
    key: str = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer:
    """Create (unless `created` names one that exists already) and start a container in the sandbox."""

    name: str
    sandbox: SandboxID
    revision: RevisionID
    attempt: int
    restart_count: int
    created: ContainerID | None = None
    crash_level: int | None = None
    """The crash-loop level in force; given when this start advances the back-off."""
    new_revision: bool = False
    """Whether this start clears the crash-loop back-off."""

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"container:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPostStart:
    """Run the postStart hook of a container that has been started."""

    id: ContainerID
    name: str
    revision: RevisionID
    attempt: int

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"post-start:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """Stop a container within `grace_seconds`: its preStop hook, its stop signal, then KILL.

    Hook and signal are those of `revision`, which made the container; without a grace there is no hook. With
    `comes_back` it starts again later, whatever its restart policy, and that counts as no restart unless `counts` says so.
    """

    id: ContainerID
    name: str
    grace_seconds: int
    attempt: int
    revision: RevisionID | None
    reason: str
    message: str
    probe_failure: bool = False
    comes_back: bool = False
    counts: bool = False

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"stop:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPreStop:
    """Run the preStop hook of a sidecar that waits for its turn to stop; `grace_seconds` are what is left to the pod."""

    id: ContainerID
    name: str
    revision: RevisionID | None
    grace_seconds: int

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"pre-stop:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContainer:
    """A running container that a step concerns."""

    id: ContainerID
    name: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizePod:
    """Give the pod's cgroup and these containers the resources of `revision` in place.

    `attempt` is that of the sandbox.
    """

    revision: RevisionID
    attempt: int
    containers: tuple[RunningContainer, ...]

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"resize:{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer:
    """Remove the record of a container that does not run.

    `clears` is the container's name where all containers of the pod start over and this is the record of its last
    attempt; `crash_level` is then the level in force of the one whose end caused it.
    """

    id: ContainerID
    clears: str = ""
    crash_level: int | None = None

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"remove:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSandbox:
    """Stop a sandbox: its containers are known to have ended."""

    id: SandboxID

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"stop-sandbox:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSandbox:
    """Remove a stopped sandbox and its records; with `reset_volumes` the pod's emptyDirs are emptied first."""

    id: SandboxID
    reset_volumes: bool = False

    @property
    def key(self) -> str:
        """Name of this step while in flight."""
        return f"remove-sandbox:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishIncarnation:
    """Nothing runs any more: remove volumes, directories and the cgroup, then end the incarnation."""

    key: str = "finish"


Step = (
    PullImage
    | Promote
    | NoteProgress
    | FallBack
    | Conclude
    | PrepareVolumes
    | RunSandbox
    | StartContainer
    | RunPostStart
    | RunPreStop
    | StopContainer
    | ResizePod
    | RemoveContainer
    | StopSandbox
    | RemoveSandbox
    | FinishIncarnation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a container does not run: becomes `state.waiting` of its status."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodActions:
    """What to do now. All steps may be started at once. `requeue_at` is a boot-clock second at which to plan again."""

    steps: tuple[Step, ...] = ()
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    requeue_at: float | None = None
    stuck: Waiting | None = None
    """Why the pod as a whole cannot go on (a candidate that waits, a volume, a sandbox)."""
    stopping: bool = False
    """Whether the whole pod is being stopped: the moment at which that began is an input of the plans to come."""
    restarting_all: bool = False
    """Whether all containers are being cleared away to start over (RestartAllContainers)."""

    def beside(self, other: PodActions) -> PodActions:
        """Return both at once; where both say why something waits, this one's word goes."""
        moments = [m for m in (self.requeue_at, other.requeue_at) if m is not None]
        return PodActions(
            steps=tuple(dict.fromkeys((*self.steps, *other.steps))),
            waiting={**other.waiting, **self.waiting},
            requeue_at=min(moments, default=None),
            stuck=self.stuck or other.stuck,
            stopping=self.stopping or other.stopping,
            restarting_all=self.restarting_all or other.restarting_all,
        )
