"""The sealing key: each record has a key of its own, and no key leads back to the one before it. Pure.

    seed of file 1 --H--> seed of file 2 --H--> …          only the seed of the *next* file is kept
        |                     |
        H                     H
        v                     v
    record key 1 -> 2 -> …   record key 1 -> 2 -> …        only the key of the *next* record is kept

Who reads the keys at some moment can seal what comes after it and nothing that came before. Who holds the first seed,
the verification key, can compute all of them; it leaves the node (docs/adr/0013-audit-log.md). Seeds by files, so that
the verification of a log whose oldest files are gone costs a step a file and not a step a record.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

SEED_BYTES = 32
_RECORD, _NEXT_RECORD, _NEXT_SEED, _NAME, _SEAL = (
    f"podstead audit {what}".encode() for what in ("first record", "next record", "next file", "name", "seal")
)
_PREFIX = "podstead-audit-key"


class KeyTextError(Exception):
    """A text is no verification key; the message does not repeat it."""


def _derive(key: bytes | bytearray, label: bytes) -> bytes:
    return hmac.digest(key, label, "sha256")


def key_name(seed: bytes) -> str:
    """Return the name by which the log speaks of a chain of keys; it tells nothing of them."""
    return _derive(seed, _NAME).hex()[:16]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VerificationKey:
    """The first seed: verifies every seal, and could make every one, so it is kept elsewhere."""

    seed: bytes

    @property
    def name(self) -> str:
        """The name of the chain that it begins."""
        return key_name(self.seed)

    def text(self) -> str:
        """Return it as one line to keep."""
        return f"{_PREFIX}:v1:{self.name}:{self.seed.hex()}"

    def signing(self) -> SealingKey:
        """Return the sealing key of the chain's first file."""
        return SealingKey(name=self.name, step=1, sequence=1, record=_derive(self.seed, _RECORD), seed=_next(self.seed))


def _next(seed: bytes | bytearray) -> bytes:
    return _derive(seed, _NEXT_SEED)


def read_verification_key(text: str) -> VerificationKey:
    """Return the key of a line. Raises KeyTextError."""
    parts = text.strip().split(":")
    if len(parts) != 4 or parts[:2] != [_PREFIX, "v1"]:
        raise KeyTextError(f"not a verification key: it is one line that begins with {_PREFIX}:v1:")
    try:
        key = VerificationKey(seed=bytes.fromhex(parts[3]))
    except ValueError:
        key = VerificationKey(seed=b"")
    if len(key.seed) != SEED_BYTES or key.name != parts[2]:
        raise KeyTextError("not the whole verification key: a part of it is missing or mistyped")
    return key


class SealingKey:
    """What can seal the record `sequence` and those after it. Overwritten in place as it goes on.

    `name` is that of the chain, `step` counts its files from 1.
    """

    __slots__ = ("_record", "_seed", "name", "sequence", "step")

    def __init__(self, *, name: str, step: int, sequence: int, record: bytes, seed: bytes) -> None:
        self.name = name
        self.step = step
        self.sequence = sequence
        self._record = bytearray(record)
        self._seed = bytearray(seed)

    @property
    def secrets(self) -> tuple[bytes, bytes]:
        """The key of the next record and the seed of the next file, to be written down."""
        return bytes(self._record), bytes(self._seed)

    def copy(self) -> SealingKey:
        """Return one that goes on by itself."""
        record, seed = self.secrets
        return SealingKey(name=self.name, step=self.step, sequence=self.sequence, record=record, seed=seed)

    def same(self, other: SealingKey) -> bool:
        """Return whether both stand at the same place of the same chain."""
        place = (self.name, self.step, self.sequence) == (other.name, other.step, other.sequence)
        return (
            place and hmac.compare_digest(self._record, other._record) and hmac.compare_digest(self._seed, other._seed)
        )

    def seal(self, body: bytes) -> str:
        """Return the seal of the next record, in hexadecimal digits, and forget the key that made it."""
        seal = hmac.digest(_derive(self._record, _SEAL), body, "sha256").hex()
        self.skip(1)
        return seal

    def skip(self, records: int) -> None:
        """Go past so many records."""
        for _ in range(records):
            self._record[:] = _derive(self._record, _NEXT_RECORD)
        self.sequence += records

    def next_file(self) -> None:
        """Go on to the keys of the next file; its first record is the next one."""
        self._record[:] = _derive(self._seed, _RECORD)
        self._seed[:] = _next(self._seed)
        self.step += 1

    def wipe(self) -> None:
        """Overwrite it: it seals nothing any more."""
        for secret in (self._record, self._seed):
            secret[:] = bytes(len(secret))
