"""What separates an existing sandbox or container from the effective revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.compare import compare
from podstead.reconcile.restarts import is_replaced

if TYPE_CHECKING:
    from podstead.identity import RevisionID
    from podstead.manifest.compare import Changes
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedSandbox


class Drift:
    """Compares by decoded values, never by stored hashes (foundation 13), each pair of revisions once a plan."""

    __slots__ = ("_known", "desired")

    def __init__(self, desired: DesiredPod) -> None:
        self.desired = desired
        self._known: dict[RevisionID, tuple[bool, frozenset[str]]] = {}

    def _since(self, made_by: RevisionID | None) -> tuple[bool, frozenset[str]]:
        effective = self.desired.effective
        if effective is None or made_by is None or made_by == effective.id:
            return False, frozenset()
        if made_by not in self._known:
            made = self.desired.revisions.get(made_by)
            # A revision that cannot be read back proves no difference, and doubt restarts nothing.
            changes = compare(made.pod, effective.pod) if made else None
            self._known[made_by] = (changes.pod, self._restarted(changes)) if changes else (False, frozenset())
        return self._known[made_by]

    def _restarted(self, changes: Changes) -> frozenset[str]:
        return changes.containers if self.desired.in_place else changes.containers | changes.resize

    def sandbox(self, sandbox: ObservedSandbox) -> bool:
        """Return whether the whole pod must restart to match the effective revision."""
        return self._since(sandbox.revision)[0]

    def container(self, container: ObservedContainer) -> bool:
        """Return whether this container must be replaced, for the effective revision or because root asked for it."""
        return self.is_outdated(container) or is_replaced(self.desired.record, container)

    def is_outdated(self, container: ObservedContainer) -> bool:
        """Return whether this container must be replaced to match the effective revision.

        One whose resources were changed in place differs from it by those that it has now, too.
        """
        whole, names = self._since(container.revision)
        _, since = self._since(given_by(self.desired, container))
        return whole or container.name in names | since


def given_by(desired: DesiredPod, container: ObservedContainer) -> RevisionID | None:
    """Return the revision whose resources a container has: the one that made it, or a later one, in place."""
    resized = desired.resized_by.get(container.name)
    return resized[1] if resized is not None and resized[0] == container.attempt else container.revision
