"""Signatures exchanged with the real ssh-keygen, in both directions and for every kind of key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.signing.keys import key_of_text
from podstead.signing.private import EncryptedKeyError, read_private, signature_file
from podstead.signing.provenance import MANIFEST, Fault, Invalid, Signed, Trust, verify
from podstead.signing.revocation import read_revoked
from podstead.signing.signers import read_signers
from tests.unit.signing.ssh import keygen, make_key, soft_keys

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.signing.keys import PublicKey

CONTENT = b"apiVersion: v1\nkind: Pod\n"
KINDS = {
    "ed25519": ("ed25519",),
    "ecdsa256": ("ecdsa", "-b", "256"),
    "ecdsa384": ("ecdsa", "-b", "384"),
    "ecdsa521": ("ecdsa", "-b", "521"),
    "rsa2048": ("rsa", "-b", "2048"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("keys")
    return {name: make_key(directory, name, *words) for name, words in KINDS.items()}


def public(path: Path) -> PublicKey:
    kind, encoded, _ = path.with_suffix(".pub").read_text().split()
    return key_of_text(kind, encoded)


def line(path: Path, options: str = "") -> str:
    return f"ops@example.com {options} {path.with_suffix('.pub').read_text()}"


def trust(*lines: str, now: float = 1.8e9) -> Trust:
    return Trust(signers=read_signers("".join(lines).encode()), now=now)


@pytest.mark.parametrize("kind", KINDS)
def test_what_ssh_keygen_signs_is_verified(keys: dict[str, Path], tmp_path: Path, kind: str) -> None:
    signature = keygen("-q", "-Y", "sign", "-f", keys[kind], "-n", MANIFEST, "-", given=CONTENT)
    found = verify(CONTENT, signature, trust(line(keys[kind])), namespace=MANIFEST)
    assert isinstance(found, Signed)
    assert found.key.fingerprint in keygen("-l", "-f", keys[kind].with_suffix(".pub")).decode()
    other = verify(CONTENT + b" ", signature, trust(line(keys[kind])), namespace=MANIFEST)
    assert isinstance(other, Invalid)
    assert other.fault is Fault.WRONG


@pytest.mark.parametrize("kind", KINDS)
def test_ssh_keygen_verifies_what_is_signed_here(keys: dict[str, Path], tmp_path: Path, kind: str) -> None:
    private = read_private(keys[kind].read_bytes())
    assert private.public == public(keys[kind])
    file, signers = tmp_path / "x.sig", tmp_path / "signers"
    file.write_bytes(signature_file(private.public, private.sign, CONTENT, namespace=MANIFEST))
    signers.write_text(line(keys[kind], f'namespaces="{MANIFEST}"'))
    words = ("-Y", "verify", "-f", signers, "-I", "ops@example.com", "-n", MANIFEST, "-s", file)
    assert b"Good" in keygen(*words, given=CONTENT)
    keygen(*words, given=CONTENT + b" ", code=255)


@pytest.mark.parametrize("number", [0, 1])
def test_security_keys_count_when_they_were_touched(tmp_path: Path, number: int) -> None:
    """ssh-keygen agrees on the signature; the touch is what we ask beyond it."""
    soft = soft_keys()[number]
    file, signers = tmp_path / "x.sig", tmp_path / "signers"
    file.write_bytes(signature_file(soft.public, soft.sign, CONTENT, namespace=MANIFEST))
    signers.write_text(f"ops@example.com {soft.public.text}\n")
    keygen("-Y", "verify", "-f", signers, "-I", "ops@example.com", "-n", MANIFEST, "-s", file, given=CONTENT)
    who = trust(signers.read_text())
    assert isinstance(verify(CONTENT, file.read_bytes(), who, namespace=MANIFEST), Signed)
    untouched = signature_file(soft.public, lambda data: soft.sign(data, flags=0), CONTENT, namespace=MANIFEST)
    found = verify(CONTENT, untouched, who, namespace=MANIFEST)
    assert isinstance(found, Invalid)
    assert "touched" in found.message


def test_lists_of_revoked_keys(keys: dict[str, Path], tmp_path: Path) -> None:
    """Binary lists by key and by digest, and plain files of keys."""
    gone, kept = public(keys["ed25519"]), public(keys["ecdsa256"])
    spec = tmp_path / "spec"
    for words in (f"hash: {gone.fingerprint}", f"sha1: {gone.text}", f"sha256: {gone.text}", f"key: {gone.text}"):
        spec.write_text(words + "\n")
        keygen("-q", "-k", "-f", tmp_path / "krl", spec)
        revoked = read_revoked((tmp_path / "krl").read_bytes())
        assert (gone in revoked, kept in revoked) == (True, False), words
    plain = read_revoked(b"# gone\n\n" + keys["ed25519"].with_suffix(".pub").read_bytes())
    assert (gone in plain, kept in plain) == (True, False)
    signature = keygen("-q", "-Y", "sign", "-f", keys["ed25519"], "-n", MANIFEST, "-", given=CONTENT)
    who = Trust(signers=trust(line(keys["ed25519"])).signers, now=1.8e9, revoked=plain)
    found = verify(CONTENT, signature, who, namespace=MANIFEST)
    assert isinstance(found, Invalid)
    assert found.fault is Fault.REVOKED


@pytest.mark.parametrize(
    ("options", "now", "fault"),
    [
        ("", 1.8e9, None),
        ('namespaces="podstead.io/*"', 1.8e9, None),
        ('namespaces="file,git"', 1.8e9, Fault.NOT_ALLOWED),
        ('namespaces="*,!podstead.io/manifest"', 1.8e9, Fault.NOT_ALLOWED),
        ('valid-after="20300101Z"', 1.8e9, Fault.NOT_VALID),
        ('valid-after="20300101Z"', 1.9e9, None),
        ('valid-before="20250101Z"', 1.8e9, Fault.NOT_VALID),
        ('valid-after="20200101Z",valid-before="20400101Z",namespaces="podstead.io/manifest"', 1.8e9, None),
    ],
)
def test_options_of_a_signer(
    keys: dict[str, Path], tmp_path: Path, options: str, now: float, fault: Fault | None
) -> None:
    """The same verdict as ssh-keygen's at the same time."""
    signature = keygen("-q", "-Y", "sign", "-f", keys["ed25519"], "-n", MANIFEST, "-", given=CONTENT)
    found = verify(CONTENT, signature, trust(line(keys["ed25519"], options), now=now), namespace=MANIFEST)
    assert (found.fault if isinstance(found, Invalid) else None) == fault
    signers, file = tmp_path / "signers", tmp_path / "sig"
    signers.write_text(line(keys["ed25519"], options))
    file.write_bytes(signature)
    moment = {1.8e9: "20270115080000Z", 1.9e9: "20300317174640Z"}[now]
    words = ("-Y", "verify", "-f", signers, "-I", "ops@example.com", "-n", MANIFEST, "-s", file)
    keygen(*words, "-O", f"verify-time={moment}", given=CONTENT, code=255 if fault else 0)


