"""The guard as a program: what a kubelet's directory holds is what was verified and allowed, whatever anybody does."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from podstead.clock import SystemClock
from podstead.publication.pause import pause_from
from podstead.signing.index import INDEX_FILE, Index, entry_of, write_index
from podstead.signing.provenance import INDEX, MANIFEST
from tests.support.canary import CANARY, HOSTILE, leaks
from tests.support.inspected import pod
from tests.unit.trust.sets import key, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MARKER = ".podstead-guard"
WEB, OTHER, EDITED = pod("web"), pod("other"), pod("web", image="registry.example/web:2")


class GuardUnderTest:
    """One guard with its directories. Files appear whole and of root's alone, as a good delivery makes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source, self.publish, self.state = root / "source", root / "publish", root / "state"
        self.source.mkdir(mode=0o700)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = root / "log"

    def start(self, *more: str, watch: bool = False) -> None:
        places = (
            ("--watch", str(self.source)) if watch else ("--source", str(self.source), "--publish", str(self.publish))
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *places, "--state-dir", self.state, "--node-name=n", *more], stderr=log
            )
        self.says("the guard ")

    @property
    def command(self) -> list[str]:
        return [*self.podstead, "guard"]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def run(self, *words: str, code: int = 0, state: Path | None = None) -> str:
        """Run `podstead guard` on the guard's state, or another one."""
        return self._done([*self.command, *words], state, code)

    @property
    def podstead(self) -> list[str]:
        return [sys.executable, "-m", "podstead"]

    def trust(self, *words: str, code: int = 0, state: Path | None = None) -> str:
        """Run `podstead trust` on the guard's state."""
        return self._done([*self.podstead, "trust", *words], state, code)

    def _done(self, command: list[str], state: Path | None, code: int) -> str:
        words = [*command, "--state-dir", str(state or self.state)]
        done = subprocess.run(words, check=False, capture_output=True, timeout=20)
        assert done.returncode == code, done.stderr.decode()
        return done.stdout.decode() + done.stderr.decode()

    def put(self, name: str, text: str | bytes, *, by: str = "", purpose: str = MANIFEST) -> None:
        data = text.encode() if isinstance(text, str) else text
        for path, content in (
            (self.source / f"{name}.sig", signed(data, by, purpose) if by else b""),
            (self.source / name, data),
        ):
            if content:
                new = path.with_name(f".{path.name}.new")
                new.write_bytes(content)
                new.chmod(0o600)
                new.rename(path)

    def published(self) -> dict[str, str]:
        names = [path for path in self.publish.iterdir() if path.name != MARKER and not path.name.endswith(".new")]
        return {path.name: path.read_text() for path in sorted(names)}

    def publishes(self, **wanted: str) -> None:
        """Wait until these are published, and nothing else; names are without their suffix."""
        expected = {f"{name}.yaml": text for name, text in wanted.items()}
        until(
            lambda: self.publish.is_dir() and self.published() == expected, lambda: f"{expected} != {self.published()}"
        )

    def says(self, text: str, times: int = 1) -> None:
        until(lambda: self.log.exists() and self.log.read_text().count(text) >= times, self.log.read_text)

    def status(self, code: int = 0) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("status", "-ojson", code=code))
        return shown


