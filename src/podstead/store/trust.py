"""The record of the node's trust, `STATE/trust/record.json`, and the allowed signers in force beside it.

Class A (foundation 21). What cannot be read is set aside and counts as the strictest there is, never as none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from podstead.config import SignatureMode
from podstead.signing.index import IndexMark
from podstead.state.trust import EMPTY, LOST, Lowering, TrustRecord
from podstead.store import files
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIRECTORY = "trust"


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
    lowering: StoredLowering | None = None
    lost: bool = False


SCHEMA = Schema(type=StoredTrust, version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTrust:
    """What a start found: the record, and the signers in force where they are the ones that the record names."""

    record: TrustRecord
    signers: bytes | None = None
    corrupt: tuple[CorruptFile, ...] = ()


class TrustStore:
    """Keeps the record. `wall` gives Unix seconds, for the names of corrupt files. `read` and `write` block."""

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._record = state / DIRECTORY / "record.json"
        self._signers = state / DIRECTORY / "allowed_signers"
        self._wall = wall

    async def load(self) -> LoadedTrust:
        """Return the record.

        Raises:
            StoreError: it is there and cannot be read: nothing may be concluded from that.
        """
        return await asyncio.to_thread(self.read)

    async def put(self, record: TrustRecord, signers: bytes | None = None) -> None:
        """Write the record durably, after the signers that it names where these are new.

        Raises:
            StoreError: it could not be written; what is in force is as before.
        """
        await asyncio.to_thread(self.write, record, signers)

    def read(self) -> LoadedTrust:
        """Return the record; see `load`."""
        data = files.read(self._record)
        if data is None:
            return LoadedTrust(record=EMPTY)
        try:
            record = _record(SCHEMA.decode(data))
        except CorruptError as error:
            lost = CorruptFile(
                path=self._record, kept_at=files.set_aside(self._record, self._wall()), reason=str(error)
            )
            files.write(self._record, SCHEMA.encode(_stored(LOST)))  # the next start knows as well that it was lost
            return LoadedTrust(record=LOST, corrupt=(lost,))
        signers = files.read(self._signers) if record.signers else None
        if signers is None or sha256(signers).hexdigest() == record.signers:
            return LoadedTrust(record=record, signers=signers)
        kept = files.set_aside(self._signers, self._wall())
        reason = "its bytes are not the signers that were in force"
        return LoadedTrust(record=record, corrupt=(CorruptFile(path=self._signers, kept_at=kept, reason=reason),))

    def write(self, record: TrustRecord, signers: bytes | None = None) -> None:
        """Write the record; see `put`."""
        about = files.Write(path=self._record, data=SCHEMA.encode(_stored(record)))
        if signers is None:
            files.write_many((about,))
        else:
            files.write_many((files.Write(path=self._signers, data=signers),), then=(about,))


def _stored(record: TrustRecord) -> StoredTrust:
    return msgspec.convert(record, StoredTrust, from_attributes=True)


def _record(stored: StoredTrust) -> TrustRecord:
    accepted, lowering = stored.accepted, stored.lowering
    return TrustRecord(
        accepted=None if accepted is None else IndexMark(version=accepted.version, digest=accepted.digest),
        floor=stored.floor,
        mode=stored.mode,
        signers=stored.signers,
        lowering=None if lowering is None else Lowering(reason=lowering.reason, at=lowering.at),
        lost=stored.lost,
    )
