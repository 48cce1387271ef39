"""Signatures on the real loops: what nobody signed is never parsed, and what runs goes on."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.agent import signatures
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.config.sources import SourceSettings, UrlSettings
from podstead.errors import OperatorError, PodsteadError
from podstead.reconcile import inputs
from podstead.signing.index import INDEX_FILE, Expiry, Index, entry_of, write_index
from podstead.signing.provenance import INDEX, TRUST
from podstead.state.provenance import Warrant
from podstead.state.trust import initialised
from podstead.store import files
from podstead.store.files import StoreError
from podstead.trust import values
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.functional.node import ABSENCE_SECONDS, NODE, SimulatedNode
from tests.simulators.manifest_server import Answer, ManifestServer
from tests.unit.trust.sets import key, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from podstead.server.port import FileReport
    from tests.simulators.cri_runtime import SimulatedRuntime

WAIT = 0.4
"""How long the other half of a pair is waited for here."""
HOUR = 3600


class SigningNode(SimulatedNode):
    """A node that enforces signatures, and the operator who signs for it."""

    def __init__(self, root: Path, runtime: SimulatedRuntime) -> None:
        super().__init__(root, runtime)
        self.signers = root / "allowed_signers"
        self.revoked = root / "revoked_keys"
        self.policy = root / "policy.yaml"
        self.objects = root / "objects"
        self.objects.mkdir(mode=0o700)
        self.trust("ops")
        self.mode(SignatureMode.ENFORCE)
        self.settings = replace(
            self.settings, objects=SourceSettings(path=self.objects, absence_seconds=ABSENCE_SECONDS)
        )

    def mode(self, mode: SignatureMode) -> None:
        """Configure a mode for the next start."""
        security = SecuritySettings(
            signature_mode=mode, allowed_signers=self.signers, revoked_keys=self.revoked, policy=self.policy
        )
        self.settings = replace(self.settings, security=security)

    def trust(self, *names: str, by: str = "") -> None:
        """Write the file of allowed signers, signed by a key of those before where there were any."""
        lines = [f"{name}@example.com {key(name).public.text}" for name in names]
        data = "\n".join([*lines, ""]).encode()
        if by:
            self._replace(self.signers.with_name("allowed_signers.sig"), signed(data, by, TRUST))
        self._replace(self.signers, data)

    def revoke(self, name: str) -> None:
        """Revoke a key."""
        self._replace(self.revoked, key(name).public.text.encode() + b"\n")

    @staticmethod
    def _replace(path: Path, data: bytes) -> None:
        hidden = path.with_name(f".{path.name}.new")
        hidden.write_bytes(data)
        hidden.chmod(0o600)
        hidden.rename(path)

    def put(self, name: str, data: bytes) -> None:
        """Put one file into the manifest directory."""
        self._replace(self.directory / name, data)

    def deliver(self, name: str, text: str, by: str = "ops") -> None:
        """Put a manifest and its signature there."""
        self.put(name, text.encode())
        self.put(f"{name}.sig", signed(text.encode(), by))

    def index(
        self,
        version: int,
        texts: Mapping[str, str],
        *,
        by: str = "ops",
        expiry: Expiry = Expiry.SOFT,
        lasts: int = HOUR,
        floor: int = 0,
        objects: Mapping[str, str] | None = None,
        more: Mapping[str, Mapping[str, bytes]] | None = None,
        policy: bytes | None = None,
    ) -> None:
        """Put the signed index of a set there."""
        now = int(self.ground.clock.now().wall)
        others: dict[str, Any] = {
            table: {name: entry_of(data) for name, data in of.items()} for table, of in (more or {}).items()
        }
        made = Index(
            nodes=(NODE,),
            version=version,
            issued=now - HOUR,
            expires=now + lasts,
            expiry=expiry,
            floor=floor,
            files={name: entry_of(text.encode()) for name, text in texts.items()},
            objects={name: entry_of(text.encode()) for name, text in (objects or {}).items()},
            policy=None if policy is None else entry_of(policy),
            **others,
        )
        data = write_index(made)
        self.put(f"{INDEX_FILE}.sig", signed(data, by, INDEX))
        self.put(INDEX_FILE, data)

    def report(self, name: str) -> FileReport | None:
        """Return what is said of a file."""
        board = self.parts.board
        return next((one for one in board.files() if one.path.endswith(f"/{name}")), None)

    async def judged(self, name: str, verdict: str, reason: str = "", seconds: float = 5.0) -> FileReport:
        """Wait for a verdict on a file."""

        def holds() -> bool:
            found = self.report(name)
            return found is not None and (found.verdict, found.reason) == (verdict, reason)

        await self.until(f"{name} is {verdict} {reason}", holds, seconds)
        found = self.report(name)
        assert found is not None
        return found

    async def floor(self, version: int) -> None:
        """Let root give a floor, as `podstead trust init` does."""
        trust = self.ground.stores.trust
        async with trust.changing:
            await trust.put(initialised(trust.record, version))
        assert self.parts.signatures is not None
        self.parts.signatures.on_change()


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SigningNode]:
    """A node that enforces, quick to look at what has changed."""
    monkeypatch.setattr(signatures, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr("podstead.trust.look.WAIT_SECONDS", WAIT)
    monkeypatch.setattr("podstead.trust.standing.WAIT_SECONDS", WAIT)
    assert values.WAIT_SECONDS == 10.0
    made = SigningNode(root, runtime)
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    yield made
    if made.present:
        await made.stop()


# --- detached signatures ---


@pytest.mark.attack("planted-pod", "half-a-pair")
async def test_what_nobody_signed_waits_and_is_refused_while_the_database_serves(node: SigningNode) -> None:
    node.deliver("db.yaml", manifest("db"))
    db = await node.running_pod("db")
    node.put("evil.yaml", manifest("evil").encode())

    await node.judged("evil.yaml", "Pending", "SignatureMissing")
    found = await node.judged("evil.yaml", "Rejected", "SignatureMissing")

    assert "podstead sign" in found.messages[0].message
    assert node.pod("evil") is None
    assert await node.running_pod("db") is db
    provenance = next(iter(node.session("db").revisions.values())).provenance
    assert provenance is not None
    assert (provenance.warrant, provenance.principals) == (Warrant.SIGNATURE, "ops@example.com")


@pytest.mark.parametrize("first", ["web.yaml", "web.yaml.sig"])
async def test_a_pair_is_taken_in_whatever_order_it_comes(node: SigningNode, first: str) -> None:
    node.deliver("web.yaml", manifest("web"))
    before = await node.running_pod("web")
    text = manifest("web", image=OTHER_IMAGE).encode()
    pair = {"web.yaml": text, "web.yaml.sig": signed(text)}

    node.put(first, pair[first])
    await node.judged("web.yaml", "Pending", "SignatureWrong")
    assert node.alive("web") == [before]
    for name, data in pair.items():
        node.put(name, data)

    after = await node.another("web", before)
    pod = node.pod("web")
    assert after is not before
    assert pod is not None
    assert pod.spec.containers[0].image == OTHER_IMAGE


@pytest.mark.attack("edited-image")
async def test_an_edit_that_nobody_signed_changes_nothing(node: SigningNode) -> None:
    node.deliver("web.yaml", manifest("web"))
    before = await node.running_pod("web")

    node.put("web.yaml", manifest("web", image=OTHER_IMAGE).encode())

    await node.judged("web.yaml", "Rejected", "SignatureWrong")
    assert node.alive("web") == [before]


@pytest.mark.attack("untrusted-key")
async def test_a_revoked_key_lets_nothing_in_and_ends_nothing(node: SigningNode) -> None:
    node.trust("ops", "dev", by="ops")
    node.deliver("web.yaml", manifest("web"), by="dev")
    before = await node.running_pod("web")

    node.revoke("dev")
    node.deliver("more.yaml", manifest("more"), by="dev")

    await node.judged("more.yaml", "Rejected", "KeyRevoked")
    await node.judged("web.yaml", "Rejected", "KeyRevoked")
    assert node.alive("web") == [before]
    provenance = next(iter(node.session("web").revisions.values())).provenance
    assert provenance is not None
    assert node.parts.gates.warrants is not None
    assert "revoked" in node.parts.gates.warrants.withdrawn(provenance)


async def test_revoked_keys_stay_revoked_when_their_file_is_gone(node: SigningNode) -> None:
    node.trust("ops", "dev", by="ops")
    node.revoke("dev")
    node.deliver("web.yaml", manifest("web"), by="dev")
    await node.judged("web.yaml", "Rejected", "KeyRevoked")

    node.revoked.unlink()
    await node.stop()
    await node.start()

    await node.judged("web.yaml", "Rejected", "KeyRevoked")
    await node.until("it is said", lambda: any("stay so" in text for text in node.events("TrustStoreImpaired")))


async def test_a_damaged_file_of_signers_keeps_the_last_good_one(node: SigningNode) -> None:
    node.signers.write_text("nonsense\n")
    await node.until("it is said", lambda: node.events("TrustStoreImpaired"))

    node.deliver("web.yaml", manifest("web"))

    await node.running_pod("web")


@pytest.mark.attack("lowered-mode")
async def test_other_signers_that_no_old_key_signed_do_not_count(node: SigningNode) -> None:
    node.trust("mallory")
    await node.until("it is said", lambda: node.events("TrustStoreImpaired"))
    node.deliver("evil.yaml", manifest("evil"), by="mallory")

    await node.judged("evil.yaml", "Rejected", "KeyUnknown")


@pytest.mark.attack("lowered-mode", "untrusted-key")
@pytest.mark.parametrize("change", ["removed", "written"])
async def test_signers_that_are_taken_from_the_state_make_nobody_the_first(node: SigningNode, change: str) -> None:
    node.deliver("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    await node.stop()
    kept, good = node.settings.paths.state / "trust" / "allowed_signers", node.signers.read_bytes()
    kept.unlink()
    node.trust("mallory")
    if change == "written":
        kept.write_bytes(node.signers.read_bytes())
    await node.start()
    node.deliver("evil.yaml", manifest("evil"), by="mallory")
    node.deliver("more.yaml", manifest("more"))

    await node.judged("evil.yaml", "Rejected", "SignersMissing")
    await node.judged("more.yaml", "Rejected", "SignersMissing")
    await node.until("it is said", lambda: node.events("TrustStoreImpaired"))
    (said,) = node.events("TrustStoreImpaired")
    assert "trust rotate FILE" in said
    assert node.alive("web") == [web], "what ran runs on"

    await node.parts.trust.rotate_signers(good, b"")
    more = await node.running_pod("more")
    await node.judged("evil.yaml", "Rejected", "KeyUnknown")
    assert (node.alive("web"), node.alive("more")) == ([web], [more])
    assert kept.read_bytes() == node.signers.read_bytes() == good


@pytest.mark.attack("lowered-mode")
@pytest.mark.parametrize(
    ("record", "signers"),
    [(b"{}", b"nonsense\n"), (b"\0" * 64, b"\0" * 64), (b"", b""), (b"{}", None), (None, None)],
    ids=["garbage", "zeros", "empty", "taken", "both taken"],
)
async def test_a_lost_record_beside_lost_signers_stops_no_agent_and_makes_nobody_the_first(
    node: SigningNode, record: bytes | None, signers: bytes | None
) -> None:
    node.deliver("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    await node.stop()
    trust, good = node.settings.paths.state / "trust", node.signers.read_bytes()
    for name, data in (("record.json", record), ("allowed_signers", signers)):
        (trust / name).unlink()
        if data is not None:
            (trust / name).write_bytes(data)
    node.trust("mallory")
    await node.start()
    node.deliver("evil.yaml", manifest("evil"), by="mallory")
    node.deliver("more.yaml", manifest("more"))

    await node.judged("evil.yaml", "Rejected", "SignersMissing")
    await node.judged("more.yaml", "Rejected", "SignersMissing")
    await node.until("it is said", lambda: node.events("TrustStoreImpaired"))
    assert "trust rotate FILE --reason TEXT" in node.events("TrustStoreImpaired")[0]
    notes = " ".join(node.parts.trust.trust().notes)
    assert "trust init" in notes
    assert "trust rotate FILE --reason TEXT" in notes
    assert any("record.json" in text for text in node.ground.stores.corrupt)
    node.runtime.exit_container(web.id, 1)
    again = await node.another("web", web)

    with pytest.raises(OperatorError, match="trust them with --reason TEXT"):
        await node.parts.trust.rotate_signers(good, b"")
    await node.parts.trust.rotate_signers(good, b"", "the disk was repaired")
    await node.judged("evil.yaml", "Rejected", "IndexMissing")
    node.index(1, {"web.yaml": manifest("web"), "more.yaml": manifest("more")})
    await node.judged("more.yaml", "Rejected", "IndexWithoutRecord")
    await node.parts.trust.set_floor(1)
    more = await node.running_pod("more")
    assert (node.alive("web"), node.alive("more")) == ([again], [more])


@pytest.mark.attack("lowered-mode")
async def test_a_lower_mode_than_the_last_waits_for_roots_word(node: SigningNode) -> None:
    await node.stop()
    node.mode(SignatureMode.OFF)
    await node.start()
    node.put("evil.yaml", manifest("evil").encode())

    await node.judged("evil.yaml", "Rejected", "SignatureMissing")
    await node.until("it is said", lambda: node.events("SignatureModeHeld"))


async def test_in_warn_everything_runs_and_is_warned_of(root: Path, runtime: SimulatedRuntime) -> None:
    made = SigningNode(root, runtime)
    made.mode(SignatureMode.WARN)
    await made.start()
    try:
        made.put("web.yaml", manifest("web").encode())
        await made.running_pod("web")
        found = await made.judged("web.yaml", "Accepted")
        assert "enforce would refuse it" in found.messages[0].message
    finally:
        await made.stop()


async def test_off_imports_nothing_and_asks_nobody(root: Path, runtime: SimulatedRuntime) -> None:
    made = SigningNode(root, runtime)
    made.mode(SignatureMode.OFF)
    await made.start()
    try:
        made.put("web.yaml", manifest("web").encode())
        await made.running_pod("web")
        assert made.parts.signatures is None
        assert next(iter(made.session("web").revisions.values())).provenance is None
    finally:
        await made.stop()


# --- the index ---


async def test_an_index_counts_from_the_floor_that_root_gives_and_shows_on_the_pod(node: SigningNode) -> None:
    web = {"web.yaml": manifest("web")}
    node.put("web.yaml", web["web.yaml"].encode())
    node.index(3, web)
    found = await node.judged("web.yaml", "Rejected", "IndexWithoutRecord")
    assert "version 3, may be any old one" in found.messages[0].message

    await node.floor(3)

    await node.running_pod("web")
    pod = node.pod("web")
    assert pod is not None
    assert pod.metadata.annotations["podstead.io/signed-by"].startswith("ops@example.com (index 3, SHA256:")


async def indexed(node: SigningNode, **more: str) -> dict[str, str]:
    """Bring a set of a database and more into force."""
    texts = {"db.yaml": manifest("db"), **more}
    for name, text in texts.items():
        node.put(name, text.encode())
    node.index(1, texts)
    await node.floor(1)
    await node.running_pod("db")
    return texts


@pytest.mark.attack("removed-file")
async def test_a_listed_file_that_is_removed_keeps_its_pod_and_is_an_alarm(node: SigningNode) -> None:
    await indexed(node)
    db = await node.running_pod("db")

    node.remove("db.yaml")

    await node.judged("db.yaml", "Rejected", "ListedFileMissing")
    await node.until("it is said", lambda: node.events("ListedFileMissing"))
    assert node.alive("db") == [db]


async def test_a_pod_goes_with_its_file_once_an_index_without_it_is_there(node: SigningNode) -> None:
    texts = await indexed(node, **{"web.yaml": manifest("web")})
    await node.running_pod("web")

    node.remove("web.yaml")
    await node.judged("web.yaml", "Pending", "ListedFileMissing")
    node.index(2, {"db.yaml": texts["db.yaml"]})

    await node.gone("web")
    await node.running_pod("db")


@pytest.mark.attack("deleted-index", "replay")
async def test_an_older_set_and_a_deleted_index_change_nothing(node: SigningNode) -> None:
    await indexed(node)
    old = {name: (node.directory / name).read_bytes() for name in ("db.yaml", INDEX_FILE, f"{INDEX_FILE}.sig")}
    newer = {"db.yaml": manifest("db", image=OTHER_IMAGE)}
    first = await node.running_pod("db")
    node.put("db.yaml", newer["db.yaml"].encode())
    node.index(2, newer)
    db = await node.another("db", first)

    for name, data in old.items():
        node.put(name, data)
    await node.judged("db.yaml", "Rejected", "DigestMismatch")
    await node.until("it is said", lambda: node.events("IndexOlder"))
    node.remove(INDEX_FILE)
    node.put("db.yaml.sig", signed(old["db.yaml"]))
    await node.until("it is said", lambda: node.events("IndexMissing"))

    await node.judged("db.yaml", "Rejected", "DigestMismatch")
    assert node.alive("db") == [db]


@pytest.mark.attack("freeze", "clock-back")
async def test_after_expiry_and_a_restart_what_ran_counts_on_and_nothing_new_does(node: SigningNode) -> None:
    texts = await indexed(node)
    db = await node.running_pod("db")
    node.index(2, {**texts, "late.yaml": manifest("late")}, lasts=2)
    await node.until("it expires", lambda: node.events("IndexExpired"), 10.0)

    node.put("late.yaml", manifest("late").encode())
    await node.stop()
    await node.start()

    await node.judged("late.yaml", "Rejected", "IndexExpired")
    found = await node.judged("db.yaml", "Accepted")
    assert "expired" in found.messages[0].message
    assert node.alive("db") == [db]
    signatures_now = node.parts.signatures
    assert signatures_now is not None
    assert signatures_now.summary.startswith("enforce, 1 allowed signer, index 2 expired at ")


@pytest.mark.attack("full-disk")
async def test_an_index_that_cannot_be_recorded_lets_nothing_in(
    node: SigningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await indexed(node)
    db = await node.running_pod("db")
    real = files.write_many

    def full(batch: tuple[files.Write, ...], then: tuple[files.Write, ...] = ()) -> None:
        if any(write.path.parent.name == "trust" for write in batch):
            raise StoreError("write", batch[0].path, "No space left on device")
        real(batch, then)

    monkeypatch.setattr(files, "write_many", full)
    newer = {"db.yaml": manifest("db", image=OTHER_IMAGE)}
    node.put("db.yaml", newer["db.yaml"].encode())
    node.index(2, newer)
    await node.until("it is said", lambda: node.events("TrustRecordNotWritten"))
    assert node.alive("db") == [db]

    monkeypatch.setattr(files, "write_many", real)

    await node.another("db", db)
    assert issubclass(StoreError, PodsteadError)


async def test_objects_stand_under_the_index_that_lies_beside_the_manifests(node: SigningNode) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": "s3cret"}}
    text, other = json.dumps(secret), json.dumps({**secret, "stringData": {"password": "0ther"}})
    reference = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    node._replace(node.objects / "db.json", text.encode())
    texts = {"db.yaml": manifest("db", container={"env": [reference]}, image=IMAGE)}
    node.put("db.yaml", texts["db.yaml"].encode())
    node.index(1, texts, objects={"db.json": text})
    await node.floor(1)
    await node.running_pod("db", 10.0)

    node._replace(node.objects / "db.json", other.encode())

    def refused() -> bool:
        return any(one.reason == "DigestMismatch" for one in node.parts.objects.board.files())

    await node.until("the other content is refused", refused)
    held = node.parts.objects.present.held
    (one,) = held.values()
    assert base64.b64encode(b"0ther") not in repr(one.object).encode()
    assert [one.object.data["password"]] == [b"s3cret"]


async def test_a_file_of_the_node_restarts_what_runs_only_with_the_content_that_is_listed(
    node: SigningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "PAUSE_SECONDS", 0.0)
    path = node.directory.parent / "my.cnf"
    SigningNode._replace(path, b"max_connections = 10\n")
    asks = {"podstead.io/config-files": str(path), "podstead.io/restart-on-change": "true"}
    texts = {"db.yaml": manifest("db", metadata={"annotations": asks})}
    node.put("db.yaml", texts["db.yaml"].encode())
    node.index(1, texts, more={"host_files": {str(path): path.read_bytes()}})
    await node.floor(1)
    db = await node.running_pod("db")
    await node.until("the file is known", lambda: node.parts.objects.signed.digest(str(path)))

    SigningNode._replace(path, b"init_file = /tmp/evil.sql\n")
    await node.until("it is said", lambda: node.events("HostFileRefused"))
    assert node.alive("db") == [db]

    SigningNode._replace(path, b"max_connections = 20\n")
    node.index(2, texts, more={"host_files": {str(path): path.read_bytes()}})
    await node.another("db", db)


async def test_a_seccomp_profile_that_is_not_the_signed_one_starts_nothing(node: SigningNode) -> None:
    profile = b'{"defaultAction": "SCMP_ACT_ERRNO"}'
    directory = node.settings.paths.root / "seccomp"
    directory.mkdir(mode=0o755, parents=True)
    SigningNode._replace(directory / "db.json", b'{"defaultAction": "SCMP_ACT_ALLOW"}')
    security = {"seccompProfile": {"type": "Localhost", "localhostProfile": "db.json"}}
    texts = {"db.yaml": manifest("db", container={"securityContext": security})}
    node.put("db.yaml", texts["db.yaml"].encode())
    node.index(1, texts, more={"profiles": {"db.json": profile}})
    await node.floor(1)
    await node.until("it does not start", lambda: node.waiting("db") == "CreateContainerConfigError", 10.0)
    assert not node.alive("db")

    SigningNode._replace(directory / "db.json", profile)

    await node.running_pod("db", 30.0)


async def test_only_the_policy_that_the_index_lists_comes_into_force(node: SigningNode) -> None:
    signed_one = b"apiVersion: podstead.io/v1\nkind: NodePolicy\npodSecurity: {level: privileged}\n"
    policing, texts = node.parts.gates.policing, {"db.yaml": manifest("db")}
    assert policing is not None
    node.put("db.yaml", texts["db.yaml"].encode())
    node.index(1, texts, policy=signed_one)
    await node.floor(1)
    await node.judged("db.yaml", "Rejected", "PolicyViolation")  # the index lists a policy, and there is none

    SigningNode._replace(node.policy, signed_one)
    db = await node.running_pod("db", 30.0)

    SigningNode._replace(node.policy, signed_one + b"# changed on the node\n")
    await node.until("it is said", lambda: "the signed index lists" in (policing.keeper.in_force.problem or ""), 30.0)
    assert policing.keeper.in_force.data == signed_one
    assert node.alive("db") == [db]

    node.index(2, texts, policy=node.policy.read_bytes())
    await node.until("it is taken", lambda: policing.keeper.in_force.data == node.policy.read_bytes(), 30.0)
    assert node.alive("db") == [db]


async def test_the_node_says_how_it_goes_by_signatures(node: SigningNode) -> None:
    await indexed(node)
    signatures_now = node.parts.signatures
    assert signatures_now is not None

    assert signatures_now.summary.startswith("enforce, 1 allowed signer, index 1 until ")


async def test_root_is_told_before_anything_is_written_that_nobody_signed(node: SigningNode) -> None:
    texts = await indexed(node, **{"web.yaml": manifest("web")})

    with pytest.raises(OperatorError, match="does not list this manifest"):
        await node.root.apply(manifest("more").encode(), dry_run=False)
    with pytest.raises(OperatorError, match=r"the signed index lists db\.yaml"):
        await node.root.delete(node.session("db").key)
    assert not (node.directory / "more.yaml").exists()
    assert (node.directory / "db.yaml").read_text() == texts["db.yaml"]
    node.remove("web.yaml")
    await node.judged("web.yaml", "Rejected", "ListedFileMissing")

    await node.root.apply(texts["web.yaml"].encode(), dry_run=False)  # what is signed may come by this way too

    await node.judged("web.yaml", "Accepted")


async def test_the_body_of_a_url_counts_by_the_index_alone(root: Path, runtime: SimulatedRuntime) -> None:
    with ManifestServer() as server:
        body = pod_list("web")
        server.answer = Answer(body=body)
        made = SigningNode(root, runtime)
        url = UrlSettings(url=f"{server.url()}?token=s3cret", shown=server.url(), check_seconds=0.05)
        made.settings = replace(made.settings, url=url)
        await made.start()
        try:
            await made.until("it is refused", lambda: url_verdict(made, server) == "Rejected SignatureMissing", 20.0)
            texts = {"db.yaml": manifest("db")}
            made.put("db.yaml", texts["db.yaml"].encode())
            made.index(1, texts, more={"urls": {server.url(): body}})
            await made.floor(1)
            web = await made.running_pod("web")

            server.answer = Answer(body=pod_list())  # an empty list would remove the pod, and nobody signed it
            await made.until("it is refused", lambda: url_verdict(made, server) == "Rejected DigestMismatch", 20.0)

            assert made.alive("web") == [web]
        finally:
            await made.stop()


def pod_list(*names: str) -> bytes:
    """Return a PodList."""
    return json.dumps(
        {"apiVersion": "v1", "kind": "PodList", "items": [json.loads(manifest(n)) for n in names]}
    ).encode()


def url_verdict(node: SigningNode, server: ManifestServer) -> str:
    """Return the verdict on the URL, with its reason."""
    found = {report.path: report for report in node.parts.board.files()}.get(server.url())
    return f"{found.verdict} {found.reason}".strip() if found is not None else ""


@pytest.mark.attack("lowered-mode")
async def test_roots_word_lowers_the_mode_of_an_agent_that_runs(node: SigningNode) -> None:
    await node.stop()
    node.mode(SignatureMode.WARN)
    await node.start()
    node.put("web.yaml", manifest("web").encode())
    await node.judged("web.yaml", "Rejected", "SignatureMissing")

    await node.parts.trust.lower_mode("warn", "moving to another key")

    await node.running_pod("web")
    await node.stop()
    await node.start()
    assert node.parts.signatures is not None
    assert node.parts.signatures.mode is SignatureMode.WARN
