"""What the handlers need of the agent to change what it runs: the port, and its values (see `server.port`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from podstead.manifest.reading import Message  # noqa: TC001 - msgspec resolves the annotation at run time

if TYPE_CHECKING:
    from podstead.identity import PodKey


class RevisionReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A kept revision of a pod.

    `states` are any of Effective, Candidate, LastReady, Failed and PassedOver (the file says it, and it does not run).
    `admitted` and `effective_since` are RFC 3339; the latter is when it last became effective, empty if it never did.
    `signer` says who stood for it in a few words, empty where nobody did.
    """

    id: str
    states: tuple[str, ...] = ()
    admitted: str = ""
    effective_since: str = ""
    file: str = ""
    document: int = 0
    owner: str = ""
    signer: str = ""


class PodReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which revision a pod runs, which wait, and whether it is ready under it.

    `ready` is True when the pod is ready and nothing is left to do for its effective revision. `rollback` is a sentence,
    empty where the pod runs what its file says.
    """

    uid: str
    file: str = ""
    effective: str = ""
    candidate: str = ""
    last_ready: str = ""
    passed_over: str = ""
    rollback: str = ""
    ready: bool = False
    stopped: bool = False


class AppliedPod(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one pod of applied content: `outcome` is created, configured or unchanged (kubectl's words).

    `restarts` says what the edit restarts, empty for a pod that is new or unchanged.
    """

    namespace: str
    name: str
    revision: str
    file: str
    outcome: str
    restarts: str = ""


class Application(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The outcome of an apply; `reason` is empty exactly when the content is accepted."""

    reason: str = ""
    messages: tuple[Message, ...] = ()
    pods: tuple[AppliedPod, ...] = ()


class Deletion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The outcome of a delete: the pod's file, and whether that is gone or holds other pods still."""

    namespace: str
    name: str
    uid: str
    file: str
    removed: bool


class OperationsPort(Protocol):
    """Root's part in what runs. Names of pods are full ones; every method may raise `PodsteadError`."""

    def pod(self, key: PodKey) -> PodReport:
        """Return which revision a pod runs now, from memory."""
        ...

    async def revisions(self, key: PodKey) -> tuple[RevisionReport, ...]:
        """Return a pod's kept revisions, the latest first."""
        ...

    async def manifest(self, key: PodKey, revision: str) -> bytes:
        """Return the bytes of a kept revision, passwords and all. A beginning of its id is enough."""
        ...

    async def roll_back(self, key: PodKey, revision: str) -> str:
        """Let a pod run a kept revision, the one before where it is empty; returns a sentence."""
        ...

    async def restart(self, key: PodKey, container: str) -> str:
        """Replace a pod's containers, or the one that is named; returns a sentence."""
        ...

    async def stop(self, key: PodKey) -> str:
        """Let nothing of a pod run until it is started; returns a sentence."""
        ...

    async def start(self, key: PodKey) -> str:
        """Let a stopped pod run again; returns a sentence."""
        ...

    async def apply(self, data: bytes, *, dry_run: bool) -> Application:
        """Check content and write it into the manifest directory; with `dry_run` nothing is written."""
        ...

    async def delete(self, key: PodKey) -> Deletion:
        """Take a pod out of its file."""
        ...
