"""The audit log of a whole agent, as root uses it from the command line; and what an intruder does to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.security import AuditSettings
from tests.support.canary import CANARY, HOSTILE, leaks
from tests.support.manifests import is_running, manifest

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real


def podstead(agent: AgentUnderTest, *words: str, code: int = 0) -> str:
    """Run a command on the agent's root, as a new operator would type it; returns its output."""
    done = subprocess.run(
        [sys.executable, "-m", "podstead", words[0], "--root-dir", str(agent.settings.paths.root), *words[1:]],
        capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def records(agent: AgentUnderTest, act: str = "", subject: str = "") -> list[dict[str, Any]]:
    lines = podstead(agent, "audit", "-o", "json").splitlines()
    found = [json.loads(line) for line in lines]
    return [one for one in found if act in {"", one["act"]} and subject in one["subject"]]


@pytest.mark.attack("edited-audit")
def test_a_days_work_is_told_and_proven(resting_agent: AgentUnderTest) -> None:
    """What is done stands in the log, with who and why; the log is verified, touched, and found out."""
    agent = resting_agent
    anchors = agent.root / "checkpoints"
    security = replace(agent.settings.security, audit=AuditSettings(checkpoint_file=anchors))
    agent.settings = replace(agent.settings, security=security)
    agent.start()
    agent.import_busybox()
    agent.write("web.yaml", manifest("web", container={"env": [{"name": "PASSWORD", "value": CANARY}]}))
    agent.wait_running("web")
    agent.write("bad.yaml", "kind: Pod\n")
    agent.wait_file("bad.yaml", "Rejected")
    podstead(agent, "exec", "web", "--", "echo", CANARY)
    podstead(agent, "restart", "web")
    agent.wait("it was restarted", lambda: len(records(agent, "Start", "web")) > 1, 30)
    agent.remove("web.yaml")
    agent.wait_gone("web", 20)
    agent.stop()

    told = [(one["act"], one["subject"]) for one in records(agent)]
    for act, subject in (
        ("AgentStart", "node1"), ("Admit", "web.yaml"), ("Refuse", "bad.yaml"), ("Start", "default/web-node1"),
        ("Exec", "default/web"), ("Operation", "default/web"), ("Stop", "default/web-node1"),
        ("Remove", "default/web-node1"), ("AgentStop", "node1"),
    ):  # fmt: skip
        assert any(a == act and s.startswith(subject) for a, s in told), f"{act} {subject} is missing in {told}"
    (ran,) = records(agent, "Exec")
    facts = ran["facts"]
    assert (facts["command"], facts["words"], facts["length"]) == ("echo", 2, len(f"echo {CANARY}"))
    assert (facts["uid"], facts["outcome"], ran["reason"]) == (0, 101, "Started")
    first, again = records(agent, "Start", "web")[:2]
    assert first["facts"]["cause"] == "for the first time"
    assert again["facts"]["cause"] == "its content has changed, or root asked for it"

    key = agent.root / "verification"
    key.write_text(podstead(agent, "audit", "key").splitlines()[0], encoding="ascii")
    assert "taken away already" in podstead(agent, "audit", "key", code=1)
    answer = podstead(agent, "audit", "verify", "--key", str(key), "--against", str(anchors))
    assert answer.startswith("Intact:")
    assert "That is the whole log." in answer
    for words in (("audit",), ("audit", "export", "--format", "cef"), ("audit", "-o", "json")):
        assert leaks(podstead(agent, *words)) == []

    (log,) = agent.settings.paths.audit.glob("*.jsonl")
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'"act":"Exec"', b'"act":"Stop"'))
    assert "NOT INTACT" in podstead(agent, "audit", "verify", code=1)
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    assert "cut at the end" in podstead(agent, "audit", "verify", "--against", str(anchors), code=1)
    log.write_bytes(whole)
    assert podstead(agent, "audit", "verify", "--against", str(anchors)).startswith("Intact:")


@pytest.mark.attack("hostile-strings")
def test_hostile_names_steer_nothing(agent: AgentUnderTest) -> None:
    name = HOSTILE.replace("/", "")
    agent.write(f"{name}.yaml", "kind: Pod\n")
    agent.wait("it is refused", lambda: records(agent, "Refuse", "row-of"), 10)
    agent.api.ask("POST", f"/apis/podstead.io/v1alpha1/namespaces/default/pods/{'%1b%5b31m'}/stop")
    for words in (("audit",), ("audit", "export", "--format", "cef"), ("audit", "-o", "json"), ("audit", "verify")):
        assert leaks(podstead(agent, *words)) == []


@pytest.mark.attack("edited-audit", "full-disk")
def test_pods_run_while_nothing_can_be_written(own_agent: AgentUnderTest) -> None:
    """The log's directory becomes a file system without room: pods start all the same, and the gap is told afterwards."""
    agent = own_agent
    agent.write("db.yaml", manifest("db"))
    before = agent.wait_running("db")
    where = agent.settings.paths.audit
    agent.wait("the log is there", lambda: records(agent, "Start"), 10)
    pid = agent.process.pid if agent.process is not None else 0
    mount = ["nsenter", "--target", str(pid), "--mount", "--"]
    subprocess.run([*mount, "mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", str(where)], check=True)
    try:
        agent.write("web.yaml", manifest("web"))
        agent.wait_running("web")
        agent.wait("it is a problem of the node", lambda: "AuditImpaired" in agent.problems(), 20)
    finally:
        subprocess.run([*mount, "umount", "-l", str(where)], check=True)
    agent.wait("it is recorded late", lambda: records(agent, "Start", "web"), 20)
    assert agent.pod("db")["metadata"]["uid"] == before["metadata"]["uid"]
    assert is_running(agent.pod("db"))
    agent.wait("the problem is over", lambda: "AuditImpaired" not in agent.problems(), 20)


def test_a_killed_agent_goes_on_with_the_chain(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    agent.write("db.yaml", manifest("db"))
    agent.wait_running("db")
    agent.wait("it is recorded", lambda: records(agent, "Start"), 10)
    agent.kill9()
    agent.start()
    agent.wait("both starts are recorded", lambda: len(records(agent, "AgentStart")) == 2, 10)
    assert podstead(agent, "audit", "verify").startswith("Intact:")
    assert len(records(agent, "Admit", "db.yaml")) == 1
    print(f"log: {len(records(agent))} records, RSS {agent.rss_bytes() / 2**20:.1f} MiB, {Path(os.curdir)}")
