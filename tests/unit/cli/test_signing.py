"""`podstead sign` and `podstead verify`, as an operator types them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.signing.ssh import keygen, make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = make_key(tmp_path, "key", "ed25519")
    (tmp_path / "signers").write_text(f"ops@example.com {path.with_suffix('.pub').read_text()}")
    (tmp_path / "web.yaml").write_text("kind: Pod\n")
    return path


def test_sign_and_verify(local: LocalShell, key: Path, tmp_path: Path) -> None:
    web, signers = str(tmp_path / "web.yaml"), str(tmp_path / "signers")
    signed = local("sign", "--key", str(key), web)
    assert (signed.code, signed.out.startswith(f"{web}.sig: signed with ED25519 SHA256:")) == (0, True)
    good = local("verify", "-f", signers, web)
    assert (good.code, good.out.startswith(f"{web}: Signed: by ops@example.com with ED25519 ")) == (0, True)
    (tmp_path / "web.yaml").write_text("kind: Pod\n\n")
    bad = local("verify", "-f", signers, web, "-ojson")
    (report,) = json.loads(bad.out)
    assert (bad.code, report["verdict"], report["reason"]) == (1, "Invalid", "SignatureWrong")
    unsigned = local("verify", "-f", signers, signers)
    assert (unsigned.code, unsigned.out) == (1, f"{signers}: Unsigned: there is no {signers}.sig beside it\n")


@pytest.mark.parametrize("arguments", [("gone.sig",), ("-s", "gone.sig", "web.yaml"), ("-r", "gone.sig", "web.yaml")])
def test_a_file_that_was_named_and_is_not_there(
    local: LocalShell, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = local("verify", "-f", str(key.with_name("signers")), *arguments)
    assert (done.code, done.out) == (1, "")
    assert "cannot read gone.sig: No such file" in done.err


def test_times_and_other_purposes(local: LocalShell, key: Path, tmp_path: Path) -> None:
    web, signers = tmp_path / "web.yaml", tmp_path / "signers"
    signers.write_text(f'ops valid-before="20270101Z" {key.with_suffix(".pub").read_text()}')
    assert local("sign", "-k", str(key), "--signature-namespace=podstead.io/policy", str(web)).code == 0
    assert "was made for 'podstead.io/policy'" in local("verify", "-f", str(signers), str(web)).out
    asked = ("verify", "-f", str(signers), "--signature-namespace=podstead.io/policy", str(web))
    assert local(*asked, "--at=2026-12-31T00:00:00Z").code == 0
    late = local(*asked, "--at=2027-02-01T00:00:00Z")
    assert (late.code, "valid until 2027-01-01T00:00:00Z" in late.out) == (1, True)
    assert local(*asked, "--at=tomorrow").code == 2


def test_a_key_in_ssh_agent(local: LocalShell, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private key is used nowhere but in the agent."""
    web = str(tmp_path / "web.yaml")
    socket = f"/tmp/ps-agent-{os.getpid()}"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            missing = local("sign", "-k", f"{key}.pub", web)
            assert (missing.code, "is the key in `ssh-add -l`?" in missing.err) == (1, True)
            subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=10)
            key.unlink()
            assert local("sign", "-k", f"{key}.pub", web).code == 0
        finally:
            agent.terminate()
    assert local("verify", "-f", str(tmp_path / "signers"), web).code == 0


def test_what_cannot_be_used_is_said(
    local: LocalShell, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    web, signers = str(tmp_path / "web.yaml"), tmp_path / "signers"
    for words, said in (
        (("sign", web), "say with which key"),
        (("sign", "-k", str(key)), "say what to sign"),
        (("sign", "-k", f"{key}.pub", web), "SSH_AUTH_SOCK is not set"),
        (("sign", "-k", web, web), "neither a private key nor"),
        (("sign", "-k", str(tmp_path / "none"), web), "cannot read the key"),
        (("verify", web), "say whom to trust"),
        (("verify", "-f", str(tmp_path / "none"), web), "cannot read"),
    ):
        result = local(*words)
        assert result.code in {1, 2}
        assert said in result.err
    signers.write_text("ops cert-authority ssh-ed25519 AAAA\n")
    refused = local("verify", "-f", str(signers), web)
    assert (refused.code, "line 1: cert-authority" in refused.err) == (1, True)
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "guarded")
    (tmp_path / "guarded.pub").unlink()
    assert "passphrase" in local("sign", "-k", str(tmp_path / "guarded"), web).err
