"""The sealing key on disk: overwritten in place, so that no old key stays behind under another name. Blocking.

Two slots hold the same key; one is written after the other, so that a crash leaves one whole. A file system that copies
on write, or a disk that spreads its writes, may still keep old blocks (docs/audit.md says so).
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from podstead.audit.sealing import SEED_BYTES, SealingKey, VerificationKey

if TYPE_CHECKING:
    from pathlib import Path

SEALING = "sealing.key"
VERIFICATION = "verification.key"
SLOT_BYTES = 512
"""A sector: disks write one whole or not at all."""
SLOTS = (0, 4096)
"""Where they begin: in blocks of their own."""
MODE = 0o600


class _Slot(msgspec.Struct, frozen=True, kw_only=True):
    log: str
    name: str
    step: int
    sequence: int
    record: str
    seed: str
    check: str = ""


def _check(slot: _Slot) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(slot, check=""))).hexdigest()[:32]


class KeyFile:
    """ROOT/audit/sealing.key."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SEALING

    def load(self) -> tuple[str, SealingKey] | None:
        """Return the log's id and its key, the later of the slots; None where no slot is whole. Raises OSError."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        found = [one for at in SLOTS if (one := _read(data[at : at + SLOT_BYTES])) is not None]
        return max(found, key=lambda one: (one[1].step, one[1].sequence), default=None)

    def store(self, log: str, key: SealingKey) -> None:
        """Put the key in the place of the one before it, durably. Raises OSError."""
        record, seed = key.secrets
        slot = _Slot(log=log, name=key.name, step=key.step, sequence=key.sequence, record=record.hex(), seed=seed.hex())
        text = msgspec.json.encode(msgspec.structs.replace(slot, check=_check(slot)))
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            for at in SLOTS:
                os.pwrite(descriptor, text.ljust(SLOT_BYTES - 1) + b"\n", at)
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _read(data: bytes) -> tuple[str, SealingKey] | None:
    try:
        slot = msgspec.json.decode(data, type=_Slot)
        record, seed = bytes.fromhex(slot.record), bytes.fromhex(slot.seed)
    except (msgspec.MsgspecError, ValueError):
        return None
    if slot.check != _check(slot) or {len(record), len(seed)} != {SEED_BYTES} or slot.step < 1 or slot.sequence < 1:
        return None
    return slot.log, SealingKey(name=slot.name, step=slot.step, sequence=slot.sequence, record=record, seed=seed)


def keep_verification_key(directory: Path, key: VerificationKey) -> None:
    """Keep the key that verifies the seals until somebody takes it away. Raises OSError."""
    # In place, and not as `whole_files` does: a hidden file that a crash left would hold the key, and nobody would erase it.
    descriptor = os.open(
        directory / VERIFICATION, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE
    )
    try:
        os.write(descriptor, key.text().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def waits_for_its_keeper(directory: Path) -> bool:
    """Return whether the verification key still lies where whoever becomes root can read it."""
    return (directory / VERIFICATION).exists()


def read_kept_key(directory: Path) -> str | None:
    """Return the line of the verification key, None when it was taken already. Raises OSError."""
    try:
        return (directory / VERIFICATION).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None


def erase_kept_key(directory: Path) -> None:
    """Overwrite the verification key and remove it. Raises OSError."""
    path = directory / VERIFICATION
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
