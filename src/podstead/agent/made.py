"""What this agent has had the runtime make since it began: a label can be copied, an id cannot be foreseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from podstead.identity import ContainerID, PodUID, SandboxID


class Made:
    """Calls that make something, and what they made."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._awaited: set[tuple[PodUID, str, int]] = set()
        """Asked for, and not known to have been made: by pod, container (empty: its sandbox) and attempt."""
        self._absent: set[str] = set()
        """Made, and not in the last list: which may be older than they are."""

    def asked(self, uid: PodUID, container: str, attempt: int) -> None:
        """Note a call that is about to be made. Its reply may be lost, and what it made exist all the same."""
        self._awaited.add((uid, container, attempt))

    def made(self, identifier: SandboxID | ContainerID, uid: PodUID, container: str, attempt: int) -> None:
        """Note what a call has made."""
        self._ids.add(identifier)
        self._awaited.discard((uid, container, attempt))

    def is_ours(self, identifier: str, uid: PodUID, container: str, attempt: int) -> bool:
        """Return whether something was made by this agent, or may have been."""
        return identifier in self._ids or (uid, container, attempt) in self._awaited

    def keep(self, present: Collection[str], uids: Collection[PodUID]) -> None:
        """Forget what is no more: ids that are in neither of two lists, calls for pods that have ended."""
        absent = self._ids - set(present)
        self._ids -= absent & self._absent
        self._absent = absent
        self._awaited = {one for one in self._awaited if one[0] in uids}
