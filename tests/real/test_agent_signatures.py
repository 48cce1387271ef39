"""Signatures end to end, as an operator works: ssh-keygen, podstead sign and trust, a real agent on a real containerd.

Beside every attack a database goes on: the same container with the same process.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.security import SecuritySettings, SignatureMode
from tests.support.agent import SOURCES, agent_at_rest
from tests.support.manifests import container_status, is_running, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

REFUSED_SECONDS = 25.0
"""Half a pair is waited for 10 s."""
FIFTY_YEARS = 50 * 365 * 86_400.0


def keygen(*words: str | Path) -> None:
    """Run the real ssh-keygen."""
    subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, timeout=30)


@dataclass
class Operator:
    """Who signs, on a workstation: keys and the set that is to be delivered."""

    agent: AgentUnderTest
    desk: Path

    def key(self, name: str) -> Path:
        """Return the file of a key."""
        path = self.desk / name
        if not path.exists():
            keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
        return path

    def line(self, name: str) -> str:
        """Return the line of a signer."""
        kind, encoded, *_ = self.key(name).with_suffix(".pub").read_text().split()
        return f"{name}@example.com {kind} {encoded}\n"

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Run a command as a person types it; returns all that it printed."""
        socket = (
            ()
            if words[0] in {"sign", "verify"} and "--pin" not in words
            else ("--socket", self.agent.settings.paths.socket)
        )
        done = subprocess.run(
            [sys.executable, "-m", "podstead", *map(str, words), *map(str, socket)],
            cwd=SOURCES,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sign(self, name: str, text: str, by: str = "ops") -> None:
        """Sign a manifest with ssh-keygen and deliver the pair."""
        content = self.desk / name
        content.write_text(text)
        content.with_name(f"{name}.sig").unlink(missing_ok=True)
        keygen("-q", "-Y", "sign", "-f", self.key(by), "-n", "podstead.io/manifest", content)
        self.agent.write(name, text)
        self.agent.write(f"{name}.sig", content.with_name(f"{name}.sig").read_bytes())

    def release(self, version: int, texts: dict[str, str], *more: str, by: str = "ops") -> Path:
        """Sign a whole set with podstead sign; returns its directory, from which it is delivered."""
        place = self.desk / f"release-{version}"
        place.mkdir()
        for name, text in texts.items():
            (place / name).write_text(text)
        node = self.agent.settings.node.name
        self.run(
            "sign", "--index", "--dir", place, "--node", node, "--version", str(version), "--key", self.key(by), *more
        )
        return place

    def deliver(self, place: Path) -> None:
        """Copy a set, the index last."""
        names = sorted(
            (path.name for path in place.iterdir()),
            key=lambda name: (name == "podstead.index", name.endswith(".sig"), name),
        )
        for name in names:
            self.agent.write(name, (place / name).read_bytes())

    def file(self, name: str) -> dict[str, Any]:
        """Return what is said of a file; empty before there is anything."""
        return self.agent.files().get(name, {})

    def refused(self, name: str, reason: str) -> dict[str, Any]:
        """Wait until a file is refused for this reason."""
        self.agent.wait(
            f"{name} is refused: {reason}",
            lambda: (self.file(name).get("verdict"), self.file(name).get("reason")) == ("Rejected", reason),
            REFUSED_SECONDS,
        )
        return self.file(name)


@contextmanager
def operator_of(agent_hosts: Hosts, tmp_path: Path) -> Iterator[Operator]:
    """Give the operator of an agent that enforces signatures of two keys."""

    def enforcing(settings: Settings) -> Settings:
        root = settings.paths.root
        security = SecuritySettings(
            signature_mode=SignatureMode.ENFORCE,
            allowed_signers=root / "allowed_signers",
            revoked_keys=root / "revoked_keys",
        )
        return replace(settings, security=security)

    with agent_at_rest(net_namespace=agent_hosts.node, changed=enforcing) as agent:
        made = Operator(agent, tmp_path)
        signers = agent.root / "allowed_signers"
        signers.write_text(made.line("ops") + made.line("dev"))
        signers.chmod(0o600)
        agent.start()
        agent.import_busybox()
        yield made


@pytest.fixture
def operator(agent_hosts: Hosts, tmp_path: Path) -> Iterator[Operator]:
    """An agent that enforces, whose operator has a key."""
    with operator_of(agent_hosts, tmp_path) as made:
        yield made


def process_of(agent: AgentUnderTest, name: str) -> tuple[str, int]:
    """Return a pod's container and its process: the same means that nobody touched it."""
    status = container_status(agent.pod(name))
    identifier = status["containerID"].partition("://")[2]
    return identifier, agent.pid_of(identifier)


@pytest.mark.attack("planted-pod", "edited-image", "half-a-pair", "untrusted-key")
def test_single_files_signed_with_ssh_keygen(operator: Operator) -> None:
    agent = operator.agent
    operator.sign("db.yaml", manifest("db"))
    agent.wait_running("db", 30)
    db = process_of(agent, "db")
    assert "ops@example.com" in operator.run("history", "db")
    assert "ops@example.com" in agent.pod("db")["metadata"]["annotations"]["podstead.io/signed-by"]

    agent.write("evil.yaml", manifest("evil", hostPID=True, container={"securityContext": {"privileged": True}}))
    agent.write("db.yaml", manifest("db", image="docker.io/evil/db:1"))
    operator.sign("other.yaml", manifest("other"), by="mallory")

    found = operator.refused("other.yaml", "KeyUnknown")
    assert "allowed signers" in found["messages"][0]["message"]
    assert operator.file("evil.yaml")["verdict"] == "Pending"
    operator.refused("evil.yaml", "SignatureMissing")
    operator.refused("db.yaml", "SignatureWrong")
    assert "SignatureMissing" in operator.run("get", "files")
    assert process_of(agent, "db") == db
    assert set(agent.pods()) == {"db-node1"} or len(agent.pods()) == 1

    agent.remove("evil.yaml")
    operator.sign("db.yaml", manifest("db", metadata={"labels": {"tier": "data"}}))
    agent.wait("the signed edit is taken", lambda: operator.file("db.yaml").get("verdict") == "Accepted", 15)
    assert process_of(agent, "db") == db


@pytest.mark.attack("untrusted-key")
def test_a_revoked_key_ends_nothing_and_lets_nothing_in(operator: Operator) -> None:
    agent = operator.agent
    operator.sign("db.yaml", manifest("db"))
    operator.sign("web.yaml", manifest("web"), by="dev")
    agent.wait_running("db", 30)
    agent.wait_running("web", 30)
    before = process_of(agent, "db"), process_of(agent, "web")

    krl = agent.root / "revoked_keys"
    keygen("-q", "-k", "-f", krl, operator.key("dev").with_suffix(".pub"))
    operator.sign("more.yaml", manifest("more"), by="dev")

    operator.refused("web.yaml", "KeyRevoked")
    operator.refused("more.yaml", "KeyRevoked")
    assert (process_of(agent, "db"), process_of(agent, "web")) == before


@pytest.mark.attack("rename", "replay", "deleted-index", "removed-file", "other-nodes-set")
def test_a_signed_set_stands_against_whoever_has_no_key(operator: Operator) -> None:
    agent = operator.agent
    first = operator.release(4, {"db.yaml": manifest("db"), "web.yaml": manifest("web")})
    operator.deliver(first)
    found = operator.refused("db.yaml", "IndexWithoutRecord")
    assert "version 4, may be any old one" in found["messages"][0]["message"]
    operator.run("trust", "init", "--floor", "4")
    agent.wait_running("db", 30)
    agent.wait_running("web", 30)
    second = operator.release(
        5, {"db.yaml": manifest("db", metadata={"labels": {"release": "5"}}), "web.yaml": manifest("web")}
    )
    operator.deliver(second)
    agent.wait("the second set is taken", lambda: "release" in agent.pod("db")["metadata"].get("labels", {}), 20)
    db = process_of(agent, "db")
    shown = operator.run("trust", "show")
    assert "version 5" in shown
    assert "enforce" in shown

    operator.deliver(first)  # an old set is played again
    operator.refused("db.yaml", "DigestMismatch")
    agent.remove("podstead.index")
    agent.remove("podstead.index.sig")
    (agent.manifests / "web.yaml").rename(agent.manifests / "api.yaml")
    operator.refused("api.yaml", "NotInIndex")
    operator.refused("web.yaml", "ListedFileMissing")
    agent.remove("db.yaml")
    operator.refused("db.yaml", "ListedFileMissing")
    alarms = {"IndexMissing", "ListedFileMissing"}
    agent.wait("the node says so", lambda: alarms <= set(agent.problems()), 20)
    assert process_of(agent, "db") == db
    assert is_running(agent.pod("web"))

    agent.remove("api.yaml")
    operator.deliver(operator.release(6, {"db.yaml": manifest("db"), "web.yaml": manifest("web")}))
    agent.wait("the next set heals it", lambda: operator.file("web.yaml").get("verdict") == "Accepted", 20)
    agent.wait("nothing is wrong any more", lambda: "ListedFileMissing" not in agent.problems(), 20)
    assert process_of(agent, "db") == db


@pytest.mark.attack("freeze", "clock-back")
def test_expiry_1970_and_a_reboot_are_no_outage(operator: Operator) -> None:
    agent = operator.agent
    operator.run("trust", "init", "--floor", "1")
    operator.deliver(operator.release(1, {"db.yaml": manifest("db")}, "--expires", "1h"))
    agent.wait_running("db", 30)
    late = operator.release(2, {"db.yaml": manifest("db"), "late.yaml": manifest("late")}, "--expires", "2h")
    agent.write("late.yaml", (late / "late.yaml").read_bytes())

    agent.step_wall_clock(5 * 3600.0)
    agent.wait("it has expired", lambda: "IndexExpired" in agent.problems(), 30)
    agent.pull_the_plug()
    agent.start()
    agent.wait_running("db", 60)
    assert "expired" in str(operator.file("db.yaml")["messages"])

    agent.step_wall_clock(-FIFTY_YEARS)
    agent.pull_the_plug()
    agent.start()
    agent.wait_running("db", 60)
    operator.deliver(late)
    time.sleep(1)
    operator.refused("late.yaml", "NotInIndex")
    assert list(agent.pods()) == ["db-node1"] or len(agent.pods()) == 1

    agent.step_wall_clock(0.0)
    agent.wait_running("late", 40)
