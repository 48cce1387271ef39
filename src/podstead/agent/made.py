"""What this agent has had the runtime make since it began: a label can be copied, an id cannot be foreseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from podstead.identity import ContainerID, PodUID, RevisionID, SandboxID
    from podstead.state.foreign import Listing
    from podstead.state.observed import ObservedContainer, ObservedSandbox

    Call = tuple[PodUID, str, int]
    """What a call makes: by pod, container (empty: its sandbox) and attempt."""


class Made:
    """Calls that make something, and what they made."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._awaited: set[Call] = set()
        """Asked for, and not known to have been made."""
        self._inherited: dict[Call, RevisionID] = {}
        """What an agent before this one noted that it would ask for, and no list has shown yet."""
        self._absent: set[str] = set()
        """Made, and not in the last list: which may be older than they are."""

    def asked(self, uid: PodUID, container: str, attempt: int) -> None:
        """Note a call that is about to be made. Its reply may be lost, and what it made exist all the same."""
        self._awaited.add((uid, container, attempt))

    def made(self, identifier: SandboxID | ContainerID, uid: PodUID, container: str, attempt: int) -> None:
        """Note what a call has made."""
        self._ids.add(identifier)
        self._awaited.discard((uid, container, attempt))

    def inherit(self, calls: Iterable[tuple[Call, RevisionID]]) -> None:
        """Take over the calls that an agent before this one may have died in: the runtime may end them after its death."""
        self._inherited.update(calls)

    def disinherit(self) -> None:
        """Await nothing of an earlier agent any more: what comes now was asked for by somebody else."""
        self._inherited.clear()

    def begin(self, first: Listing) -> None:
        """Take what was there at the first look out of what is inherited: those calls have been answered."""
        for call in (*(_sandbox(s) for s in first.sandboxes), *(_container(c) for c in first.containers)):
            self._inherited.pop(call, None)

    def recognise(self, listing: Listing, instance: str, earlier: Collection[str]) -> None:
        """Take what an earlier agent's calls have made meanwhile for ours.

        One thing a call, the first that is seen; it names the revision that the call was noted with, and a container lies in
        a sandbox of ours (`earlier`: those of the first look).
        """
        if not self._inherited:
            return
        for sandbox in listing.sandboxes:
            if sandbox.instance == instance and sandbox.id not in earlier:
                self._recognise(sandbox.id, _sandbox(sandbox), sandbox.revision)
        for one in listing.containers:
            within = one.sandbox_id in earlier or one.sandbox_id in self._ids
            if one.instance == instance and one.id not in earlier and within:
                self._recognise(one.id, _container(one), one.revision)

    def _recognise(self, identifier: SandboxID | ContainerID, call: Call, revision: RevisionID | None) -> None:
        if call in self._inherited and self._inherited[call] == revision:
            self._ids.add(identifier)
            del self._inherited[call]

    def is_ours(self, identifier: str, uid: PodUID, container: str, attempt: int) -> bool:
        """Return whether something was made by this agent, or may have been."""
        return identifier in self._ids or (uid, container, attempt) in self._awaited

    def keep(self, present: Collection[str], uids: Collection[PodUID]) -> None:
        """Forget what is no more: ids that are in neither of two lists, calls for pods that have ended."""
        absent = self._ids - set(present)
        self._ids -= absent & self._absent
        self._absent = absent
        self._awaited = {one for one in self._awaited if one[0] in uids}
        self._inherited = {one: revision for one, revision in self._inherited.items() if one[0] in uids}


def _sandbox(one: ObservedSandbox) -> Call:
    return one.uid, "", one.attempt


def _container(one: ObservedContainer) -> Call:
    return one.uid, one.name, one.attempt
