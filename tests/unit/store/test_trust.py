"""The record of the node's trust on disk: durable, and never read as less than it was."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from podstead.config import SignatureMode
from podstead.signing.index import IndexMark
from podstead.state.trust import EMPTY, LOST, Lowering, TrustRecord
from podstead.store.trust import TrustStore

if TYPE_CHECKING:
    from pathlib import Path

SIGNERS = b"ops ssh-ed25519 AAAA\n"
RECORD = TrustRecord(
    accepted=IndexMark(version=5, digest="ab"),
    floor=3,
    mode=SignatureMode.WARN,
    signers=sha256(SIGNERS).hexdigest(),
    lowering=Lowering(reason="keys were lost", at=100.0),
)


def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path, wall=lambda: 0.0)


async def test_what_is_put_is_loaded(tmp_path: Path) -> None:
    assert (await store(tmp_path).load()).record == EMPTY
    await store(tmp_path).put(RECORD, SIGNERS)
    found = await store(tmp_path).load()
    assert (found.record, found.signers, found.corrupt) == (RECORD, SIGNERS, ())
    await store(tmp_path).put(EMPTY)
    assert (await store(tmp_path).load()).record == EMPTY
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "trust").iterdir()}
    assert modes == {0o600}


async def test_a_record_that_cannot_be_read_is_as_strict_as_there_is_and_stays_so(tmp_path: Path) -> None:
    """Whoever damages it gains nothing: nothing new counts, also after a restart, until root gives a floor."""
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "record.json").write_bytes(b"{}")
    found = await store(tmp_path).load()
    assert (found.record, found.signers) == (LOST, None)
    assert [(one.kept_at.read_bytes(), one.reason) for one in found.corrupt] == [(b"{}", "it has no schema number")]
    again = await store(tmp_path).load()
    assert (again.record, again.corrupt) == (LOST, ())


async def test_signers_that_are_not_those_of_the_record_do_not_count(tmp_path: Path) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "allowed_signers").write_bytes(b"mallory ssh-ed25519 AAAA\n")
    found = await store(tmp_path).load()
    assert (found.record, found.signers) == (RECORD, None)
    assert [one.reason for one in found.corrupt] == ["its bytes are not the signers that were in force"]