@pytest.mark.parametrize(
    ("principals", "asked", "counts"),
    [("ops@example.com", "ops@example.com", True), ("*@example.com", "ops@example.com", True), ("*@example.com,!ops@*", "ops@example.com", False), ("a,b", "c", False)],
)  # fmt: skip
def test_a_principal_that_is_asked_for(
    keys: dict[str, Path], tmp_path: Path, principals: str, asked: str, *, counts: bool
) -> None:
    signature = keygen("-q", "-Y", "sign", "-f", keys["ed25519"], "-n", MANIFEST, "-", given=CONTENT)
    text = f"{principals} {keys['ed25519'].with_suffix('.pub').read_text()}"
    found = verify(CONTENT, signature, trust(text), namespace=MANIFEST, principal=asked)
    assert isinstance(found, Signed) == counts
    (tmp_path / "signers").write_text(text)
    (tmp_path / "sig").write_bytes(signature)
    words = ("-Y", "verify", "-f", tmp_path / "signers", "-I", asked, "-n", MANIFEST, "-s", tmp_path / "sig")
    keygen(*words, given=CONTENT, code=0 if counts else 255)


def test_a_key_with_a_passphrase_is_left_to_the_agent(tmp_path: Path) -> None:
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "k")
    with pytest.raises(EncryptedKeyError):
        read_private((tmp_path / "k").read_bytes())


def test_a_signature_for_another_purpose_is_refused_though_it_is_good(keys: dict[str, Path]) -> None:
    signature = keygen("-q", "-Y", "sign", "-f", keys["ed25519"], "-n", "podstead.io/policy", "-", given=CONTENT)
    found = verify(CONTENT, signature, trust(line(keys["ed25519"])), namespace=MANIFEST)
    assert isinstance(found, Invalid)
    assert found.fault is Fault.OTHER_PURPOSE


def test_a_good_signature_by_a_stranger_is_refused(keys: dict[str, Path]) -> None:
    signature = keygen("-q", "-Y", "sign", "-f", keys["ecdsa256"], "-n", MANIFEST, "-", given=CONTENT)
    found = verify(CONTENT, signature, trust(line(keys["ed25519"])), namespace=MANIFEST)
    assert isinstance(found, Invalid)
    assert found.fault is Fault.UNKNOWN_KEY
