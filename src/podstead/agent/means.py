"""What every step acts with, and how it remembers and tells what it did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.errors import NotFoundFault, RuntimeFault
from podstead.k8s.containers import find_container

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from podstead.agent.made import Made
    from podstead.agent.objects import LocalObjects
    from podstead.agent.ports import Auditor, Books, ImagePuller, PodHome, Recorder, Runtime
    from podstead.agent.session import PodSession
    from podstead.clock import Clock
    from podstead.identity import RevisionID
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import ContainerHistory, PodHistory, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The rooms below, and the agent's memory."""

    runtime: Runtime
    images: ImagePuller
    home: PodHome
    books: Books
    recorder: Recorder
    auditor: Auditor
    clock: Clock
    objects: LocalObjects
    made: Made

    def tell(self, session: PodSession, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an event about the pod."""
        self.recorder.event(session.key, session.uid, reason, message, warning=warning)

    def hidden(self, container: v1.Container, session: PodSession) -> tuple[tuple[str, str], ...]:
        """Return the values beyond the manifest's that no message about a container may show, each with its label."""
        from_objects = self.objects.hidden(container, session.key.namespace)
        return (*from_objects, *session.file_values.get(container.name, ()))

    def remember(self, session: PodSession, history: PodHistory) -> None:
        """Take over a pod's history and keep it (class B)."""
        session.history = history
        self.books.save_history(session.uid, history)

    def remember_container(self, session: PodSession, name: str, memory: ContainerHistory) -> None:
        """Take over what is remembered of one container and keep it."""
        containers = {**session.history.containers, name: memory}
        self.remember(session, replace(session.history, containers=containers))


def revision_of(session: PodSession, identifier: RevisionID) -> Revision:
    """Return a revision that a step names; raises RuntimeFault where it cannot be read back."""
    revision = session.revision(identifier)
    if revision is None:
        raise RuntimeFault(f"revision {identifier} of {session.key} cannot be read back", reason="RevisionLost")
    return revision


def pin_of(revision: Revision, image: str) -> str:
    """Return the digest that whoever signed a revision bound an image's reference to, empty where nobody did."""
    pins = revision.provenance.pins if revision.provenance is not None else ()
    return dict(pins).get(image, "")


def spec_of(revision: Revision, name: str) -> v1.Container:
    """Return the container that a step names, of whatever sort; raises RuntimeFault where the revision has none."""
    spec = find_container(revision.pod.spec, name)
    if spec is None:
        raise RuntimeFault(f"revision {revision.id} of {revision.key} has no container {name}", reason="RevisionLost")
    return spec


async def gone_is_fine(call: Awaitable[None]) -> None:
    """Await a call that ends something: that it is no more is what was wanted."""
    try:
        await call
    except NotFoundFault:
        return
