"""What the audit log is told: who did what to what, and why.

An entry has no room for a value of a manifest, an environment, a command or a Secret (foundation 24): what is told
beyond the sentence are facts under the names of `Fact`, and the sentence is the one that an Event or a verdict shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Act(StrEnum):
    """What was done. The value is what stands in the log, so it stays what it is for ever."""

    AGENT_START = "AgentStart"
    AGENT_STOP = "AgentStop"
    ADMIT = "Admit"
    """A content was taken over: what it names may run from now on."""
    REFUSE = "Refuse"
    """A content was not: what ran before runs on. The reason is the verdict's."""
    REMOVE = "Remove"
    """A pod leaves, as its file has."""
    START = "Start"
    STOP = "Stop"
    """The agent stopped a container."""
    EXIT = "Exit"
    """A container ended by itself, or was killed by somebody else."""
    EXEC = "Exec"
    OPERATION = "Operation"
    """Somebody asked the agent for a change: apply, delete, roll back, restart, stop, start, shut down."""
    DENIED = "Denied"
    """Somebody asked for something and may not: a process of a pod at the agent's socket."""
    IMPORT = "Import"
    """An image came by a file."""
    ALLOW = "Allow"
    """Root lets one content through for a while (break-glass)."""
    ALLOW_ENDED = "AllowEnded"
    KEY = "Key"
    """A key that is trusted came, went, or was revoked; or the log's own sealing key."""
    POLICY = "Policy"
    MODE = "Mode"
    """How strictly signatures count, or that a check was given up."""
    INDEX = "Index"
    """A signed index was taken over."""
    FOREIGN = "Foreign"
    """Something in the runtime that the agent did not make."""
    QUARANTINE = "Quarantine"
    POSTURE = "Posture"
    """Somebody else than root may write what only root should."""
    ROLLBACK = "Rollback"
    HOLD = "Hold"
    """A pod runs on but is not started again."""
    CONFIGURATION = "Configuration"
    SHUTDOWN = "Shutdown"
    """The machine goes down."""
    LOG = "Log"
    """A file of the log begins, or the oldest is dropped."""
    GAP = "Gap"
    """Something is missing here: left out for want of room or by its number, or lost in a crash."""


ALARMS = frozenset({Act.REFUSE, Act.DENIED, Act.ALLOW, Act.FOREIGN, Act.QUARANTINE, Act.POSTURE, Act.HOLD, Act.GAP})
"""Acts that somebody should look at whoever did them; they go to the webhook."""


class Fact(StrEnum):
    """What may be told of an act besides its sentence. No value of any of them may be a secret, nor hold one."""

    FILE = "file"
    DIGEST = "digest"
    """SHA-256 of the bytes."""
    SIZE = "size"
    OWNER = "owner"
    MODIFIED = "modified"
    WRITER = "writer"
    """Who wrote the file, as far as the kernel told: a sentence."""
    EXECUTABLE = "executable"
    UID = "uid"
    PID = "pid"
    LOGIN_UID = "loginUID"
    """The user that logged in, however often they changed user since; empty where nobody did."""
    POD = "pod"
    POD_UID = "podUID"
    CONTAINER = "container"
    CONTAINER_ID = "containerID"
    ATTEMPT = "attempt"
    REVISION = "revision"
    IMAGE = "image"
    IMAGE_ID = "imageID"
    CAUSE = "cause"
    EXIT_CODE = "exitCode"
    COMMAND = "command"
    """The first word of a command, never more of it."""
    WORDS = "words"
    """How many words a command has."""
    LENGTH = "length"
    """How many characters a command has."""
    OUTCOME = "outcome"
    KEY = "key"
    """The fingerprint of a public key."""
    PRINCIPALS = "principals"
    VERSION = "version"
    MODE = "mode"
    UNTIL = "until"
    COUNT = "count"
    LEFT_OUT = "leftOut"
    """How many entries like this one were left out before it, as there were too many."""
    SINCE = "since"
    PROVENANCE = "provenance"
    KEY_SEGMENT = "keySegment"
    """Of a file of the log: how far its keys are from the verification key."""
    FIRST = "first"
    LAST = "last"
    """Numbers of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened, as it is told. The log adds when, and where it stands in the chain.

    `subject` is what it was done to: a file's name, namespace/name of a pod, a fingerprint, a path. `reason` is
    CamelCase, of a small set. `message` is one sentence for people. All of it may come from outside: the log escapes it
    and cuts what is too long.
    """

    act: Act
    subject: str
    reason: str = ""
    message: str = ""
    facts: Mapping[Fact, str | int] = field(default_factory=dict)

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should be told at once."""
        return self.act in ALARMS
