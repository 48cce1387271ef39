"""What the loops need of the rooms below, stated where it is used; `daemon` fills these in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from podstead.agent.session import PodSession
    from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
    from podstead.images.credentials import CredentialFile
    from podstead.k8s.resources import CgroupValues
    from podstead.reconcile.actions import StartContainer
    from podstead.state.audit import AuditEntry
    from podstead.state.observed import ObservedContainer, ObservedSandbox
    from podstead.state.records import PodHistory, PodRecord, Revision
    from podstead.state.runtime import ContainerRequest, ExecResult, Image, RuntimeEvent, SandboxRequest
    from podstead.volumes.mounts import Prepared


class Runtime(Protocol):
    """The calls that observe and change sandboxes and containers; all raise `errors.RuntimeFault`."""

    async def sandboxes(self, uid: PodUID | None = None, instance: str | None = None) -> list[ObservedSandbox]:
        """Return our sandboxes (of one pod), without addresses."""
        ...

    async def sandbox_status(self, sandbox: SandboxID) -> ObservedSandbox:
        """Return a sandbox with its addresses."""
        ...

    async def containers(self, uid: PodUID | None = None, instance: str | None = None) -> list[ObservedContainer]:
        """Return our containers (of one pod), without start, exit and reason."""
        ...

    async def container_status(self, container: ContainerID) -> ObservedContainer:
        """Return a container with everything known of it."""
        ...

    async def run_sandbox(self, request: SandboxRequest) -> SandboxID:
        """Create and start a sandbox."""
        ...

    async def create_container(self, request: ContainerRequest) -> ContainerID:
        """Create a container."""
        ...

    async def start_container(self, container: ContainerID) -> None:
        """Start a created container."""
        ...

    async def container_pid(self, container: ContainerID) -> int:
        """Return the process id of a container's first process, 0 where it is not known or does not run."""
        ...

    async def exec_sync(self, container: ContainerID, command: Sequence[str], timeout_seconds: float) -> ExecResult:
        """Run a command in a container and wait for it; DeadlineFault when the time ran out."""
        ...

    async def update_resources(self, container: ContainerID, values: CgroupValues) -> None:
        """Change CPU and memory of a running container in place."""
        ...

    async def stop_container(self, container: ContainerID, grace_seconds: int) -> None:
        """Stop a container; returns when it has ended."""
        ...

    async def remove_container(self, container: ContainerID) -> None:
        """Remove a container's record."""
        ...

    async def stop_sandbox(self, sandbox: SandboxID) -> None:
        """Stop a sandbox and give its address back."""
        ...

    async def remove_sandbox(self, sandbox: SandboxID) -> None:
        """Remove a sandbox and the containers in it."""
        ...


class EventStream(Protocol):
    """Where exits are learned of at once (foundation 19)."""

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield events for ever; RECONNECTED each time the stream opens."""
        ...


class Views(Protocol):
    """What is shown of pods at the runtime. A step that shows its effect itself needs no look at the whole pod."""

    def made(self, sandbox: ObservedSandbox) -> bool:
        """Show a sandbox that was just made; returns whether that is all there is to know of its pod."""
        ...

    async def started(self, uid: PodUID, container: ContainerID) -> bool:
        """Show a container that was just started; returns whether that is all there is to know of its pod."""
        ...


class ImagePuller(Protocol):
    """Makes images present."""

    async def ensure(self, image: str, policy: str | None, credentials: Sequence[CredentialFile] = ()) -> Image:
        """Return the image, pulled as its policy wants it; raises RuntimeFault with the waiting reason.

        `credentials` are the pod's own, tried before the node's.
        """
        ...

    async def held(self, image: str, digest: str) -> Image | None:
        """Return the image of a digest that is present, whatever the tag of the reference says now."""
        ...

    async def ensure_pinned(
        self, image: str, digest: str, policy: str | None, credentials: Sequence[CredentialFile] = ()
    ) -> Image:
        """Return the image of a digest, and never another; raises RuntimeFault with the waiting reason."""
        ...

    async def inspect(self, image: str) -> Image | None:
        """Return the image known under this reference."""
        ...


class RecordFiles(Protocol):
    """Durable records."""

    async def put(self, *records: PodRecord) -> None:
        """Write a batch durably; raises PodsteadError when it cannot."""
        ...


class Recorder(Protocol):
    """Where events go. Never blocks and never raises."""

    def event(self, key: PodKey, uid: PodUID, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event about a pod."""
        ...


class Auditor(Protocol):
    """Where the audit log is told what happened. Never blocks and never raises; told on the loop's own thread."""

    def note(self, entry: AuditEntry) -> None:
        """Take one entry; of too many of a kind the later ones are left out, and their number is recorded."""
        ...


class PodHome(Protocol):
    """What a pod has on the node besides the runtime: directories, volumes, its cgroup."""

    async def prepare(self, revision: Revision, uid: PodUID, *, in_force: bool) -> Prepared:
        """Check and make the revision's volumes, and say where they are; raises RuntimeFault with reason FailedMount.

        `in_force`: it is the effective one, so what running containers see of its volumes is brought up to date.
        """
        ...

    async def release(self, revision: Revision, uid: PodUID, container: str) -> None:
        """Take away what was mounted on the node for a start of a container; raises RuntimeFault where it stays."""
        ...

    async def ready_cgroup(self, revision: Revision, uid: PodUID, beside: Sequence[Revision] = ()) -> None:
        """Make the pod's cgroup with its limits, or change them; wide enough also for the contents `beside`."""
        ...

    async def reset(self, uid: PodUID) -> None:
        """Remove the pod's volumes, so that fresh ones are made."""
        ...

    async def teardown(self, uid: PodUID) -> None:
        """Remove everything of the incarnation that the runtime does not hold."""
        ...


class Books(Protocol):
    """Durable and volatile memory."""

    async def save_record(self, record: PodRecord) -> None:
        """Make a record durable before its effect (class A)."""
        ...

    async def end(self, record: PodRecord) -> None:
        """Forget an incarnation that has ended, durably."""
        ...

    def save_history(self, uid: PodUID, history: PodHistory) -> None:
        """Keep a pod's history (class B): never blocks, never raises."""
        ...

    async def intent(self, uid: PodUID, container: str, attempt: int, revision: RevisionID) -> None:
        """Note a call that is about to be made; `container` is empty for the sandbox."""
        ...


class Requests(Protocol):
    """Builds what the runtime is asked for from a revision."""

    async def sandbox(self, revision: Revision, uid: PodUID, attempt: int) -> SandboxRequest:
        """Return the sandbox request."""
        ...

    async def container(
        self, revision: Revision, session: PodSession, step: StartContainer, image: Image
    ) -> ContainerRequest:
        """Return the container request; raises RuntimeFault with reason CreateContainerConfigError."""
        ...
