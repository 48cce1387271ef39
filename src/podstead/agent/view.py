"""What is known of one pod at the runtime: the value that the observer keeps and everybody else reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.state.observed import ObservedContainer, ObservedSandbox


class PodView:
    """The sandboxes and containers of one pod, newest attempt first, and whether the view may be trusted."""

    __slots__ = ("containers", "fresh", "sandboxes")

    def __init__(
        self, sandboxes: Iterable[ObservedSandbox] = (), containers: Iterable[ObservedContainer] = (), *, fresh: bool
    ) -> None:
        self.sandboxes = tuple(sorted(sandboxes, key=lambda s: -s.attempt))
        self.containers = tuple(sorted(containers, key=lambda c: (c.name, -c.attempt, -c.created_at)))
        self.fresh = fresh

    @property
    def ids(self) -> set[str]:
        """The ids of all that is in it."""
        return {*(s.id for s in self.sandboxes), *(c.id for c in self.containers)}

    @property
    def unexplained(self) -> bool:
        """Whether a container has ended and the runtime has not said yet how."""
        return any(c.state is ContainerState.EXITED and not c.reason for c in self.containers)

    def same(self, other: PodView) -> bool:
        """Return whether another view shows the same."""
        return (self.sandboxes, self.containers, self.fresh) == (other.sandboxes, other.containers, other.fresh)

    def with_sandbox(self, sandbox: ObservedSandbox) -> PodView:
        """Return the view with one sandbox more, or another state of one."""
        others = (s for s in self.sandboxes if s.id != sandbox.id)
        return PodView((*others, sandbox), self.containers, fresh=self.fresh)

    def with_container(self, container: ObservedContainer) -> PodView:
        """Return the view with one container more, or another state of one."""
        others = (c for c in self.containers if c.id != container.id)
        return PodView(self.sandboxes, (*others, container), fresh=self.fresh)

    def doubted(self) -> PodView:
        """Return the view as one that may not be trusted any more."""
        return PodView(self.sandboxes, self.containers, fresh=False)
