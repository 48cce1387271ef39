"""Who is trusted next: a file of signers follows another only when a key of the old one signed it."""

from __future__ import annotations

from hashlib import sha256

import pytest

from podstead.signing.private import signature_file
from podstead.signing.provenance import MANIFEST, TRUST
from podstead.signing.revocation import Revoked
from podstead.signing.succession import signers_in_force, succession_fault
from tests.unit.signing.indexes import NOW, SOFT, STRANGER

OLD = f"ops {SOFT.public.text}\n".encode()
NEW = f"ops {SOFT.public.text}\nnight {STRANGER.public.text}\n".encode()


def in_force(offered: bytes | None, signature: bytes | None, held: bytes | None, *, gone: bool = False) -> tuple[bytes, bool, str]:  # fmt: skip
    revoked = Revoked(frozenset([SOFT.public.blob])) if gone else Revoked()
    found = signers_in_force(offered, signature, held, now=NOW, revoked=revoked)
    assert found is not None
    assert found.digest == sha256(found.data).hexdigest()
    return found.data, found.changed, found.message


def by(key: object = SOFT, namespace: str = TRUST, content: bytes = NEW) -> bytes:
    assert key in (SOFT, STRANGER)
    soft = SOFT if key is SOFT else STRANGER
    return signature_file(soft.public, soft.sign, content, namespace=namespace)


def test_the_first_file_is_taken_and_an_unreadable_one_trusts_nobody() -> None:
    assert in_force(OLD, None, None) == (OLD, True, "")
    assert signers_in_force(None, None, None, now=NOW) is None
    assert signers_in_force(b"nonsense\n", None, None, now=NOW) is None
    assert signers_in_force(b"# nobody\n", None, None, now=NOW) is None


@pytest.mark.attack("lowered-mode")
def test_where_one_is_on_record_and_lost_only_its_own_bytes_are_the_first() -> None:
    digest = sha256(OLD).hexdigest()
    assert signers_in_force(NEW, by(), None, now=NOW, recorded=digest) is None
    assert signers_in_force(None, None, None, now=NOW, recorded=digest) is None
    found = signers_in_force(OLD, None, None, now=NOW, recorded=digest)
    assert found is not None
    assert (found.data, found.digest, found.changed) == (OLD, digest, True)


@pytest.mark.attack("lowered-mode")
def test_where_nobody_knows_which_were_on_record_none_is_the_first() -> None:
    assert signers_in_force(OLD, by(content=OLD), None, now=NOW, recorded=None) is None


@pytest.mark.parametrize(
    "held",
    [b"nonsense\n", b"\0" * 64, b"\xff", b"", b"# nobody\n"],
    ids=["words", "zeros", "bytes", "empty", "nobody"],
)
def test_what_is_held_and_cannot_be_read_is_as_good_as_lost(held: bytes) -> None:
    digest = sha256(held).hexdigest()
    for offered in (NEW, held, None):
        assert signers_in_force(offered, by(), held, now=NOW, recorded=digest) is None
    assert "the old ones cannot be read" in succession_fault(NEW, by(), held, now=NOW)


def test_a_file_that_an_old_key_signed_follows() -> None:
    assert in_force(NEW, by(), OLD) == (NEW, True, "")
    assert in_force(NEW, None, NEW) == (NEW, False, "")


@pytest.mark.attack("lowered-mode")
@pytest.mark.parametrize(
    ("offered", "signature", "said"),
    [
        (None, None, "the file of allowed signers is gone"),
        (NEW, None, "no key of the old ones has signed them"),
        (NEW, by(STRANGER), "is none of the allowed signers'"),
        (NEW, by(namespace=MANIFEST), "was made for 'podstead.io/manifest'"),
        (NEW, by(content=OLD), "does not match the content"),
        (b"", by(content=b""), "they name nobody"),
        (b"ops\n", by(content=b"ops\n"), "they cannot be read: line 1"),
    ],
)
def test_another_file_does_not_count_and_the_old_one_holds(offered: bytes | None, signature: bytes | None, said: str) -> None:  # fmt: skip
    data, changed, message = in_force(offered, signature, OLD)
    assert (data, changed) == (OLD, False)
    assert said in message


def test_a_revoked_key_names_no_successor() -> None:
    data, changed, message = in_force(NEW, by(), OLD, gone=True)
    assert (data, changed) == (OLD, False)
    assert "is revoked" in message
