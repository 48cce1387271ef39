"""`podstead trust` and `podstead allow`: with an agent, and on the state itself where none runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from podstead.cli.client import AgentUnreachableError
from podstead.cli.endpoint import Endpoint
from podstead.cli.trusting import carry_out
from podstead.clock import SystemClock
from podstead.config.paths import paths_for
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.daemon.trusting import TrustDesk
from podstead.errors import OperatorError
from podstead.signing.index import IndexMark
from podstead.signing.private import signature_file
from podstead.signing.provenance import TRUST
from podstead.state.trust import LOST, TrustRecord
from podstead.store.instance import lock_root
from podstead.store.kept_trust import KeptTrustStore
from podstead.store.trust import TrustStore
from tests.support.unheard import Unheard
from tests.unit.signing.indexes import SOFT, STRANGER
from tests.unit.signing.ssh import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.cli.client import AgentClient
    from podstead.state.audit import AuditEntry
    from tests.unit.cli.conftest import LocalShell, Shell

OLD = f"ops {SOFT.public.text}\n".encode()
NEW = OLD + f"night@example.com {STRANGER.public.text}\n".encode()


def signed(content: bytes) -> bytes:
    return signature_file(SOFT.public, SOFT.sign, content, namespace=TRUST)


async def test_trust_is_shown(shell: Shell) -> None:
    empty = await shell("trust")
    assert (empty.code, empty.out.splitlines()) == (
        0,
        [
            "mode:     off (last in force)",
            "index:    none accepted yet",
            "floor:    none",
            "signers:  none in force",
        ],
    )
    record = TrustRecord(
        accepted=IndexMark(version=7, digest="ab" * 32),
        floor=3,
        mode=SignatureMode.ENFORCE,
        signers=sha256(OLD).hexdigest(),
    )
    await shell.node.trust.put(record, OLD)
    shown = await shell("trust", "show")
    assert "index:    version 7, SHA-256 abab" in shown.out
    assert f"signers:  SHA-256 {sha256(OLD).hexdigest()}: ops\n" in shown.out
    report = json.loads((await shell("trust", "show", "-ojson")).out)
    assert (report["kind"], report["accepted"], report["floor"], report["mode"]) == ("Trust", 7, 3, "enforce")


async def test_root_gives_a_floor_and_lowers_a_mode(shell: Shell) -> None:
    said = await shell("trust", "init", "--floor", "5")
    assert (said.code, said.out) == (0, "indexes count from version 5 on\n")
    assert shell.node.trust.record.floor == 5
    lower = await shell("trust", "init", "--floor=4")
    assert (lower.code, lower.err) == (1, "error: the floor is 5 already, and it only rises\n")
    await shell.node.trust.put(TrustRecord(mode=SignatureMode.ENFORCE))
    said = await shell("trust", "lower", "--mode=warn", "--reason", "keys were \x1blost")
    assert (said.code, said.out) == (0, "signature mode warn may be in force from now on\n")
    assert "keys were \\x1blost" in (await shell("trust")).out
    again = await shell("trust", "lower", "--mode=enforce", "--reason=x")
    assert (again.code, "enforce is not lower" in again.err) == (1, True)


@pytest.mark.attack("lowered-mode")
async def test_other_signers_need_a_key_of_the_present_ones(shell: Shell, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    signature = tmp_path / "new.sig"
    signature.write_bytes(signed(NEW))
    first = await shell("trust", "rotate", str(new))
    assert (first.code, "no signers are in force yet" in first.err) == (1, True)
    await shell.node.trust.put(TrustRecord(signers=sha256(OLD).hexdigest()), OLD)
    signature.write_bytes(signature_file(STRANGER.public, STRANGER.sign, NEW, namespace=TRUST))
    forged = await shell("trust", "rotate", str(new))
    assert (forged.code, "is none of the allowed signers'" in forged.err) == (1, True)
    assert shell.node.trust.signers == OLD
    signature.write_bytes(signed(NEW))
    done = await shell("trust", "rotate", str(new), f"--signature={signature}")
    assert (done.code, shell.node.trust.signers) == (0, NEW)
    assert shell.node.trust.record.signers == sha256(NEW).hexdigest()


class Kept:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


@pytest.mark.attack("lowered-mode")
async def test_lost_signers_are_brought_back_or_replaced_for_a_reason(shell: Shell, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(OLD)
    new.write_bytes(NEW)
    (tmp_path / "new.sig").write_bytes(signed(NEW))
    lost = TrustRecord(signers=sha256(OLD).hexdigest())
    await shell.node.trust.put(lost)
    assert "are gone from the state directory" in (await shell("trust")).out
    other = await shell("trust", "rotate", str(new))
    assert (other.code, f"SHA-256 {lost.signers}: its bytes are lost here" in other.err) == (1, True)
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    nobody = await shell("trust", "rotate", str(empty), "--reason=x")
    assert (nobody.code, "they name nobody" in nobody.err) == (1, True)
    assert (shell.node.trust.record, shell.node.trust.signers) == (lost, None)
    back = await shell("trust", "rotate", str(old))
    assert (back.code, back.out) == (0, f"the allowed signers that were in force are back, SHA-256 {lost.signers}\n")
    assert (shell.node.trust.record, shell.node.trust.signers) == (lost, OLD)
    late = await shell("trust", "rotate", str(new), "--reason=x")
    assert (late.code, "no reason is taken" in late.err) == (1, True)
    unsigned = await shell("trust", "rotate", str(new), f"--signature={empty}")
    assert (unsigned.code, "podstead sign --signature-namespace podstead.io/trust" in unsigned.err) == (1, True)
    assert shell.node.trust.signers == OLD


@pytest.mark.attack("lowered-mode")
@pytest.mark.parametrize("held", [b"\0" * 64, b""], ids=["zeros", "empty"])
async def test_signers_in_force_that_nobody_can_read_lock_no_command(shell: Shell, tmp_path: Path, held: bytes) -> None:
    new, bad = tmp_path / "new", tmp_path / "bad"
    new.write_bytes(NEW)
    bad.write_bytes(held)
    await shell.node.trust.put(TrustRecord(signers=sha256(held).hexdigest()), held)
    back = await shell("trust", "rotate", str(bad))
    assert (back.code, "the new allowed signers do not count: they " in back.err) == (1, True)
    done = await shell("trust", "rotate", str(new), "--reason=the disk was repaired")
    assert (done.code, shell.node.trust.signers) == (0, NEW)


@pytest.mark.attack("lowered-mode")
async def test_signers_that_were_lost_with_their_record_are_named_for_a_reason(shell: Shell, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    await shell.node.trust.put(LOST)
    shown = (await shell("trust")).out
    assert "signers:  none in force\n" in shown
    assert "podstead trust rotate FILE --reason TEXT says whom" in shown
    unreasoned = await shell("trust", "rotate", str(new))
    assert (unreasoned.code, "trust them with --reason TEXT" in unreasoned.err) == (1, True)
    assert (await shell("trust", "init", "--floor=4")).code == 0
    assert (shell.node.trust.signers, shell.node.trust.record.signers) == (None, None), "a floor names nobody"
    done = await shell("trust", "rotate", str(new), "--reason=the disk was repaired")
    assert (done.code, shell.node.trust.signers) == (0, NEW)
    assert "note:" not in (await shell("trust")).out


async def test_other_signers_for_a_reason_are_in_force_and_told_of(tmp_path: Path) -> None:
    store, notes = TrustStore(tmp_path / "state", wall=lambda: 0.0), Kept()
    await store.put(TrustRecord(signers=sha256(OLD).hexdigest()))
    settings = SecuritySettings(allowed_signers=tmp_path / "allowed_signers")
    await TrustDesk(store, SystemClock(), notes, settings).rotate_signers(NEW, b"", "the disk was repaired")
    assert (store.signers, store.record.signers) == (NEW, sha256(NEW).hexdigest())
    assert settings.allowed_signers.read_bytes() == NEW
    assert not (tmp_path / "allowed_signers.sig").exists()
    (told,) = notes.entries
    assert (told.reason, told.message.endswith(": the disk was repaired")) == ("SignersReplaced", True)


async def test_a_desk_with_settings_says_what_holds_and_replaces_the_configured_file(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "state", wall=lambda: 0.0)
    settings = SecuritySettings(signature_mode=SignatureMode.OFF, allowed_signers=tmp_path / "allowed_signers")
    changes: list[int] = []
    desk = TrustDesk(store, SystemClock(), Unheard(), settings, lambda: changes.append(1))
    await store.put(TrustRecord(mode=SignatureMode.ENFORCE, signers=sha256(OLD).hexdigest()), OLD)
    report = desk.trust()
    assert (report.mode, report.configured) == ("enforce", "off")
    assert "podstead trust lower --mode off --reason TEXT" in report.notes[0]
    await desk.rotate_signers(NEW, signed(NEW))
    assert (tmp_path / "allowed_signers").read_bytes() == NEW
    assert (tmp_path / "allowed_signers.sig").read_bytes() == signed(NEW)
    await desk.lower_mode("off", "the fleet is being re-keyed")
    assert (desk.trust().mode, len(changes)) == ("off", 2)


@pytest.mark.attack("untrusted-key")
@pytest.mark.parametrize("where", ["configured", "kept", "both damaged"])
async def test_a_revoked_key_names_no_successors(tmp_path: Path, where: str) -> None:
    """Neither with the operator's list in place nor when somebody took it away."""
    store, kept = TrustStore(tmp_path, wall=lambda: 0.0), KeptTrustStore(tmp_path)
    settings = SecuritySettings(allowed_signers=tmp_path / "allowed_signers", revoked_keys=tmp_path / "revoked_keys")
    gone = SOFT.public.text.encode() + b"\n"
    if where == "configured":
        settings.revoked_keys.write_bytes(gone)
    elif where == "kept":
        await kept.put_revoked(gone)
    else:
        settings.revoked_keys.write_bytes(b"x")
    await store.put(TrustRecord(signers=sha256(OLD).hexdigest()), OLD)
    desk = TrustDesk(store, SystemClock(), Unheard(), settings)
    with pytest.raises(OperatorError, match=r"is revoked|cannot tell which keys are revoked"):
        await desk.rotate_signers(NEW, signed(NEW))
    assert (store.signers, settings.allowed_signers.exists()) == (OLD, False)


