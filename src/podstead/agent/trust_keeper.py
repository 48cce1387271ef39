"""Whom the node trusts and what is on record of it, kept in line with the files of the operator.

A file that is damaged, gone, or not signed by a key of the one before changes nothing: the last good one counts on, and the
node says so. Imports the cryptographic library: only an agent that looks at signatures imports this module.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from podstead.errors import PodsteadError
from podstead.hints import USUAL
from podstead.signing.provenance import INDEX, Invalid, attest
from podstead.signing.revocation import NOTHING, Revoked, read_revoked
from podstead.signing.signers import read_signers
from podstead.signing.succession import signers_in_force
from podstead.signing.wire import MalformedError
from podstead.state.trust import mode_in_force, signers_lost, with_index, with_mode, with_signers
from podstead.trust.evidence import ReadIndex, examine
from podstead.trust.values import Past, Signers

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from podstead.clock import Clock
    from podstead.config.security import SignatureMode
    from podstead.hints import Hints
    from podstead.signing.index import IndexMark
    from podstead.state.trust import TrustRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFiles:
    """The operator's files as they are: None where there is none. `troubles` says which could not be read, and why."""

    signers: bytes | None = None
    signers_signature: bytes | None = None
    revoked: bytes | None = None
    signers_trouble: str = ""
    revoked_trouble: str = ""
    signers_path: str = ""
    revoked_path: str = ""


class TrustRecords(Protocol):
    """What is on record, in memory as on disk; root's commands change it beside us."""

    changing: asyncio.Lock

    @property
    def record(self) -> TrustRecord:
        """The record."""
        ...

    @property
    def signers(self) -> bytes | None:
        """The bytes of the signers' file in force."""
        ...

    async def put(self, record: TrustRecord, signers: bytes | None = None) -> None:
        """Write the record durably, after the signers that it names where these are new. Raises PodsteadError."""
        ...


class KeptBytes(Protocol):
    """What was kept of the operator's files."""

    @property
    def index(self) -> bytes | None:
        """The index in force."""
        ...

    @property
    def signature(self) -> bytes | None:
        """Its signature."""
        ...

    @property
    def revoked(self) -> bytes | None:
        """The revoked keys."""
        ...


class TrustBook(Protocol):
    """The operator's files, and what is kept of them; what it raises says that it could not be read or written."""

    async def files(self) -> TrustFiles:
        """Read the operator's files."""
        ...

    async def kept(self) -> KeptBytes:
        """Read what was kept."""
        ...

    async def put_index(self, index: bytes, signature: bytes) -> None:
        """Keep an index with its signature."""
        ...

    async def put_revoked(self, revoked: bytes) -> None:
        """Keep the revoked keys."""
        ...


