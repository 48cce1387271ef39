"""What `podstead check` comes to for one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.manifest.reading import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verdict on one file: Accepted, Rejected or Ignored, with everything that is to be said."""

    path: str
    verdict: str
    reason: str = ""
    messages: tuple[Message, ...] = ()
    pods: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    kubelet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that cannot be judged, and why."""

    why: str
