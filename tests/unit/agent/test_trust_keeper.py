"""The keeper of the node's trust on a real store: whatever the disk has of it after a failure, somebody is trusted who should be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from podstead.agent.trust_keeper import TrustFiles, TrustKeeper
from podstead.clock import SystemClock
from podstead.config.security import SignatureMode
from podstead.signing.private import signature_file
from podstead.signing.provenance import TRUST
from podstead.state.trust import EMPTY, with_signers
from podstead.store import files
from podstead.store.kept_trust import KeptTrust
from podstead.store.trust import TrustStore
from tests.unit.signing.indexes import SOFT, STRANGER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = f"ops {SOFT.public.text}\n".encode()
OLD = FIRST + b"# the second edition\n"
NEW = FIRST + f"night {STRANGER.public.text}\n".encode()


def signed(content: bytes) -> bytes:
    return signature_file(SOFT.public, SOFT.sign, content, namespace=TRUST)


@dataclass
class Book:
    """The operator's files, as a test gives them; nothing is kept."""

    signers: bytes

    async def files(self) -> TrustFiles:
        return TrustFiles(signers=self.signers, signers_signature=signed(self.signers), signers_path="/etc/s")

    async def kept(self) -> KeptTrust:
        return KeptTrust()

    async def put_index(self, index: bytes, signature: bytes) -> None:
        raise AssertionError((index, signature))

    async def put_revoked(self, revoked: bytes) -> None:
        raise AssertionError(revoked)


def store_at(state: Path) -> TrustStore:
    return TrustStore(state, wall=lambda: 0.0)


def keeper_of(store: TrustStore, signers: bytes) -> TrustKeeper:
    return TrustKeeper(store, Book(signers), SignatureMode.ENFORCE, SystemClock())


async def put(store: TrustStore, signers: bytes) -> None:
    await store.put(with_signers(store.record, sha256(signers).hexdigest()), signers)


class Disk:
    """What a power failure leaves of a change: of the new names since the last sync of their directory any number, any of them."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.durable = {path.relative_to(state): path.read_bytes() for path in state.rglob("*") if path.is_file()}
        self.pending: list[tuple[Path, bytes]] = []
        self.after: list[dict[Path, bytes]] = [dict(self.durable)]
        rename, sync = os.rename, files.sync_directory

        def renamed(path: Path, target: Path, **directories: int | None) -> None:
            self.pending.append((target.relative_to(state), path.read_bytes()))
            self.after += self._failures()
            rename(path, target, **directories)

        def synced(directory: Path) -> None:
            sync(directory)
            self.durable |= dict(self.pending)
            self.pending = []

        monkeypatch.setattr(os, "rename", renamed)
        monkeypatch.setattr(files, "sync_directory", synced)

    def laid_out(self, below: Path) -> Iterator[Path]:
        """Yield a state directory for each failure."""
        for number, found in enumerate(self.after):
            state = below / str(number)
            for path, data in found.items():
                (state / path).parent.mkdir(parents=True, exist_ok=True)
                (state / path).write_bytes(data)
            yield state

    def _failures(self) -> Iterator[dict[Path, bytes]]:
        for count in range(len(self.pending) + 1):
            for some in combinations(self.pending, count):
                yield {**self.durable, **dict(some)}


@pytest.mark.parametrize("before", [(OLD,), (FIRST, OLD), (NEW, OLD)], ids=["first", "second", "there and back"])
async def test_wherever_the_power_fails_in_a_rotation_the_old_or_the_new_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: tuple[bytes, ...]
) -> None:
    state = tmp_path / "state"
    store = store_at(state)
    for signers in before:
        await put(store, signers)
    with monkeypatch.context() as watched:
        disk = Disk(state, watched)
        await put(store, NEW)
    assert len(disk.after) >= 5, "three files change, one after the other"

    trusted = set()
    for again in disk.laid_out(tmp_path):
        trusted.add(await trusted_and_converges(again, NEW))
    assert trusted == {OLD, NEW}, "the failures are on both sides of the change, and nowhere is nobody trusted"


async def test_wherever_the_power_fails_when_the_first_are_taken_they_are_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path / "state")
    with monkeypatch.context() as watched:
        disk = Disk(tmp_path / "state", watched)
        await put(store, NEW)
    assert {await trusted_and_converges(again, NEW) for again in disk.laid_out(tmp_path)} == {None, NEW}


async def trusted_and_converges(state: Path, offered: bytes) -> bytes | None:
    """Return the signers in force at a start on a state, once the next look has taken those that the operator offers."""
    survivor = store_at(state)
    assert await survivor.load() == (), "nothing of it is damaged"
    trusted = survivor.signers
    keeper = keeper_of(survivor, offered)
    await keeper.refresh()
    assert (keeper.troubles, len(keeper.signers.signers)) == ((), 2)
    converged = store_at(state)
    await converged.load()
    assert (converged.signers, converged.record.signers) == (offered, sha256(offered).hexdigest())
    return trusted


async def test_a_rotation_whose_record_cannot_be_written_holds_the_old_ones_also_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path)
    await put(store, OLD)
    rename = os.rename

    def refuses(path: Path, target: Path, **directories: int | None) -> None:
        if target.name == "record.json":
            raise OSError(28, "No space left on device")
        rename(path, target, **directories)

    with monkeypatch.context() as full:
        full.setattr(os, "rename", refuses)
        keeper = keeper_of(store, NEW)
        await keeper.refresh()
        assert (len(keeper.signers.signers), "No space left" in keeper.troubles[0]) == (1, True)
    again = store_at(tmp_path)
    assert (await again.load(), again.signers) == ((), OLD)


@pytest.mark.parametrize("damaged", [b"nonsense\n", b"\0" * 64, b"\xff", b""], ids=["words", "zeros", "bytes", "empty"])
async def test_damaged_signers_in_force_stop_nothing_and_trust_nobody(tmp_path: Path, damaged: bytes) -> None:
    """Also where an earlier agent has put them on record unread."""
    store = store_at(tmp_path)
    await store.put(with_signers(EMPTY, sha256(damaged).hexdigest()), damaged)
    again = store_at(tmp_path)
    await again.load()
    keeper = keeper_of(again, NEW)
    assert await keeper.refresh()
    assert keeper.signers.unknown
    assert "podstead trust rotate FILE" in keeper.troubles[0]
