"""The record of the node's trust, `STATE/trust/record.json`; beside it the allowed signers in force, and what root allows.

Class A (foundation 21). A record that cannot be read is set aside and counts as the strictest there is, never as none, and the
signers beside it stay in force where they can be read; so does one that is gone, which `STATE/trust.witness` tells from a new
node. A record whose signers are gone keeps their digest, so that no others count as the first. Allowances that cannot be read
have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from podstead.config.security import SignatureMode
from podstead.signing.index import IndexMark
from podstead.state.allowances import Allowance, Allowances
from podstead.state.trust import EMPTY, LOST, Lowering, TrustRecord
from podstead.store import files
from podstead.store.files import StoreError
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.clock import Instant

DIRECTORY = "trust"
WITNESS = b"This node has a record of whom it trusts. Without the record beside this file nothing new counts: see podstead trust --help\n"
"""What stands in `STATE/trust.witness`; only that it is there says anything."""


class StoredMark(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The highest index, as the record's file has it."""

    version: int
    digest: str


class StoredLowering(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the mode was lowered, as the record's file has it."""

    reason: str
    at: float


class StoredTrust(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The record as the file has it."""

    accepted: StoredMark | None = None
    floor: int | None = None
    mode: SignatureMode = SignatureMode.OFF
    signers: str = ""
    signers_unknown: bool = False
    lowering: StoredLowering | None = None
    lost: bool = False


SCHEMA = Schema(type=StoredTrust, version=1)


class StoredAllowance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What root let through, as the file has it."""

    digest: str
    file: str
    reason: str
    seconds: float
    at: float
    seen: float
    boot_id: str
    since: float
    spent: float = 0.0
    ended: bool = False


class StoredAllowances(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it, as the file has it."""

    entries: tuple[StoredAllowance, ...] = ()


ALLOWANCES = Schema(type=StoredAllowances, version=1)


class TrustStore:
    """Holds what is on record, in memory as on disk. `wall` gives Unix seconds, for the names of corrupt files.

    `record`, `signers` (the bytes of the file in force, None where there are none) and `allowances` are what was loaded or
    put last. Whoever changes one of them on its grounds does so between `async with changing`.
    """

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self.state = state
        self._record = state / DIRECTORY / "record.json"
        self._signers = state / DIRECTORY / "allowed_signers"
        self._before = state / DIRECTORY / "allowed_signers.before"
        self._allowances = state / DIRECTORY / "allowances.json"
        self._witness = state / f"{DIRECTORY}.witness"
        self._wall = wall
        self.changing = asyncio.Lock()
        self.record = EMPTY
        self.signers: bytes | None = None
        self.allowances = Allowances()
        self._written = self.allowances

    def allowed(self, now: Instant) -> Allowances:
        """Return what root allows now. What is found to be over stays so, whatever is done to the clock afterwards."""
        self.allowances = self.allowances.over(now)
        return self.allowances

    async def load(self) -> tuple[CorruptFile, ...]:
        """Read everything; what is corrupt is set aside and returned.

        Raises:
            StoreError: a file is there and cannot be read: nothing may be concluded from that.
        """
        return await asyncio.to_thread(self._load)

    async def put(self, record: TrustRecord, signers: bytes | None = None) -> None:
        """Write the record durably, after the signers that it names where these are new. What is so already costs nothing.

        Raises:
            StoreError: it could not be written; what is in force is as before.
        """
        if record == self.record and signers in {None, self.signers}:
            return
        await asyncio.to_thread(self._write, record, signers)
        self.record, self.signers = record, self.signers if signers is None else signers

    async def put_allowances(self, allowances: Allowances) -> None:
        """Write what root allows durably. What is so already costs nothing.

        Raises:
            StoreError: it could not be written; what is allowed is as before.
        """
        if allowances == self._written:
            self.allowances = allowances
            return
        data = ALLOWANCES.encode(msgspec.convert(allowances, StoredAllowances, from_attributes=True))
        await asyncio.to_thread(files.write, self._allowances, data)
        self.allowances = self._written = allowances

    def _load(self) -> tuple[CorruptFile, ...]:
        corrupt: list[CorruptFile] = []
        data = files.read(self._record)
        gone = data is None and files.read(self._witness) is not None
        fault = "it is gone, and this node had one" if gone else ""
        try:
            self.record = EMPTY if data is None else _record(SCHEMA.decode(data))
        except CorruptError as error:
            fault = str(error)
        if fault:
            corrupt += self._lose(fault)
        if self.record != EMPTY:
            self._bear_witness()
        self.signers = self._held() if self.record.signers else None
        if self.record.signers and self.signers is None and files.read(self._signers) is not None:
            corrupt.append(self._set_aside(self._signers, "its bytes are not the signers that were in force"))
        data = files.read(self._allowances)
        try:
            self.allowances = Allowances() if data is None else _allowed(ALLOWANCES.decode(data))
        except CorruptError as error:
            self.allowances = Allowances()
            corrupt.append(self._set_aside(self._allowances, str(error)))
        self._written = self.allowances
        return tuple(corrupt)

    def _lose(self, why: str) -> tuple[CorruptFile, ...]:
        """Take the strictest there is for a record that cannot be read, and for signers beside it that cannot be read either."""
        from podstead.signing.succession import signers_fault  # noqa: PLC0415 - only after a loss the library is needed here

        corrupt: list[CorruptFile] = []
        held = files.read(self._signers)
        if held is not None and (fault := signers_fault(held)):
            corrupt.append(self._set_aside(self._signers, fault))
            held = None
        self.record = LOST if held is None else replace(LOST, signers=sha256(held).hexdigest())
        # In this order: without a record a start that follows a crash between the two would trust as on a new node.
        kept_at = files.link_aside(self._record, self._wall())
        corrupt.append(CorruptFile(path=self._record, kept_at=kept_at, reason=why))
        files.write(self._record, SCHEMA.encode(_stored(self.record)))
        return tuple(corrupt)

    def _held(self) -> bytes | None:
        """Return the signers on record; where a rotation was cut off they have the name of those before."""
        for path in (self._signers, self._before):
            data = files.read(path)
            if data is not None and sha256(data).hexdigest() == self.record.signers:
                return data
        return None

    def _write(self, record: TrustRecord, signers: bytes | None) -> None:
        about = files.Write(path=self._record, data=SCHEMA.encode(_stored(record)))
        if signers is None:
            files.write_many((about,))
        else:
            if self.signers is not None and self.signers != signers:
                # Durable by itself before the rest: until the record names the new signers these are the ones that count.
                files.write(self._before, self.signers)
            files.write_many((files.Write(path=self._signers, data=signers),), then=(about,))
        self._bear_witness()

    def _bear_witness(self) -> None:
        """Remember outside of its directory that there is a record; if that fails, the next start does it."""
        with contextlib.suppress(StoreError):
            if files.read(self._witness) is None:
                files.write(self._witness, WITNESS)

    def _set_aside(self, path: Path, reason: str) -> CorruptFile:
        return CorruptFile(path=path, kept_at=files.set_aside(path, self._wall()), reason=reason)


def _allowed(stored: StoredAllowances) -> Allowances:
    return Allowances(entries=tuple(Allowance(**msgspec.structs.asdict(one)) for one in stored.entries))


def _stored(record: TrustRecord) -> StoredTrust:
    named = replace(record, signers=record.signers or "")
    stored = msgspec.convert(named, StoredTrust, from_attributes=True)
    return msgspec.structs.replace(stored, signers_unknown=record.signers is None)


def _record(stored: StoredTrust) -> TrustRecord:
    accepted, lowering = stored.accepted, stored.lowering
    return TrustRecord(
        accepted=None if accepted is None else IndexMark(version=accepted.version, digest=accepted.digest),
        floor=stored.floor,
        mode=stored.mode,
        signers=None if stored.signers_unknown else stored.signers,
        lowering=None if lowering is None else Lowering(reason=lowering.reason, at=lowering.at),
        lost=stored.lost,
    )
