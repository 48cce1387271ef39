"""Bytes that are no signature, no key and no list: always an answer, never another exception, and never trust."""

from __future__ import annotations

import base64
import random
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from podstead.signing import keys, patterns
from podstead.signing.envelope import BEGIN, END, MAX_BYTES, read_envelope
from podstead.signing.private import signature_file
from podstead.signing.provenance import MANIFEST, Signed, Trust, verify
from podstead.signing.revocation import MAGIC, read_revoked
from podstead.signing.signers import read_signers
from podstead.signing.wire import MalformedError, mpint, string, uint32
from tests.unit.signing.ssh import soft_keys

CONTENT = b"kind: Pod\n"
SOFT, _ = soft_keys()
SIGNATURE = signature_file(SOFT.public, SOFT.sign, CONTENT, namespace=MANIFEST)
TRUST = Trust(signers=read_signers(f"ops {SOFT.public.text}\n".encode()), now=1.8e9)


def blob() -> bytes:
    return base64.b64decode(b"".join(SIGNATURE.split(b"\n")[1:-2]))


def armoured(data: bytes) -> bytes:
    return f"{BEGIN}\n{base64.b64encode(data).decode()}\n{END}\n".encode()


def signed(signature: bytes, content: bytes = CONTENT) -> bool:
    return isinstance(verify(content, signature, TRUST, namespace=MANIFEST), Signed)


def test_the_original_counts() -> None:
    assert signed(SIGNATURE)
    assert signed(armoured(blob()))


def test_every_changed_byte_is_noticed() -> None:
    """All bytes of the signature: nothing in it is unsigned or unread."""
    original = blob()
    for at in range(len(original)):
        changed = bytearray(original)
        changed[at] ^= 0x01
        assert not signed(armoured(bytes(changed))), at


def test_every_cut_is_noticed() -> None:
    original = blob()
    for length in range(len(original)):
        assert not signed(armoured(original[:length]))
    assert not signed(armoured(original + b"\0"))


@given(st.binary(max_size=400))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    assert not signed(data)
    assert not signed(armoured(data))
    assert not signed(armoured(b"SSHSIG" + uint32(1) + data))
    for read in (read_envelope, keys.read_key, read_revoked, read_signers):
        for given_bytes in (data, MAGIC + data):
            try:
                read(given_bytes)
            except MalformedError as error:
                assert str(error)  # noqa: PT017 - whether it raises depends on the bytes
    assert keys.fault_of(SOFT.public, data, CONTENT)


def test_something_around_the_armour_is_refused() -> None:
    for data in (
        b"x" + SIGNATURE,
        SIGNATURE + b"x",
        SIGNATURE + SIGNATURE,
        SIGNATURE.replace(b"\n", b" "),
        b"",
        SIGNATURE[:-10],
    ):
        assert not signed(data)
    assert not signed(b" " * MAX_BYTES + SIGNATURE)
    assert signed(SIGNATURE.replace(b"\n", b"\r\n"))


def test_another_kind_of_signature_than_the_keys_is_refused() -> None:
    """An Ed25519 signature by the same secret is none of the security key's, and the other way round."""
    plain = keys.read_key(
        string(b"ssh-ed25519") + string(SOFT.public.blob[len(string(SOFT.public.type.encode())) + 4 :][:32])
    )
    assert keys.fault_of(plain, SOFT.sign(CONTENT), CONTENT)
    assert keys.fault_of(SOFT.public, string(b"ssh-ed25519") + string(SOFT.edwards.sign(CONTENT)), CONTENT)
    assert keys.fault_of(plain, string(b"ssh-ed25519") + string(SOFT.edwards.sign(CONTENT)), CONTENT) == ""


