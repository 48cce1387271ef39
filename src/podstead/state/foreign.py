"""What a runtime holds that the agent did not make. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from podstead.k8s.text import printable
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from podstead.identity import PodUID
    from podstead.state.observed import ObservedContainer, ObservedSandbox
    from podstead.state.runtime import Image

UNLABELLED = "nothing says that it is this agent's"
FORGED = "it carries this agent's labels, and this agent did not make it"
UNRECORDED = "it carries this agent's labels, and no record of the agent names its pod"
BEHIND = "it runs in the runtime without the interface that pods are made by"
NEVER_PULLED = "the agent neither pulled nor imported it"


class ForeignKind(StrEnum):
    """What it is; the value is what people read."""

    SANDBOX = "pod"
    CONTAINER = "container"
    TASK = "task"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """One thing that is not ours. `name` and `image` are somebody else's strings: `sentence` has them escaped.

    `running`: it can be stopped. `namespace` is a task's own, in containerd.
    """

    kind: ForeignKind
    id: str
    name: str
    why: str
    image: str = ""
    running: bool = False
    namespace: str = ""

    @property
    def key(self) -> tuple[ForeignKind, str, str]:
        """What tells it from all others."""
        return self.kind, self.namespace, self.id

    @property
    def sentence(self) -> str:
        """What it is and why it is told of."""
        of = f" of image {printable(self.image)}" if self.image else ""
        return f"{self.kind} {printable(self.name)} ({self.id.removeprefix('sha256:')[:12]}){of}: {self.why}"


class Making(Protocol):
    """What the agent remembers of what it had made."""

    def is_ours(self, identifier: str, uid: PodUID, container: str, attempt: int) -> bool:
        """Return whether something was made by this agent, or may have been."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything that a runtime holds at one moment.

    `tasks` are what it runs as its own files say, by namespace and id, looked at before the lists were made.
    """

    sandboxes: Sequence[ObservedSandbox]
    containers: Sequence[ObservedContainer]
    images: Sequence[Image] = ()
    tasks: frozenset[tuple[str, str]] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all sandboxes and containers."""
        return frozenset({*(s.id for s in self.sandboxes), *(c.id for c in self.containers)})


CRI_NAMESPACE = "k8s.io"
"""The namespace of containerd that its CRI part works in."""


def foreign_pods(
    listing: Listing, instance: str, earlier: Collection[str], making: Making, unrecorded: Collection[PodUID] = ()
) -> Iterator[Foreign]:
    """Yield the sandboxes and containers that are not ours.

    Ours carries the instance's label, and either was there before this agent looked for the first time (`earlier`: its
    predecessors made it) or was made by it, or by a call that a predecessor noted and died in (both: `making`). Of pods that
    were there and have no record of their own (`unrecorded`) it cannot be told: the record may be lost, and so they are never
    stopped for it.
    """
    for sandbox in listing.sandboxes:
        known = sandbox.id in earlier or making.is_ours(sandbox.id, sandbox.uid, "", sandbox.attempt)
        if sandbox.instance != instance or not known:
            yield Foreign(
                kind=ForeignKind.SANDBOX,
                id=sandbox.id,
                name=str(sandbox.key),
                why=FORGED if sandbox.instance == instance else UNLABELLED,
                running=sandbox.ready,
            )
        elif sandbox.uid in unrecorded:
            yield Foreign(kind=ForeignKind.SANDBOX, id=sandbox.id, name=str(sandbox.key), why=UNRECORDED)
    for one in listing.containers:
        known = one.id in earlier or making.is_ours(one.id, one.uid, one.name, one.attempt)
        if one.instance != instance or not known:
            yield Foreign(
                kind=ForeignKind.CONTAINER,
                id=one.id,
                name=one.name,
                why=FORGED if one.instance == instance else UNLABELLED,
                image=one.image,
                running=one.state is ContainerState.RUNNING,
            )


def foreign_tasks(listing: Listing, settled: Collection[tuple[str, str]] = ()) -> Iterator[Foreign]:
    """Yield what runs past the runtime's CRI part: in another namespace, or in its own and not listed there.

    The CRI part lists a pod a moment after its task has begun. So one in its namespace counts as running, and may be
    stopped, when it has been there for long (`settled`).
    """
    listed = listing.ids
    for namespace, identifier in sorted(listing.tasks):
        if namespace != CRI_NAMESPACE or identifier not in listed:
            yield Foreign(
                kind=ForeignKind.TASK,
                id=identifier,
                name=f"{namespace}/{identifier}",
                why=BEHIND,
                running=namespace != CRI_NAMESPACE or (namespace, identifier) in settled,
                namespace=namespace,
            )


def foreign_images(listing: Listing, known: Collection[str]) -> Iterator[Foreign]:
    """Yield the images whose id nobody knows."""
    for image in listing.images:
        if image.id not in known and not image.pinned:
            name = next(iter((*image.tags, *image.digests)), "without a name")
            yield Foreign(kind=ForeignKind.IMAGE, id=image.id, name=name, why=NEVER_PULLED)
