"""Why a file's bytes may be parsed: the evidence that travels with them, from the look to the stored revision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class Warrant(StrEnum):
    """What stands for some bytes."""

    NOTHING = "Unsigned"
    """Nobody signed them, and nobody has to: signatures are off, or a lack of them is only warned of."""
    SIGNATURE = "Signature"
    """A detached signature beside the file."""
    INDEX = "Index"
    """The signed index of the whole set names their digest."""
    ALLOWED = "Allowed"
    """Root let this very content through for a while (`podstead allow`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who answers for some bytes. `key` is the fingerprint, `principals` the patterns of the signer's line.

    `pins` are image references and the digests that the signer bound them to. `until` is the wall-clock second at which
    the warrant ends, in Unix seconds. `digest` is the SHA-256 of the whole file's bytes in hexadecimal digits, where a warrant
    hangs on them.
    """

    warrant: Warrant
    principals: str = ""
    key: str = ""
    index_version: int | None = None
    pins: tuple[tuple[str, str], ...] = ()
    until: float | None = None
    digest: str = ""

    def about(self, images: Collection[str]) -> Provenance:
        """Return the same with only the pins of these images: a revision keeps its own."""
        pins = tuple((image, digest) for image, digest in self.pins if image in images)
        return self if pins == self.pins else replace(self, pins=pins)

    def stands_as(self, other: Provenance) -> bool:
        """Return whether both say the same; that a later index says it again is nothing new."""
        return replace(self, index_version=None, until=None) == replace(other, index_version=None, until=None)

    @property
    def signer(self) -> str:
        """Who signed, in a few words for people; empty where nobody did."""
        if not self.key:
            return "let through by root" if self.warrant is Warrant.ALLOWED else ""
        by = f"index {self.index_version}, " if self.index_version is not None else ""
        return f"{self.principals} ({by}{self.key})"


UNSIGNED = Provenance(warrant=Warrant.NOTHING)
