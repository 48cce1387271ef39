"""What a look at the manifest directory found, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.state.provenance import Provenance


class FileTrouble(StrEnum):
    """Why a directory entry gives no bytes to decode."""

    IGNORED = "Ignored"
    """Not meant to be a manifest (name, extension)."""
    REFUSED = "Refused"
    """Meant to be one but of a form that is never read (link, FIFO, too large): absence is not concluded."""
    UNREADABLE = "Unreadable"
    """An error of the file system: absence is not concluded, the look is repeated."""
    PENDING = "Pending"
    """Being read, or being written."""


def is_url(name: str) -> bool:
    """Return whether the name of a source's entry is that of the manifest URL; no file name holds a slash."""
    return "://" in name


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One entry of the directory, or what the manifest URL gave. `data` is None exactly when `trouble` is set. Times are Unix seconds."""

    name: str
    path: str
    data: bytes | None = None
    digest: str = ""
    size: int = 0
    modified_at: float = 0.0
    owner: str = ""
    mode: int = 0
    uid: int = 0
    trouble: FileTrouble | None = None
    reason: str = ""
    message: str = ""
    provenance: Provenance | None = None
    """Who answers for the bytes; None before anybody looked."""
    warnings: tuple[str, ...] = ()
    """What the verdict says besides, one sentence each: the bytes count, and something about them is not as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSnapshot:
    """A complete look at the directory, and at the manifest URL where there is one.

    `certain` is True when this look and one at least a second before it both saw the same, healthy directory.
    `recent` holds the names seen in any look of the last second. `degraded` says why the directory is not itself.
    """

    path: str
    files: tuple[ManifestFile, ...]
    certain: bool
    recent: frozenset[str] = frozenset()
    degraded: str | None = None
    overflow: int = 0
    """How many manifests were left out because the directory holds more than the budget."""
    unlisted: int = 0
    """How many entries that are no manifests were left out of `files`; they say nothing about absence."""
    notes: tuple[str, ...] = ()
    """What the operator should know about watching itself, one sentence each (changes are polled for)."""
    companions: Mapping[str, ManifestFile] = field(default_factory=dict)
    """Files that say something about the manifests: signatures and the signed index, by name; empty where nobody asks."""

    def gone(self, name: str) -> bool:
        """Return whether the absence of this file name is certain (foundation 9)."""
        if self.degraded is not None or not self.certain or name in self.recent:
            return False
        return self.overflow == 0 and all(f.name != name for f in self.files)
