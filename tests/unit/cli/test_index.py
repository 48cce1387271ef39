"""`podstead sign --index`, `verify --index` and `keys`, as an operator types them."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from podstead.server.port import ImageReport
from podstead.signing.index import Expiry, entry_of
from podstead.signing.index_reader import read_index
from podstead.signing.provenance import INDEX
from tests.unit.signing.ssh import keygen, make_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell, Shell

WEB = b"""apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: web, image: registry.example/web:1}
  - {name: side, image: "registry.example/side@sha256:%s"}
""" % (b"a" * 64)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = make_key(tmp_path, "key", "ed25519")
    (tmp_path / "signers").write_text(f'ops@example.com namespaces="{INDEX}" {path.with_suffix(".pub").read_text()}')
    made = tmp_path / "manifests"
    made.mkdir()
    (made / "web.yaml").write_bytes(WEB)
    return made


def sign(local: LocalShell, directory: Path, *words: str, code: int = 0, node: str = "db-1") -> str:
    key = ("--key", str(directory.parent / "key"))
    named = ("--node", node) if node else ()
    done = local("sign", "--index", "--dir", str(directory), *key, *named, *words)
    assert done.code == code, done.err
    return done.out + done.err


def verify(local: LocalShell, directory: Path, *words: str, node: str = "db-1") -> tuple[int, str]:
    signers = str(directory.parent / "signers")
    done = local("verify", "--index", "--dir", str(directory), "-f", signers, "--node", node, *words)
    return done.code, done.out + done.err


def test_a_set_is_signed_and_verified(local: LocalShell, directory: Path) -> None:
    said = sign(local, directory)
    assert "podstead.index: version 1 for db-1, until " in said
    assert "1 manifest; signed with ED25519 SHA256:" in said
    index = read_index((directory / "podstead.index").read_bytes())
    assert (index.nodes, index.version, index.expiry) == (("db-1",), 1, Expiry.SOFT)
    assert index.expires - index.issued == 90 * 86_400
    assert index.files == {"web.yaml": entry_of(WEB)}
    code, said = verify(local, directory)
    assert (code, f"{directory}/web.yaml: Listed\n" in said, "Signed: version 1 for db-1" in said) == (0, True, True)
    file, signature = directory / "podstead.index", directory / "podstead.index.sig"
    who = ("-f", directory.parent / "signers", "-I", "ops@example.com", "-n", INDEX, "-s", signature)
    assert b"Good" in keygen("-Y", "verify", *who, given=file.read_bytes())
    assert sorted(path.name for path in directory.iterdir()) == ["podstead.index", "podstead.index.sig", "web.yaml"]


def test_what_ssh_keygen_signed_is_verified(local: LocalShell, directory: Path) -> None:
    sign(local, directory)
    (directory / "podstead.index.sig").unlink()
    keygen("-q", "-Y", "sign", "-f", directory.parent / "key", "-n", INDEX, directory / "podstead.index")
    assert verify(local, directory)[0] == 0


def test_every_difference_is_said(local: LocalShell, directory: Path) -> None:
    for name in ("gone.yaml", "other.yaml"):
        (directory / name).write_bytes(WEB.replace(b"name: web}", f"name: {name[:4]}}}".encode(), 1))
    sign(local, directory)
    (directory / "gone.yaml").unlink()
    (directory / "web.yaml").write_bytes(WEB + b"\n")
    (directory / "new.yaml").write_bytes(b"")
    (directory / "notes.txt").write_bytes(b"")
    code, said = verify(local, directory, "-ojson")
    report = json.loads(said)
    assert (code, report["verdict"], report["version"]) == (1, "Signed", 1)
    assert {one["path"].rpartition("/")[2]: one["verdict"] for one in report["files"]} == {
        "gone.yaml": "Missing",
        "new.yaml": "Extra",
        "notes.txt": "Extra",
        "other.yaml": "Listed",
        "web.yaml": "Changed",
    }


def test_versions_rise_and_what_was_said_before_stays(local: LocalShell, directory: Path) -> None:
    sign(local, directory, "--expiry=hard", "--floor=1", "--version=5", "--node=web-*,!web-9")
    sign(local, directory, node="")
    index = read_index((directory / "podstead.index").read_bytes())
    assert (index.version, index.nodes, index.expiry, index.floor) == (6, ("db-1", "web-*", "!web-9"), Expiry.HARD, 1)
    assert "has version 6, and versions only rise" in sign(local, directory, "--version=6", code=2)
    (directory / "podstead.index").write_text("{}")
    assert "cannot read the index before" in sign(local, directory, code=1)


@pytest.mark.parametrize(
    ("words", "node", "said"),
    [
        ((), "db-2", "Invalid (IndexForOtherNode): the index is for db-1, and this node is db-2"),
        (("--at=2099-01-01T00:00:00Z",), "db-1", "Invalid (IndexExpired): the index expired at"),
        (("--at=2000-01-01T00:00:00Z",), "db-1", "Invalid (IndexNotYetValid)"),
        (("--floor=2",), "db-1", "Invalid (IndexBelowFloor): the index has version 1, and 2 is the lowest"),
    ],
)
def test_an_index_that_does_not_count_is_said(local: LocalShell, directory: Path, words: tuple[str, ...], node: str, said: str) -> None:  # fmt: skip
    sign(local, directory)
    code, told = verify(local, directory, *words, node=node)
    assert (code, said in told) == (1, True), told


@pytest.mark.attack("other-purpose")
def test_a_manifests_signature_does_not_stand_for_an_index(local: LocalShell, directory: Path) -> None:
    sign(local, directory)
    (directory.parent / "signers").write_text(f"ops {(directory.parent / 'key.pub').read_text()}")
    assert local("sign", "--key", str(directory.parent / "key"), str(directory / "podstead.index")).code == 0
    code, said = verify(local, directory)
    assert (code, "Invalid (SignatureForOtherPurpose)" in said) == (1, True)


def test_everything_that_a_node_may_take_is_listed(local: LocalShell, directory: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n")
    other = tmp_path / "other,=file"
    other.write_bytes(b"x")
    words = (
        f"--objects={objects}",
        f"--policy={other}",
        f"--host-file=/etc/app/x.conf={tmp_path / 'signers'}",
        f"--host-file={tmp_path / 'signers'}",
        f"--profile=audit/strict.json={other}",
        f"--url=https://m.example/node?token=hunter2={tmp_path / 'signers'}",
    )
    sign(local, directory, *words)
    data = (directory / "podstead.index").read_bytes()
    index, x = read_index(data), entry_of(b"x")
    assert (list(index.objects), index.policy, index.profiles) == (["cm.yaml"], x, {"audit/strict.json": x})
    assert sorted(index.host_files) == sorted(["/etc/app/x.conf", str(tmp_path / "signers")])
    assert (list(index.urls), b"hunter2" in data) == (["https://m.example/node"], False)
    assert verify(local, directory, f"--objects={objects}", f"--policy={other}")[0] == 0
    code, said = verify(local, directory, "--host-files")
    assert (code, "/etc/app/x.conf: Missing" in said) == (1, True)
    assert "note: the index before listed 2 host files, this one none" in sign(local, directory)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.yaml", b"kind: Pod\n", "a node would refuse what is in it"),
        ("twin.yaml", WEB, "stands in another file as well"),
    ],
)
def test_what_a_node_would_refuse_is_not_signed(local: LocalShell, directory: Path, name: str, content: bytes, said: str) -> None:  # fmt: skip
    (directory / name).write_bytes(content)
    assert said in sign(local, directory, code=1)
    assert not (directory / "podstead.index").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--expires=0s",), "must be more than a second"),
        (("--expires=soon",), "is not a duration"),
        (("--expiry=never",), "must be soft or hard"),
        (("--node=A B",), "'A B' is neither a node's name nor a pattern"),
        (("--floor=9",), "floor: an integer from 0 to 1"),
        (("--floor=x",), "--floor must be a number"),
        (("--url=https://x",), "--url must be URL=FILE"),
        (("--url=ftp://x=y",), "--url must be a URL such as"),
        (("--host-file=etc/x=/dev/null",), "'etc/x' is no absolute path"),
        (("--host-file=/x=/dev/null", "--host-file=/x=/dev/null"), "is named twice"),
        (("web.yaml",), "leave the file names out"),
    ],
)
def test_a_wrong_command_line_is_explained(local: LocalShell, directory: Path, words: tuple[str, ...], said: str) -> None:  # fmt: skip
    done = local("sign", "--index", "--dir", str(directory), "-k", str(directory.parent / "key"), "--node=db-1", *words)
    assert (done.code in {1, 2}, said in done.err) == (True, True), done.err
    assert not (directory / "podstead.index").exists()


def test_flags_of_an_index_are_refused_without_it(local: LocalShell, directory: Path) -> None:
    done = local("sign", "-k", str(directory.parent / "key"), "--pin", str(directory / "web.yaml"))
    assert (done.code, done.err) == (2, "error: --pin is for the index of a set: add --index\n")
    assert "say for which node" in sign(local, directory, node="", code=2)


async def test_pins_come_from_the_reference_the_file_or_the_agent(shell: Shell, directory: Path) -> None:
    web = f"sha256:{sha256(b'web').hexdigest()}"
    words = ("sign", "--index", "--dir", str(directory), "-k", str(directory.parent / "key"), "--node=db-1", "--pin")
    unknown = await shell(*words)
    assert (unknown.code, "error: registry.example/web:1: no digest is known of it" in unknown.err) == (1, True)
    assert not (directory / "podstead.index").exists()
    shell.node.agent.held["web"] = ImageReport(id="sha256:" + "c" * 64, tags=("registry.example/web:1",), digests=(f"registry.example/web@{web}",))  # fmt: skip
    assert (await shell(*words)).code == 0
    side = f"registry.example/side@sha256:{'a' * 64}"
    pinned = read_index((directory / "podstead.index").read_bytes()).images
    assert pinned == {"registry.example/web:1": web, side: f"sha256:{'a' * 64}"}
    shell.node.agent.held["web"] = ImageReport(id="sha256:" + "c" * 64, tags=("registry.example/web:1",))
    assert (await shell(*words)).code == 0
    pinned = read_index((directory / "podstead.index").read_bytes()).images
    assert pinned["registry.example/web:1"] == "sha256:" + "c" * 64
    (directory.parent / "pins").write_text(f"# ours\nregistry.example/web:1 sha256:{'d' * 64}\n")
    assert (await shell(*words, f"--pin-file={directory.parent / 'pins'}")).code == 0
    pinned = read_index((directory / "podstead.index").read_bytes()).images
    assert pinned["registry.example/web:1"] == "sha256:" + "d" * 64


def test_pins_without_an_agent_say_why(local: LocalShell, directory: Path) -> None:
    said = sign(local, directory, "--pin", "--socket=/tmp/ps-none.sock", code=1)
    assert "nothing is signed: pull these images, or name them with --pin-file (no agent answers at" in said


def test_keys_are_listed(local: LocalShell, directory: Path) -> None:
    signers = directory.parent / "signers"
    public = (directory.parent / "key.pub").read_text()
    signers.write_text(f'ops@example.com namespaces="{INDEX}",valid-after="20200101Z",valid-before="20210101Z" {public}* {public}')  # fmt: skip
    shown = local("keys", str(signers))
    lines = shown.out.splitlines()
    assert (shown.code, lines[0].split()) == (0, ["PRINCIPALS", "TYPE", "FINGERPRINT", "NAMESPACES", "VALID", "STATUS"])
    assert "from 2020-01-01T00:00:00Z until 2021-01-01T00:00:00Z" in lines[1]
    assert "the key was valid until 2021-01-01T00:00:00Z" in lines[1]
    assert lines[2].split()[-2:] == ["always", "counts"]
    told = json.loads(local("keys", str(signers), "-r", str(directory.parent / "key.pub"), "-ojson").out)
    assert [(one["status"], one["revoked"], one["keyType"]) for one in told] == [("revoked", True, "ED25519")] * 2
    signers.write_text("\n")
    assert local("keys", str(signers)).err.endswith("names nobody\n")
    assert local("keys", str(directory / "none")).code == 1