async def test_break_glass(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("kind: Pod\n")
    digest = sha256(file.read_bytes()).hexdigest()
    nothing = await shell("allow", "list")
    assert (nothing.code, nothing.err) == (0, "nothing is allowed, and nothing has ended of late\n")
    done = await shell("allow", str(file), "--for=1h", "--reason", "the signer is away")
    assert (done.code, done.out.startswith(f"web.yaml with SHA-256 {digest[:12]}… may run until 20")) == (0, True)
    listed = await shell("allow", "list")
    assert listed.out.splitlines()[1].split()[:3] == ["web.yaml", digest[:12], "1h00m"]
    ended = await shell("allow", "end", digest[:6])
    assert (ended.code, "what runs of it runs on and is not restarted" in ended.out) == (0, True)
    assert "ended" in (await shell("allow", "list")).out
    assert json.loads((await shell("allow", "list", "-ojson")).out)["items"][0]["left"] == 0
    for words, said in (
        (("allow",), "write: podstead allow FILE"),
        (("allow", str(file)), "say for how long and why"),
        (("allow", str(file), "--for=1h"), "say for how long and why"),
        (("allow", str(file), "--for=30s", "--reason=x"), "a time from 1m to 168h"),
        (("allow", str(file), "--for=169h", "--reason=x"), "a time from 1m to 168h"),
        (("allow", "end", "ff"), "there is no allowance of this digest"),
        (("allow", "end"), "write: podstead allow FILE"),
    ):
        refused = await shell(*words)
        assert (refused.code in {1, 2}, said in refused.err) == (True, True), refused.err


def test_without_an_agent_the_state_itself_is_changed(local: LocalShell, tmp_path: Path, short_directory: Path) -> None:
    root = f"--root-dir={short_directory}"
    file = tmp_path / "web.yaml"
    file.write_text("kind: Pod\n")
    missing = local("trust", root)
    assert (missing.code, "no agent answers" in missing.err) == (1, True)
    assert local("trust", "init", "--floor=9", root).out == "indexes count from version 9 on\n"
    assert "floor:    9\n" in local("trust", root).out
    assert local("allow", str(file), "--for=10m", "--reason=x", root).code == 0
    assert "9m" in local("allow", "list", root).out
    with lock_root(paths_for(short_directory)):
        busy = local("trust", "init", "--floor=10", root)
    assert (busy.code, "another agent runs with this root dir" in busy.err) == (1, True)
    shutil.rmtree(short_directory / "state")
    assert "no agent answers" in local("trust", "init", "--floor=9", "--socket=/tmp/ps-none.sock").err


def test_signers_rotate_without_an_agent(local: LocalShell, tmp_path: Path, short_directory: Path) -> None:
    key = make_key(tmp_path, "key", "ed25519")
    old = f"ops {key.with_suffix('.pub').read_text()}".encode()
    store = TrustStore(short_directory / "state", wall=lambda: 0.0)
    store._write(replace(store.record, signers=sha256(old).hexdigest()), old)
    new = tmp_path / "new"
    new.write_bytes(old + NEW)
    assert local("sign", "-k", str(key), "--signature-namespace=podstead.io/trust", str(new)).code == 0
    target = tmp_path / "allowed_signers"
    done = local("trust", "rotate", str(new), f"--root-dir={short_directory}", f"--allowed-signers={target}")
    assert (done.code, target.read_bytes()) == (0, old + NEW)
    assert (tmp_path / "allowed_signers.sig").read_bytes() == (tmp_path / "new.sig").read_bytes()
    assert "ops, night@example.com" in local("trust", f"--root-dir={short_directory}").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trust", "shwo"), "did you mean show?"),
        (("trust", "init"), "--floor N"),
        (("trust", "init", "--floor=-1"), "--floor N"),
        (("trust", "lower", "--mode=warn"), "--reason TEXT"),
        (("trust", "lower", "--mode=low", "--reason=x"), "off|warn"),
        (("trust", "rotate"), "rotate NEW_SIGNERS"),
        (("trust", "show", "x"), "write: podstead trust show"),
    ],
)
def test_wrong_words_are_explained(local: LocalShell, words: tuple[str, ...], said: str) -> None:
    done = local(*words)
    assert (done.code, said in done.err) == (2, True), done.err


def test_who_may_not_reach_the_agent_is_told_so_and_nothing_is_done_by_hand(tmp_path: Path) -> None:
    paths = paths_for(tmp_path)
    endpoint = Endpoint(socket=paths.socket, paths=paths)

    def refused(client: AgentClient) -> None:
        error = PermissionError(13, "Permission denied")
        raise client.unreachable(error) from error

    async def by_hand(desk: TrustDesk) -> None:
        raise AssertionError(f"{desk} was made")

    with pytest.raises(AgentUnreachableError, match="run this as root"):
        carry_out(endpoint, refused, by_hand)
    assert not list(tmp_path.iterdir())
