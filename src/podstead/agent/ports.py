"""What the loops need of the rooms below, stated where it is used; `daemon` fills these in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.identity import ContainerID, PodKey, PodUID, SandboxID
    from podstead.state.observed import ObservedContainer, ObservedSandbox
    from podstead.state.runtime import ContainerRequest, Image, RuntimeEvent, SandboxRequest


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


class ImagePuller(Protocol):
    """Makes images present."""

    async def ensure(self, image: str, policy: str | None) -> Image:
        """Return the image, pulled as its policy wants it; raises RuntimeFault with the waiting reason."""
        ...

    async def inspect(self, image: str) -> Image | None:
        """Return the image known under this reference."""
        ...


class Recorder(Protocol):
    """Where events go. Never blocks and never raises."""

    def event(self, key: PodKey, uid: PodUID, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event about a pod."""
        ...