def test_weak_keys_are_refused() -> None:
    for bits in (512, 1024, 2047, 20000):
        with pytest.raises(MalformedError, match="bits"):
            keys.read_key(string(b"ssh-rsa") + mpint(65537) + mpint((1 << (bits - 1)) | 1))
    for exponent in (0, 1, 2):
        with pytest.raises(MalformedError):
            keys.read_key(string(b"ssh-rsa") + mpint(exponent) + mpint((1 << 2047) | 1))
    with pytest.raises(MalformedError, match="certificate"):
        keys.read_key(string(b"ssh-ed25519-cert-v01@openssh.com") + string(b""))
    with pytest.raises(MalformedError, match="ssh-dss"):
        keys.read_key(string(b"ssh-dss"))


def test_sha1_signatures_of_rsa_keys_are_refused() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    key = keys.read_key(string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n))
    raw = private.sign(CONTENT, padding.PKCS1v15(), hashes.SHA1())
    assert "SHA-1" in keys.fault_of(key, string(b"ssh-rsa") + string(raw), CONTENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ops", "line 1: "),
        ("ops ssh-ed25519", "line 1: "),
        ("# ok\nops ssh-ed25519 AAAA", "line 2: the key cannot be used"),
        ('ops "ssh-ed25519 AAAA', "line 1: its quotes"),
        ("ops cert-authority ssh-ed25519 AAAA", "line 1: cert-authority"),
        ("ops no-touch-required ssh-ed25519 AAAA", "line 1: 'no-touch-required' is no option"),
        ('ops valid-after="2026" ssh-ed25519 AAAA', "line 1: valid-after: a time"),
        ('ops valid-after="20261350" ssh-ed25519 AAAA', "line 1: valid-after: there is no such time"),
        ('ops namespaces="a",namespaces="b" ssh-ed25519 AAAA', "line 1: namespaces stands twice"),
        ('ops namespaces="" ssh-ed25519 AAAA', "line 1: namespaces is empty"),
        ("ops namespaces=a ssh-ed25519 AAAA", "line 1: "),
        ("a,,b ssh-ed25519 AAAA", "line 1: principals: an entry"),
        ("\udc80".encode("utf-8", "surrogatepass").decode("latin-1"), "line 1: "),
    ],
)
def test_a_line_that_cannot_be_read_refuses_the_whole_file(text: str, said: str) -> None:
    """A signer less would be trust that somebody took away unseen, and an option unread a limit that does not hold."""
    whole = f"{text}\nops {SOFT.public.text}\n"
    with pytest.raises(MalformedError, match=said.replace("(", r"\(")):
        read_signers(whole.encode())


def test_a_day_at_the_beginning_of_all_time_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the machine's own zone it has no seconds since the epoch."""
    try:
        for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Niue"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            with pytest.raises(MalformedError, match="line 1: valid-before: there is no such time"):
                read_signers(f'ops valid-before="00010101" {SOFT.public.text}\n'.encode(), None)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_patterns_take_no_time() -> None:
    assert not patterns.matches("a" * 3000, "*a" * 2000 + "b")
    assert patterns.matches("a" * 3000, "*a" * 2000)


@given(st.text("ab*", max_size=8), st.text("ab?*", min_size=1, max_size=8))
def test_patterns_match_as_the_shells_do(text: str, pattern: str) -> None:
    from fnmatch import fnmatchcase

    assert patterns.matches(text, pattern) == fnmatchcase(text, pattern)


def test_numbers_are_written_as_they_are_read() -> None:
    for number in (0, 1, 127, 128, 255, 256, random.getrandbits(521)):
        from podstead.signing.wire import Reader

        assert Reader(mpint(number)).mpint() == number


def test_a_key_of_another_secret_does_not_pass() -> None:
    stranger = ed25519.Ed25519PrivateKey.generate()
    forged = signature_file(
        SOFT.public, lambda data: string(SOFT.public.type.encode()) + string(stranger.sign(data)) + b"\x01" + uint32(0), CONTENT, namespace=MANIFEST
    )  # fmt: skip
    assert not signed(forged)
