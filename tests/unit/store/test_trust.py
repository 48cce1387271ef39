"""The record of the node's trust on disk: durable, and never read as less than it was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant
from podstead.config.security import SignatureMode
from podstead.signing.index import IndexMark
from podstead.state.allowances import Allowances
from podstead.state.trust import EMPTY, LOST, Lowering, TrustRecord
from podstead.store import files
from podstead.store.files import StoreError
from podstead.store.trust import TrustStore
from tests.unit.signing.indexes import SOFT

if TYPE_CHECKING:
    from pathlib import Path

SIGNERS = f"ops {SOFT.public.text}\n".encode()
UNREADABLE = [b"nonsense\n", b"\0" * 64, b"\xff\xfe", b"", b"# nobody\n"]
RECORD = TrustRecord(
    accepted=IndexMark(version=5, digest="ab"),
    floor=3,
    mode=SignatureMode.WARN,
    signers=sha256(SIGNERS).hexdigest(),
    lowering=Lowering(reason="keys were lost", at=100.0),
)
ALLOWED = Allowances().with_one("ab", "web.yaml", seconds=60, reason="x", now=Instant(boot_id="b", boot=1, wall=2))


def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path, wall=lambda: 0.0)


async def loaded(tmp_path: Path) -> tuple[TrustStore, list[str]]:
    made = store(tmp_path)
    return made, [one.reason for one in await made.load()]


async def test_what_is_put_is_loaded(tmp_path: Path) -> None:
    made, corrupt = await loaded(tmp_path)
    assert (made.record, made.signers, made.allowances, corrupt) == (EMPTY, None, Allowances(), [])
    await made.put(RECORD, SIGNERS)
    await made.put_allowances(ALLOWED)
    assert (made.record, made.signers, made.allowances) == (RECORD, SIGNERS, ALLOWED)
    again, corrupt = await loaded(tmp_path)
    assert (again.record, again.signers, again.allowances, corrupt) == (RECORD, SIGNERS, ALLOWED, [])
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "trust").iterdir()}
    assert modes == {0o600}
    await again.put(EMPTY)
    assert (await loaded(tmp_path))[0].record == EMPTY


async def test_a_record_that_cannot_be_read_is_as_strict_as_there_is_and_stays_so(tmp_path: Path) -> None:
    """Whoever damages it gains nothing: nothing new counts, also after a restart, until root gives a floor."""
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "record.json").write_bytes(b"{}")
    found, corrupt = await loaded(tmp_path)
    lost = replace(LOST, signers=RECORD.signers)
    assert (found.record, found.signers, corrupt) == (lost, SIGNERS, ["it has no schema number"]), (
        "the signers stay in force"
    )
    assert sorted(path.name for path in (tmp_path / "trust").iterdir() if path.read_bytes() == b"{}") == [
        "record.json.19700101T000000Z.corrupt"
    ]
    again, corrupt = await loaded(tmp_path)
    assert (again.record, again.signers, corrupt) == (lost, SIGNERS, [])


@pytest.mark.attack("lowered-mode")
@pytest.mark.parametrize("bytes_there", UNREADABLE, ids=["words", "zeros", "bytes", "empty", "nobody"])
async def test_signers_that_nobody_can_read_are_not_in_force_beside_a_damaged_record(
    tmp_path: Path, bytes_there: bytes
) -> None:
    """And nobody else is the first: who was trusted is lost with the record, until root says so."""
    await store(tmp_path).put(RECORD, SIGNERS)
    trust = tmp_path / "trust"
    trust.joinpath("record.json").write_bytes(b"\0" * 64)
    trust.joinpath("allowed_signers").write_bytes(bytes_there)
    found, corrupt = await loaded(tmp_path)
    assert (found.record, found.signers) == (LOST, None)
    assert LOST.signers is None
    assert len(corrupt) == 2
    kept = trust / "allowed_signers.19700101T000000Z.corrupt"
    assert (kept.read_bytes(), trust.joinpath("allowed_signers").exists()) == (bytes_there, False)
    again, corrupt = await loaded(tmp_path)
    assert (again.record, again.signers, corrupt) == (LOST, None, [])


@pytest.mark.attack("lowered-mode")
async def test_a_damaged_record_without_signers_makes_nobody_the_first(tmp_path: Path) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "record.json").write_bytes(b"{}")
    (tmp_path / "trust" / "allowed_signers").unlink()
    found, _ = await loaded(tmp_path)
    assert (found.record, found.signers) == (LOST, None)


@pytest.mark.attack("lowered-mode")
@pytest.mark.parametrize("taken", ["the record", "the directory"])
async def test_a_record_that_was_taken_away_is_lost_and_not_that_of_a_new_node(tmp_path: Path, taken: str) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "record.json").unlink()
    if taken == "the directory":
        shutil.rmtree(tmp_path / "trust")
    found, corrupt = await loaded(tmp_path)
    lost = LOST if taken == "the directory" else replace(LOST, signers=RECORD.signers)
    assert (found.record, corrupt) == (lost, ["it is gone, and this node had one"])
    again, corrupt = await loaded(tmp_path)
    assert (again.record, corrupt) == (lost, [])


async def test_a_record_of_before_there_was_a_witness_gets_one(tmp_path: Path) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust.witness").unlink()
    await loaded(tmp_path)
    (tmp_path / "trust" / "record.json").unlink()
    assert (await loaded(tmp_path))[0].record.lost


async def test_a_witness_that_cannot_be_written_keeps_no_record_from_being_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(files, "write", no_space)
        made = store(tmp_path)
        await made.put(RECORD, SIGNERS)
        assert made.record == RECORD
    assert (await loaded(tmp_path))[0].record == RECORD


async def test_the_signers_before_count_only_where_they_are_on_record(tmp_path: Path) -> None:
    """They are for a rotation that was cut off; after it they are nobody's way back."""
    made = store(tmp_path)
    await made.put(RECORD, SIGNERS)
    new = SIGNERS + b"# and one more\n"
    await made.put(replace(RECORD, signers=sha256(new).hexdigest()), new)
    kept = tmp_path / "trust" / "allowed_signers"
    assert (kept.read_bytes(), kept.with_name("allowed_signers.before").read_bytes()) == (new, SIGNERS)
    kept.unlink()
    assert (await loaded(tmp_path))[0].signers is None
    kept.with_name("record.json").write_bytes(b"{}")
    found, _ = await loaded(tmp_path)
    assert (found.record, found.signers) == (LOST, None)


async def test_a_crash_while_a_damaged_record_is_set_aside_does_not_make_it_a_new_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "record.json").write_bytes(b"{}")
    with monkeypatch.context() as full:
        full.setattr(files, "write", no_space)
        with pytest.raises(StoreError):
            await loaded(tmp_path)

    assert (await loaded(tmp_path))[0].record.lost


def no_space(path: Path, _data: bytes) -> None:
    raise StoreError("write", path, "No space left on device")


async def test_signers_that_are_not_those_of_the_record_do_not_count(tmp_path: Path) -> None:
    await store(tmp_path).put(RECORD, SIGNERS)
    (tmp_path / "trust" / "allowed_signers").write_bytes(b"mallory ssh-ed25519 AAAA\n")
    found, corrupt = await loaded(tmp_path)
    assert (found.record, found.signers) == (RECORD, None)
    assert corrupt == ["its bytes are not the signers that were in force"]


async def test_allowances_that_cannot_be_read_have_ended(tmp_path: Path) -> None:
    await store(tmp_path).put_allowances(ALLOWED)
    (tmp_path / "trust" / "allowances.json").write_bytes(b"[")
    found, corrupt = await loaded(tmp_path)
    assert (found.allowances, len(corrupt)) == (Allowances(), 1)