def until(holds: Callable[[], bool], told: Callable[[], str], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


def self_inspection(directory: Path) -> list[str]:
    return [sys.executable, "-m", "podstead", "inspect", "-ojson", "--dir", str(directory)]


@pytest.fixture
def guard(root: Path) -> Iterator[GuardUnderTest]:
    made = GuardUnderTest(root)
    yield made
    made.kill()


@pytest.fixture
def signing(guard: GuardUnderTest) -> GuardUnderTest:
    """A guard that takes what ops signed."""
    (guard.root / "signers").write_text(f"ops@example.com {key('ops').public.text}\n")
    guard.put("web.yaml", WEB, by="ops")
    guard.start("--allowed-signers", str(guard.root / "signers"), "--signature-mode=enforce")
    guard.publishes(web=WEB)
    return guard


def test_root_gives_a_guard_its_word_about_trust(signing: GuardUnderTest) -> None:
    """An index counts from the version on that root names; signers that are lost with their record count when root says so."""
    signed_for = ("--allowed-signers", str(signing.root / "signers"), "--signature-mode=enforce")
    now = int(SystemClock().now().wall)
    index = write_index(
        Index(
            nodes=("n",),
            version=3,
            issued=now - 60,
            expires=now + 3600,
            files={"web.yaml": entry_of(EDITED.encode())},
        )
    )
    signing.put("web.yaml", EDITED)
    signing.put(INDEX_FILE, index, by="ops", purpose=INDEX)
    signing.says(
        f"podstead trust --state-dir {signing.state} init --floor VERSION (stop the guard before, and start it after)"
    )
    assert "pid" in signing.trust("init", "--floor=3", code=1)
    assert "ops@example.com" in signing.trust("show"), "a guard that works may be asked"
    signing.kill()
    (signing.state / "trust" / "record.json").write_bytes(b"")
    (signing.state / "trust" / "allowed_signers").write_bytes(b"\0" * 64)
    signing.start(*signed_for)
    reaches = f"podstead trust --state-dir {signing.state} --allowed-signers {signing.root / 'signers'} rotate FILE --reason TEXT"
    signing.says(reaches)
    signing.kill()
    assert signing.trust("init", "--floor=3") == "indexes count from version 3 on\n"
    named = f"--allowed-signers={signing.root / 'signers'}"
    assert "other allowed signers take the place" in signing.trust(
        "rotate", str(signing.root / "signers"), "--reason=the disk was repaired", named
    )
    signing.start(*signed_for)
    signing.publishes(web=EDITED)
    logged = subprocess.run(
        [*signing.podstead, "audit", f"--root-dir={signing.state}"], check=True, capture_output=True, timeout=20
    )
    assert b"the disk was repaired" in logged.stdout
    assert "no guard has worked" in signing.trust("show", code=1, state=signing.root)


def test_root_accepts_another_source(guard: GuardUnderTest) -> None:
    """What a guard advises about a source that was replaced is a command that reaches it, and that it obeys."""
    guard.put("web.yaml", WEB)
    guard.put("other.yaml", OTHER)
    guard.start()
    guard.publishes(web=WEB, other=OTHER)
    guard.source.rename(guard.root / "before")
    guard.source.mkdir(mode=0o700)
    guard.put("web.yaml", EDITED)
    guard.says(advised := f"podstead guard accept-directory --state-dir {guard.state}")
    assert guard.published() == {"web.yaml": WEB, "other.yaml": OTHER}
    subprocess.run([*guard.podstead, *shlex.split(advised)[1:]], check=True, capture_output=True, timeout=20)
    guard.publishes(web=EDITED)
    guard.kill()
    assert "start it first" in guard.run("accept-directory", code=1)


def test_two_guards_do_not_share_a_state(signing: GuardUnderTest) -> None:
    other = signing.root / "other"
    refused = signing.run(
        "--source", str(signing.source), "--publish", str(other), "--allow-insecure-manifests", code=1
    )
    assert "another guard works with the state directory" in refused
    assert not other.exists()


def test_files_come_change_and_go(guard: GuardUnderTest) -> None:
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    assert guard.publish.stat().st_mode & 0o7777 == 0o700
    assert (guard.publish / "web.yaml").stat().st_mode & 0o7777 == 0o600
    guard.put("other.yaml", OTHER)
    guard.put("web.yaml", EDITED)
    guard.publishes(web=EDITED, other=OTHER)
    (guard.source / "other.yaml").unlink()
    guard.publishes(web=EDITED)
    inspected = subprocess.run(
        [*self_inspection(guard.publish), "--fail-on=low"], check=False, capture_output=True, timeout=20
    )
    findings = json.loads(inspected.stdout)["findings"]
    assert [one["id"] for one in findings if one["where"].startswith(f"{guard.publish}/")] == ["image-without-digest"]
    (file,) = guard.status()["files"]
    assert (file["name"], file["verdict"], file["pod"]) == ("web.yaml", "Accepted", "kube-system/web-n")


@pytest.mark.attack("reads-differently")
def test_what_reads_differently_is_not_published(guard: GuardUnderTest) -> None:
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    for number, (text, why) in enumerate(
        (
            (WEB + "    image: registry.example/evil:1\n", "ReadsDifferently"),
            (WEB + "---\n" + OTHER, "ReadsDifferently"),
            (WEB + "    newFieldOfTheNextVersion: true\n", "ReadsDifferently"),
            (
                WEB.replace("namespace:", "annotations: {kubernetes.io/config.mirror: x}, namespace:"),
                "ReadsDifferently",
            ),
            ("kind: Deployment\napiVersion: apps/v1\n", "KubeletWouldReject"),
            ("a: [\n", "KubeletWouldReject"),
            ("[" * 200, "KubeletWouldReject"),
        ),
        1,
    ):
        guard.put("web.yaml", text)
        guard.says("web.yaml: refused", times=number)
        assert guard.log.read_text().splitlines()[-1].count(f"{why}: web.yaml: refused") == 1
        assert guard.published() == {"web.yaml": WEB}, "the last good content stays"
    assert guard.log.read_text().count("what was published before stays") == 7


@pytest.mark.attack("planted-pod", "edited-image", "untrusted-key")
def test_only_what_was_signed_is_published(signing: GuardUnderTest) -> None:
    signing.put("evil.yaml", pod("evil", more="  hostPID: true\n"))
    signing.put("stranger.yaml", OTHER, by="stranger")
    signing.put("web.yaml", EDITED)  # its signature is that of the content before
    signing.says("stranger.yaml: refused")
    signing.says("web.yaml: refused")
    assert signing.published() == {"web.yaml": WEB}
    signing.put("web.yaml", EDITED, by="ops")
    signing.publishes(web=EDITED)
    assert "evil.yaml" not in signing.published()


@pytest.mark.attack("planted-behind-guard")
def test_what_is_planted_in_the_published_directory_goes(guard: GuardUnderTest) -> None:
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    (guard.publish / "evil.yaml").write_text(OTHER)
    (guard.publish / "evil.bak").symlink_to("/etc/passwd")
    (guard.publish / "web.yaml").write_text(EDITED)
    guard.publishes(web=WEB)
    (guard.publish / "web.yaml").unlink()
    guard.says("PublishedFileRemoved")
    guard.publishes(web=WEB)
    guard.publish.chmod(0o777)
    guard.says("PublishDirectoryOpened")
    assert guard.publish.stat().st_mode & 0o7777 == 0o700
    assert {one["reason"] for one in guard.status()["alarms"]} == {
        "ForeignFile", "PublishedFileChanged", "PublishedFileRemoved", "PublishDirectoryOpened",
    }  # fmt: skip
    kept = {path.read_text() for path in (guard.state / "guard" / "taken-out").iterdir()}
    assert kept == {OTHER, EDITED}, "what was written is kept for whoever looks into it; where a link led is not"


@pytest.mark.attack("planted-behind-guard")
def test_with_the_guard_dead_nothing_new_runs(guard: GuardUnderTest) -> None:
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    guard.kill()
    guard.put("other.yaml", OTHER)
    (guard.publish / "evil.yaml").write_text(OTHER)
    (guard.publish / ".0123.new").write_text("half written")
    time.sleep(1)
    assert guard.published() == {"web.yaml": WEB, "evil.yaml": OTHER}
    guard.put("web.yaml", "a: [\n")
    guard.start()
    guard.publishes(web=WEB, other=OTHER)
    assert not (guard.publish / ".0123.new").exists()
    guard.kill()
    (guard.source / "other.yaml").unlink()
    guard.start()
    guard.publishes(web=WEB)


@pytest.mark.attack("bind-mount", "planted-behind-guard")
def test_another_directory_in_the_place_of_the_published_one(guard: GuardUnderTest) -> None:
    """Nothing is written into a directory that somebody puts there, and nothing is taken out of it."""
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    guard.publish.rename(guard.root / "moved")
    guard.publish.mkdir()
    (guard.publish / "evil.yaml").write_text(OTHER)
    guard.says("PublishDirectorySwapped")
    guard.put("other.yaml", pod("third"))
    guard.says("other.yaml: accepted")
    time.sleep(0.5)
    assert guard.published() == {"evil.yaml": OTHER}
    assert "another directory" in guard.status(code=1)["degraded"]
    (guard.publish / "evil.yaml").unlink()
    guard.publish.rmdir()
    (guard.root / "moved").rename(guard.publish)
    guard.says("PublishDirectorySwapped: this is over")
    guard.publishes(web=WEB, other=pod("third"))


@pytest.mark.attack("mounted-directory")
def test_no_pod_reaches_what_decides_which_pods_run(guard: GuardUnderTest) -> None:
    guard.start()
    for number, path in enumerate(
        (guard.publish, guard.source, guard.root, guard.state, "/run/containerd/containerd.sock")
    ):
        mount = f"  volumes: [{{name: v, hostPath: {{path: {path}}}}}]\n"
        guard.put(f"p{number}.yaml", pod(f"p{number}", more=mount) + "    volumeMounts: [{name: v, mountPath: /x}]\n")
        guard.says(f"p{number}.yaml: refused")
    assert guard.published() == {}


def test_a_policy_decides(guard: GuardUnderTest) -> None:
    policy = guard.root / "policy.yaml"
    policy.write_text(
        "apiVersion: podstead.io/v1\nkind: NodePolicy\nname: node\npodSecurity: {level: baseline, version: v1.37}\n"
    )
    guard.put("web.yaml", WEB)
    guard.put("host.yaml", pod("host", more="  hostNetwork: true\n"))
    guard.start("--policy", str(policy))
    guard.says("PolicyViolation: host.yaml: refused")
    guard.publishes(web=WEB)
    policy.write_text("apiVersion: podstead.io/v1\nkind: NodePolicy\nname: node\nlevel: none\n")
    guard.kill()
    told = guard.run("--source", str(guard.source), "--publish", str(guard.publish), "--policy", str(policy), code=1)
    assert "cannot use the policy" in told


def test_a_pause_lets_an_upgrade_through_and_ends(signing: GuardUnderTest) -> None:
    assert "paused for 20s" in signing.run("pause", "--for=20s", "--reason=kubeadm upgrade")
    signing.says("GuardPaused: paused: kubeadm upgrade")
    signing.put("web.yaml", EDITED)
    signing.publishes(web=EDITED)
    signing.put("other.yaml", OTHER + "    image: registry.example/evil:1\n")
    signing.says("ReadsDifferently: other.yaml")
    assert signing.status(code=1)["paused"] == "kubeadm upgrade"
    signing.run("resume")
    signing.says("GuardResumed")
    signing.says("web.yaml: refused")
    assert signing.published() == {"web.yaml": EDITED}, "what was let through stays"
    signing.put("web.yaml", pod("web", image="registry.example/web:3"))
    time.sleep(1.5)
    assert signing.published() == {"web.yaml": EDITED}
    for words, said in (
        (("--for=48h", "--reason=x"), "at most a day"),
        (("--for=1h",), "say why"),
        ((), "say for how long"),
    ):
        assert said in signing.run("pause", *words, code=2)


def test_a_watch_only_tells(guard: GuardUnderTest) -> None:
    """Beside an unchanged kubelet directory nothing is ever moved: that would end the pod that shares its name."""
    guard.put("web.yaml", WEB)
    guard.put("web.yaml.bak", WEB)
    guard.start(watch=True)
    guard.says("web.yaml: accepted")
    guard.says("BackupFile: web.yaml.bak")
    guard.put("evil.yaml", OTHER + "    image: registry.example/evil:1\n")
    guard.says("ReadsDifferently: evil.yaml")
    guard.put("web.yaml", EDITED)
    guard.says("ManifestChanged: web.yaml")
    (guard.source / "evil.yaml").unlink()
    guard.says("ManifestGone: evil.yaml")
    assert sorted(path.name for path in guard.source.iterdir()) == ["web.yaml", "web.yaml.bak"]
    assert (guard.source / "web.yaml").read_text() == EDITED
    assert not guard.publish.exists()


def test_a_directory_of_somebody_else_is_not_taken(guard: GuardUnderTest) -> None:
    places = ("--source", str(guard.source), "--publish", str(guard.publish))
    guard.publish.mkdir(mode=0o700)
    guard.put("web.yaml", WEB)
    (guard.publish / "web.yaml").write_text(WEB)
    (guard.publish / "web.yaml").chmod(0o600)
    (guard.publish / "old.yaml").write_text(OTHER)
    assert "holds files that are not the guard's" in guard.run(*places, code=1)
    assert guard.published() == {"web.yaml": WEB, "old.yaml": OTHER}
    before = (guard.publish / "web.yaml").stat().st_ino
    guard.start("--take-over")
    guard.publishes(web=WEB)
    assert (guard.publish / "web.yaml").stat().st_ino == before, "what the source has too is not written again"
    assert "another guard publishes" in guard.run(*places, code=1, state=guard.root / "other")
    guard.kill()
    assert "cannot lie in one another" in guard.run(
        "--source", str(guard.source), "--publish", str(guard.source / "p"), code=1
    )


def test_a_lost_record_is_not_guessed(guard: GuardUnderTest) -> None:
    guard.put("web.yaml", WEB)
    guard.start()
    guard.publishes(web=WEB)
    guard.kill()
    (guard.state / "guard" / "record.json").write_text("{")
    told = guard.run("--source", str(guard.source), "--publish", str(guard.publish), code=1)
    assert "before this one's state was lost" in told
    assert guard.published() == {"web.yaml": WEB}, "the pods run on"
    guard.start("--take-over")
    guard.publishes(web=WEB)


@pytest.mark.attack("hostile-strings")
def test_hostile_strings_and_a_secret(guard: GuardUnderTest) -> None:
    name = HOSTILE.replace("/", "-")
    secret = f"    env: [{{name: A, value: {CANARY}}}]\n"
    guard.start()
    guard.put(f"{name}.yaml", pod("web") + secret)
    guard.put("odd.yaml", pod("odd", namespace=json.dumps(HOSTILE)) + secret)
    (guard.publish / name).write_text(CANARY)
    guard.says("ForeignFile")
    guard.says("odd.yaml: refused")
    guard.says(": accepted")
    until(lambda: len(guard.status(code=1)["files"]) == 2, guard.log.read_text)
    outputs = [guard.log.read_text(), *(guard.run("status", *form, code=1) for form in ((), ("-ojson",), ("-oyaml",)))]
    assert [leaks(output) for output in outputs if leaks(output)] == []


def test_a_unit(guard: GuardUnderTest) -> None:
    places = ("--source=/srv/manifests", "--publish=/etc/kubernetes/manifests", "--signature-mode=enforce")
    text = guard.run("unit", *places)
    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert start.split()[1] == "guard"
    assert set(start.split()[2:]) == {*places, f"--state-dir={guard.state}"}
    assert "Before=kubelet.service" in text
    assert os.fspath(guard.state) in text
    assert not guard.state.exists()


def test_a_pause_ends_by_the_earlier_of_two_clocks() -> None:
    from podstead.clock import Instant

    begun = Instant(boot_id="a", boot=100.0, wall=1000.0)
    pause = pause_from(begun, 60.0, "upgrade")

    def left(boot: float, wall: float, boot_id: str = "a") -> float:
        return pause.left(Instant(boot_id=boot_id, boot=boot, wall=wall))

    assert (left(100, 1000), left(130, 1010), left(110, 1030)) == (60.0, 30.0, 30.0)
    assert (left(161, 1000), left(100, 1061)) == (0.0, 0.0)
    assert (left(100, 900), left(101, 1001, "b")) == (0.0, 0.0)
