"""What is told about the files of the manifest directory and of the objects directory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from podstead.identity import PodKey, RevisionID
    from podstead.manifest.reading import Message
    from podstead.state.objects import ObjectKey


class Verdict(StrEnum):
    """What became of a directory entry (foundation 11: content alone decides)."""

    ACCEPTED = "Accepted"
    """Its pods are wanted; whether the node can run them now is the pods' matter."""
    REJECTED = "Rejected"
    """Its content makes no pod; pods that it gave before keep running as they were."""
    IGNORED = "Ignored"
    """It is not meant to be a manifest."""
    PENDING = "Pending"
    """Not known yet: being read, being written, or refused so recently that it may still be under way."""


OF_TROUBLE = {
    FileTrouble.IGNORED: Verdict.IGNORED,
    FileTrouble.REFUSED: Verdict.REJECTED,
    FileTrouble.UNREADABLE: Verdict.REJECTED,
    FileTrouble.PENDING: Verdict.PENDING,
}
"""The verdict on an entry that gives no bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVerdict:
    """The verdict on one directory entry.

    `reason` is CamelCase, empty when Accepted. `pods` are those that the content names when it is Accepted, otherwise
    those that keep running from an earlier content. `revisions` are the contents that the file has now, in the order
    of its documents, also when it is refused for a duplicate. `objects` are what a file of the objects directory gives,
    as `pods` are what a manifest does. `modified_at` is Unix seconds, `size` bytes.
    """

    name: str
    path: str
    verdict: Verdict
    reason: str = ""
    messages: tuple[Message, ...] = ()
    pods: tuple[PodKey, ...] = ()
    revisions: tuple[RevisionID, ...] = ()
    objects: tuple[ObjectKey, ...] = ()
    owner: str = ""
    modified_at: float = 0.0
    size: int = 0
