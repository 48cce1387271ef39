"""Which index counts on a node: its signature, node, version and time; and no signature in another's place."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from podstead.signing.index import Entry, IndexMark, mark_of, write_index
from podstead.signing.index_verify import AcceptedIndex, IndexFault, RefusedIndex, verify_index
from podstead.signing.private import signature_file
from podstead.signing.provenance import INDEX, MANIFEST, POLICY, TRUST, Fault, Invalid, Signed, verify
from podstead.signing.revocation import Revoked
from tests.unit.signing.indexes import DAY, FULL, NOW, SOFT, STRANGER, signed, trust
from tests.unit.signing.ssh import keygen, make_key

NAMESPACES = (MANIFEST, INDEX, POLICY, TRUST)

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.signing.index import Index

MARK = mark_of(FULL, write_index(FULL))


def judged(index: Index, *, now: float = NOW, last: IndexMark | None = None, floor: int | None = 0, node: str = "db-1") -> AcceptedIndex | RefusedIndex:  # fmt: skip
    data, signature = signed(index)
    return verify_index(data, signature, trust(now), node=node, last=last, floor=floor)


def fault(found: AcceptedIndex | RefusedIndex) -> str:
    return "" if isinstance(found, AcceptedIndex) else str(found.fault)


def test_an_index_that_counts_says_by_whom_and_how_it_is_remembered() -> None:
    found = judged(FULL)
    assert isinstance(found, AcceptedIndex)
    assert (found.index, found.mark, found.signed.signer.principals) == (FULL, MARK, "ops")
    assert fault(judged(FULL, last=MARK)) == ""
    assert fault(judged(FULL, last=IndexMark(version=6, digest="0" * 64))) == ""


@pytest.mark.attack("replay")
def test_an_older_set_is_refused() -> None:
    later = IndexMark(version=8, digest="0" * 64)
    found = judged(FULL, last=later)
    assert isinstance(found, RefusedIndex)
    assert (found.fault, found.index, found.mark) == (IndexFault.OLDER, FULL, MARK)
    assert found.message == "the index has version 7, and 8 was accepted already"
    assert fault(judged(FULL, last=IndexMark(version=7, digest="0" * 64))) == IndexFault.FORKED
    assert fault(judged(FULL, floor=8)) == IndexFault.BELOW_FLOOR
    assert fault(judged(FULL, last=None, floor=None)) == IndexFault.NO_RECORD


@pytest.mark.attack("other-nodes-set")
def test_another_nodes_set_is_refused() -> None:
    found = judged(FULL, node="db-2")
    assert isinstance(found, RefusedIndex)
    assert (found.fault, found.message) == (IndexFault.OTHER_NODE, "the index is for db-1, web-*, !web-9, and this node is db-2")  # fmt: skip
    assert fault(judged(FULL, node="web-9")) == IndexFault.OTHER_NODE
    assert fault(judged(FULL, node="web-1")) == ""


@pytest.mark.attack("freeze")
@pytest.mark.parametrize(
    ("now", "said"),
    [
        (NOW + DAY - 1, ""),
        (NOW + DAY, IndexFault.EXPIRED),
        (NOW + 100 * DAY, IndexFault.EXPIRED),
        (NOW - DAY - 300, ""),
        (NOW - DAY - 301, IndexFault.NOT_YET),
        (0.0, IndexFault.NOT_YET),
    ],
)
def test_an_index_counts_in_its_time_only(now: float, said: str) -> None:
    assert fault(judged(FULL, now=now)) == said


def test_an_attack_is_named_before_a_doubt() -> None:
    """An old set is refused as one, also when it has expired: the alarm is another."""
    found = judged(FULL, now=NOW + 9 * DAY, last=IndexMark(version=8, digest="0" * 64))
    assert fault(found) == IndexFault.OLDER


@pytest.mark.attack("untrusted-key")
def test_a_stranger_and_a_revoked_key_are_refused_before_anything_is_parsed() -> None:
    data = write_index(FULL)
    forged = signature_file(STRANGER.public, STRANGER.sign, data, namespace=INDEX)
    found = verify_index(data, forged, trust(), node="db-1", last=None, floor=0)
    assert isinstance(found, RefusedIndex)
    assert (found.fault, found.index) == (Fault.UNKNOWN_KEY, None)
    data, signature = signed(FULL)
    gone = trust(revoked=Revoked(frozenset([SOFT.public.blob])))
    assert fault(verify_index(data, signature, gone, node="db-1", last=None, floor=0)) == Fault.REVOKED
    garbage = b"[" * 1000
    unsigned = verify_index(garbage, signature, trust(), node="db-1", last=None, floor=0)
    assert fault(unsigned) == Fault.WRONG


def test_a_signed_document_that_cannot_be_read_is_refused() -> None:
    data = write_index(FULL).replace(b'"version": 7', b'"version": 7, "version": 9')
    signature = signature_file(SOFT.public, SOFT.sign, data, namespace=INDEX)
    found = verify_index(data, signature, trust(), node="db-1", last=None, floor=0)
    assert isinstance(found, RefusedIndex)
    assert (found.fault, found.message) == (IndexFault.MALFORMED, "the index cannot be read: 'version' stands twice")


@pytest.mark.attack("other-purpose")
@pytest.mark.parametrize(("made_for", "put_for"), list(permutations(NAMESPACES, 2)))
def test_no_signature_counts_in_anothers_place(made_for: str, put_for: str) -> None:
    data, signature = signed(FULL, namespace=made_for)
    found = verify(data, signature, trust(), namespace=put_for)
    assert isinstance(found, Invalid)
    assert found.fault is Fault.OTHER_PURPOSE
    assert isinstance(verify(data, signature, trust(), namespace=made_for), Signed)
    if put_for == INDEX:
        assert fault(verify_index(data, signature, trust(), node="db-1", last=None, floor=0)) == Fault.OTHER_PURPOSE


@pytest.mark.attack("other-purpose")
@pytest.mark.parametrize("allowed", NAMESPACES)
def test_a_key_signs_only_for_what_its_line_says(allowed: str) -> None:
    data, signature = signed(FULL)
    found = verify_index(data, signature, trust(options=f'namespaces="{allowed}"'), node="db-1", last=None, floor=0)
    assert fault(found) == ("" if allowed == INDEX else Fault.NOT_ALLOWED)


def test_ssh_keygen_and_this_agree_in_both_directions(tmp_path: Path) -> None:
    key = make_key(tmp_path, "key", "ed25519")
    file, signers, signature = tmp_path / "podstead.index", tmp_path / "signers", tmp_path / "podstead.index.sig"
    file.write_bytes(write_index(FULL))
    signers.write_text(f'ops namespaces="{INDEX}" {key.with_suffix(".pub").read_text()}')
    keygen("-q", "-Y", "sign", "-f", key, "-n", INDEX, file)
    from podstead.signing.private import read_private
    from podstead.signing.provenance import Trust
    from podstead.signing.signers import read_signers

    who = Trust(signers=read_signers(signers.read_bytes()), now=NOW)
    assert fault(verify_index(file.read_bytes(), signature.read_bytes(), who, node="db-1", last=None, floor=0)) == ""
    private = read_private(key.read_bytes())
    signature.write_bytes(signature_file(private.public, private.sign, file.read_bytes(), namespace=INDEX))
    words = ("-Y", "verify", "-f", signers, "-I", "ops", "-n", INDEX, "-s", signature)
    assert b"Good" in keygen(*words, given=file.read_bytes())
    changed = write_index(replace(FULL, files={"web.yaml": Entry(sha256="0" * 64, size=1)}))
    keygen(*words, given=changed, code=255)