class TrustKeeper:
    """What a judgement needs of the node's trust; `refresh` brings it up to date."""

    def __init__(
        self, records: TrustRecords, book: TrustBook, configured: SignatureMode, clock: Clock, hints: Hints = USUAL
    ) -> None:
        self._records = records
        self._book = book
        self._configured = configured
        self._clock = clock
        self.hints = hints
        """The commands that reach whose trust this is."""
        self._seen: tuple[object, ...] | None = None
        self._kept: ReadIndex | None = None
        self.signers = Signers(trouble="the file of allowed signers has not been read yet")
        self.troubles: tuple[str, ...] = ()
        """What is wrong with the operator's files, one sentence each."""

    @property
    def mode(self) -> SignatureMode:
        """The mode that holds: the stricter of the configured one and the last in force."""
        return mode_in_force(self._configured, self._records.record)[0]

    @property
    def mode_note(self) -> str:
        """Why the mode is another than the one that is configured; empty: it is not."""
        return mode_in_force(self._configured, self._records.record, self.hints)[1]

    @property
    def past(self) -> Past:
        """What is on record of the indexes that were accepted."""
        record = self._records.record
        return Past(last=record.accepted, floor=record.floor, kept=self._kept, indexed=record.lost)

    async def refresh(self) -> bool:
        """Read everything again; returns whether anything is another than before. Keeps what it has where it cannot."""
        async with self._records.changing:
            try:
                return await self._refresh()
            except PodsteadError as error:
                log.warning("what is kept of trust cannot be read: %s", error)
                self.troubles = (str(error),)
                return False

    async def _refresh(self) -> bool:
        files, kept = await self._book.files(), await self._book.kept()
        seen = (self._records.record, self._records.signers, files, kept.index, kept.signature, kept.revoked)
        if seen == self._seen:
            return False
        before = (self._records.record, self.signers, self.troubles)
        self._seen = seen
        revoked, trouble = await self._revoked(files, kept)
        await self._follow(files, revoked)
        self.troubles = tuple(text for text in (self.signers.trouble, trouble) if text)
        record = self._records.record
        await self._note(self._records.put(with_mode(record, self.mode)))
        self._kept = await asyncio.to_thread(_read_kept, kept, self._records.record.accepted)
        return before != (self._records.record, self.signers, self.troubles)

    async def _revoked(self, files: TrustFiles, kept: KeptBytes) -> tuple[Revoked, str]:
        """Return the revoked keys, and why they are those of an earlier reading if so."""
        trouble = files.revoked_trouble
        if files.revoked is not None:
            try:
                found = read_revoked(files.revoked)
            except MalformedError as error:
                trouble = f"{files.revoked_path} cannot be read: {error}"
            else:
                if files.revoked != (kept.revoked or b""):
                    await self._note(self._book.put_revoked(files.revoked))
                return found, ""
        elif kept.revoked and not trouble:
            trouble = f"{files.revoked_path} is gone"
        if not trouble:
            return NOTHING, ""
        return _last_revoked(kept.revoked), f"{trouble}; the keys that were revoked before stay so"

    async def _follow(self, files: TrustFiles, revoked: Revoked) -> None:
        """Take the signers' file over where it counts."""
        now, held = self._clock.now().wall, self._records.signers
        recorded = self._records.record.signers
        force = signers_in_force(
            files.signers, files.signers_signature, held, now=now, revoked=revoked, recorded=recorded
        )
        if force is None:
            why = files.signers_trouble or f"{files.signers_path} names nobody to trust, or is not there"
            if recorded != "":
                why = signers_lost(recorded, files.signers_path, self.hints)
            self.signers = Signers(revoked=revoked, trouble=why)
            return
        data, trouble = force.data, files.signers_trouble or force.message
        if force.changed:
            try:
                await self._records.put(with_signers(self._records.record, force.digest), force.data)
            except PodsteadError as error:
                self._seen = None
                if held is None:
                    self.signers = Signers(revoked=revoked, trouble=str(error))
                    return
                data, trouble = held, str(error)
        self.signers = Signers(signers=read_signers(data, None), revoked=revoked, trouble=trouble)

    async def _note(self, writing: Awaitable[None]) -> None:
        """Write what is asked for again at the next look; that it cannot be written changes nothing meanwhile."""
        try:
            await writing
        except PodsteadError as error:
            self._seen = None
            log.warning("%s", error)

    async def accept(self, found: ReadIndex) -> None:
        """Record an index that counts, before anything comes of it. Raises PodsteadError where it cannot be written."""
        async with self._records.changing:
            record = self._records.record
            if record.accepted is not None and record.accepted.version >= found.mark.version:
                raise PodsteadError(f"index {record.accepted.version} was accepted meanwhile")
            await self._book.put_index(found.data, found.signature)
            await self._records.put(with_index(record, found.index, found.mark))
            self._kept = found


def _read_kept(kept: KeptBytes, accepted: IndexMark | None) -> ReadIndex | None:
    """Return the index that was kept, if it is the very one on record; whoever signed it, it counted when it was."""
    if kept.index is None or kept.signature is None or accepted is None:
        return None
    if sha256(kept.index).hexdigest() != accepted.digest:
        return None
    attested = attest(kept.index, kept.signature, namespace=INDEX)
    if isinstance(attested, Invalid):
        return None
    found = examine(kept.index, kept.signature, INDEX, {attested.key.fingerprint})
    return found if isinstance(found, ReadIndex) else None


def _last_revoked(data: bytes | None) -> Revoked:
    try:
        return NOTHING if data is None else read_revoked(data)
    except MalformedError as error:  # it was read once; only a changed disk comes here
        log.warning("the revoked keys that were kept cannot be read: %s", error)
        return NOTHING
