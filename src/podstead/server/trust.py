"""What the handlers need of the agent about its trust: the port, and its values (see `server.port`)."""

from __future__ import annotations

from typing import Protocol

import msgspec


class TrustReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is on record of the node's trust.

    `accepted` is the version of the highest index that was accepted here and `accepted_digest` the SHA-256 of its bytes, `floor`
    the lowest version that counts; null: there is none. `mode` is the one in force, `configured` the one that was asked for,
    empty where no agent runs. `signers` is the SHA-256 of the allowed signers in force, `principals` theirs. `notes` has a
    sentence for each thing that is not as it is configured.
    """

    mode: str
    configured: str = ""
    accepted: int | None = None
    accepted_digest: str = ""
    floor: int | None = None
    signers: str = ""
    principals: tuple[str, ...] = ()
    lowered: str = ""
    """When and why root lowered the mode; empty: nobody has."""
    notes: tuple[str, ...] = ()


class AllowanceReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A content that root let through: `left` in seconds, 0 once that has ended; `since` is RFC 3339."""

    digest: str
    file: str
    reason: str
    since: str
    left: int


class TrustPort(Protocol):
    """Root's word about what is trusted. Whatever changes it returns a sentence, and may raise `PodsteadError`."""

    def trust(self) -> TrustReport:
        """Return what is on record, from memory."""
        ...

    async def set_floor(self, floor: int) -> str:
        """Let indexes count from this version on."""
        ...

    async def lower_mode(self, mode: str, reason: str) -> str:
        """Let a lower signature mode be in force than the last one."""
        ...

    async def rotate_signers(self, signers: bytes, signature: bytes, reason: str = "") -> str:
        """Trust other signers, whose file a key of the present ones has signed.

        Where the present ones are on record and their file is lost: bring it back, or trust others for a `reason`.
        """
        ...

    def allowances(self) -> tuple[AllowanceReport, ...]:
        """Return what root let through, the newest last; also what has ended of late."""
        ...

    async def allow(self, digest: str, file: str, seconds: float, reason: str) -> str:
        """Let a content through for a while."""
        ...

    async def end_allowance(self, digest: str) -> str:
        """End an allowance; a beginning of the digest is enough."""
        ...
