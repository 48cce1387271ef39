"""What the agent must not forget of a pod: its incarnation, its claim, its revisions, its restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import PodKey, PodUID, RevisionID
    from podstead.k8s import core_v1 as v1
    from podstead.state.provenance import Provenance

UNKNOWN_FILE = ""
"""The claim of a pod whose record was lost, until its manifest is seen: no directory entry has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Which document of which file of the manifest directory holds the pod (foundation 9)."""

    file: str
    document: int


class RollbackReason(StrEnum):
    """Why a pod does not run what its file says."""

    REQUESTED = "RolledBack"
    """Root asked for an earlier revision."""
    PROGRESS_DEADLINE = "ProgressDeadlineExceeded"
    """The file's revision was not ready in its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The pod runs an earlier revision until its file changes again. `passed_over` is what the file says; `at` is Unix
    seconds.
    """

    passed_over: RevisionID
    reason: RollbackReason
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The time in which the effective revision must become ready: it counts from the boot-clock second `since` of the boot
    `boot_id` (foundation 22). `expired`: it has passed, and nothing could be done about it.
    """

    boot_id: str
    since: float
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A revision that was effective. `at` is when it last became so, in Unix seconds; `failed`: it was not ready in time."""

    revision: RevisionID
    at: float
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a pod ended for good: `phase` is Succeeded or Failed; a reason stands where more than an exit code ended it."""

    phase: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """The pod went because the node ran short of `signal`, or by a limit of its own where that is empty.

    `at` is Unix seconds, `since` the boot-clock second of the boot `boot_id`; what runs of it has `grace_seconds` to end.
    """

    signal: str
    message: str
    at: float
    boot_id: str
    since: float
    grace_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """Class A state of one incarnation, durable before its effect (foundation 15 and 21).

    `effective` is what is reconciled and restarted after a crash; `candidate` waits for its images, ports or room.
    `terminating` never goes back to False: the next incarnation has a new record. Times are Unix seconds, for people;
    `start_boot` is the boot-clock second of `start_time` within `start_boot_id`, by which deadlines are kept.
    `state.updates` has the changes that it goes through.
    """

    key: PodKey
    uid: PodUID
    claim: Claim
    created_at: float
    effective: RevisionID | None = None
    candidate: RevisionID | None = None
    last_ready: RevisionID | None = None
    terminating: bool = False
    start_time: float | None = None
    start_boot: float | None = None
    start_boot_id: str = ""
    completion: Completion | None = None
    """Set once the pod has ended: nothing of it runs again, whatever becomes of the runtime's records, until an edit."""
    api_uid: str = ""
    """`metadata.uid` of the API object: apart from `uid`, as a mirror object may be deleted and come back."""
    stopped: bool = False
    """Root wants nothing of it to run; its record, volumes and logs stay."""
    evicted: Eviction | None = None
    """Nothing of it runs until the node has room again, or its file says something else."""
    rollback: Rollback | None = None
    progress: Progress | None = None
    """Set while a health-gated revision is effective and was not ready yet."""
    turns: tuple[Turn, ...] = ()
    """The revisions that were effective, each once and the present one last; bounded."""
    replaced: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Restarts that root asked for: by container, the highest attempt that another one takes the place of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An admitted content: the decoded, defaulted, named Pod and where it came from. `seen_at` is Unix seconds."""

    id: RevisionID
    key: PodKey
    pod: v1.Pod
    data: bytes
    file: str
    document: int = 0
    owner: str = ""
    seen_at: float = 0.0
    provenance: Provenance | None = None
    """Who stood for the file when the content was taken; None where nobody asked."""
    led: tuple[tuple[str, str], ...] = ()
    """Where its paths of the node led when the policy admitted it: each as it is written, and the real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerHistory:
    """Class B memory of one container name in one incarnation.

    `last_attempt` is the highest CRI attempt ever asked for (never reused, -1: none). `restart_count` is what the
    user sees; a planned restart does not raise it. `backoff_level` counts advances of the crash-loop curve;
    `advanced_at` is the boot-clock second of the last advance within `boot_id`.
    """

    last_attempt: int = -1
    started_attempt: int = -1
    """The attempt of the last start that succeeded."""
    killed_attempt: int = -1
    """The attempt that the agent itself ended (a failed probe, a lost sandbox): it restarts under OnFailure whatever
    its exit code."""
    returning_attempt: int = -1
    """The attempt that was stopped to come back (a preemption, a stop by root, a revision that cannot be read): it starts
    again whatever its policy, and that is no restart; at a shutdown of the machine it is one, counted at the stop."""
    cleared_attempt: int = -1
    """The attempt whose record was removed because all containers start over (RestartAllContainers)."""
    exit_attempt: int = -1
    """The attempt whose end was seen last, with `exit_code`: known also when the runtime's record of it is gone."""
    exit_code: int = 0
    post_started_attempt: int = -1
    """The highest attempt whose postStart hook has ended well."""
    resized_attempt: int = -1
    resized_by: RevisionID | None = None
    """The attempt whose resources were, or were about to be, changed in place, and the revision it has them of."""
    restart_count: int = 0
    backoff_level: int = 0
    advanced_at: float | None = None
    boot_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What the API shows of a condition, `True` or `False`, and since when, in its own form (RFC 3339 in UTC)."""

    status: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodHistory:
    """Class B memory of one incarnation."""

    sandbox_attempt: int = -1
    resized_sandbox: int = -1
    """The attempt of the sandbox in which resources were changed in place: what its containers' revisions say of them may
    be out of date."""
    sandbox_level: int = 0
    """The crash-loop level of the pod's sandbox: how often it had to be made again, each time soon after the last."""
    sandbox_made_at: float | None = None
    """The boot-clock second, within `sandbox_boot_id`, at which a sandbox was last made that was not ended since."""
    sandbox_boot_id: str = ""
    containers: Mapping[str, ContainerHistory] = field(default_factory=dict)
    transitions: Mapping[str, Transition] = field(default_factory=dict)
    """The pod's conditions as they were last shown, by type: an agent that starts changes none of them."""

    def of(self, name: str) -> ContainerHistory:
        """Return the memory of a container name, a fresh one when there is none."""
        return self.containers.get(name, ContainerHistory())
