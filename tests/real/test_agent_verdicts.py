"""Bad files: a verdict for each, and nobody else is disturbed (foundation 7, 8, 11)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import container_status, is_running, manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

WATCHED_SECONDS = 6.0
"""How long the probed pod is watched after all bad files are there."""


def aliases(levels: int) -> str:
    """Return YAML that grows tenfold with each level (the "billion laughs")."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def big_pod(size: int) -> str:
    """Return a valid Pod of about this many bytes."""
    value = "x" * 900
    env = [{"name": f"V{number}", "value": value} for number in range(size // 960)]
    return manifest("big", container={"env": env})


def of_kind(kind: str) -> str:
    return json.dumps({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {"replicas": 2}})


REJECTED: dict[str, str | bytes] = {
    "empty.yaml": "",
    "truncated.yaml": manifest("truncated")[:120],
    "binary.yaml": bytes(range(256)) * 40,
    "large.yaml": b"a: " + b"x" * (11 << 20),
    "brackets-100k.yaml": "[" * 100_000,
    "dashes-100k.yaml": "- " * 100_000,
    "maps-100k.yaml": "{a: " * 100_000,
    "brackets-9m.yaml": "[" * (9 << 20),
    "dashes-9m.yaml": "- " * (9 << 19),
    "maps-9m.yaml": "{a: " * (9 << 18),
    "pod-9m.yaml": big_pod(9 << 20),
    "aliases.yaml": aliases(12),
    "long-name.yaml": manifest("n" * 250),
    "deployment.yaml": of_kind("Deployment"),
    "daemonset.yaml": of_kind("DaemonSet"),
    "service.yaml": json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}),
    "scalar.yaml": "just text",
    "list.yaml": "[1, 2]",
    "invalid.yaml": manifest("UPPER_case", restartPolicy="Sometimes", containers=[]),
    "config-map.yaml": manifest("cm", volumes=[{"name": "c", "configMap": {"name": "c"}}]),
}


def make_special(directory: Path, target: Path) -> list[str]:
    """Make what is no regular file; returns the names."""
    os.mkfifo(directory / "fifo.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket.yaml"))
    (directory / "directory.yaml").mkdir()
    (directory / "dangling.yaml").symlink_to(directory / "nowhere")
    target.write_text(manifest("linked"))
    (directory / "link.yaml").symlink_to(target)
    return ["fifo.yaml", "socket.yaml", "directory.yaml", "dangling.yaml", "link.yaml"]


def probed_pod() -> str:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
    return manifest("probed", container={"livenessProbe": probe, "readinessProbe": probe})


@pytest.mark.conformance("S9")
def test_every_bad_file_has_its_verdict_and_disturbs_nobody(agent: AgentUnderTest, tmp_path: Path) -> None:
    agent.write("probed.yaml", probed_pod())
    agent.wait_running("probed")
    old = agent.container_id("probed")

    for name, content in REJECTED.items():
        agent.write(name, content)
    special = make_special(agent.manifests, tmp_path / "target")
    agent.write("good.yaml", manifest("good"))
    agent.wait_running("good", 10)

    def judged() -> bool:
        found = agent.files()
        return all(
            name in found and found[name]["verdict"] in {"Rejected", "Ignored"} for name in (*REJECTED, *special)
        )

    agent.wait("every file is judged", judged, 60)
    time.sleep(WATCHED_SECONDS)

    reports = agent.files()
    for name in REJECTED:
        report = reports[name]
        assert report["verdict"] == "Rejected", name
        assert report["reason"], name
        assert all(len(m["message"]) < 600 for m in report["messages"]), name
        assert report["messages"], name
        assert agent.events(report["reason"], name), name
    for name in special:
        assert reports[name]["reason"], name
        assert reports[name]["verdict"] in {"Rejected", "Ignored"}
    deployment = json.dumps(reports["deployment.yaml"]["messages"])
    assert "kind: Pod" in deployment
    assert {m["line"] > 0 for m in reports["invalid.yaml"]["messages"]} == {True}
    assert len(reports["invalid.yaml"]["messages"]) >= 3  # all errors at once
    assert sorted(agent.pods()) == ["good-node1", "probed-node1"]
    agent.wait("the node tells of it", lambda: "ManifestsRejected" in agent.problems())

    pod = agent.pod("probed")
    assert is_running(pod)
    assert container_status(pod)["restartCount"] == 0
    assert agent.container_id("probed") == old
    assert agent.events("Unhealthy", "probed") == []


def test_files_that_are_no_manifests_are_listed_as_ignored(agent: AgentUnderTest) -> None:
    for name in ("web.yaml.bak", "web.yaml~", ".hidden.yaml", "README", "web.yaml.swp"):
        agent.write(name, manifest("ignored"))
    agent.write("web.yml", manifest("web"))
    agent.write("json.json", manifest("json"))

    agent.wait_running("web")
    agent.wait_running("json")

    reports = agent.files()
    ignored = {name: report["reason"] for name, report in reports.items() if report["verdict"] == "Ignored"}
    assert {"web.yaml.bak", "web.yaml~", "README", "web.yaml.swp"} <= set(ignored)
    assert all(ignored.values())
    assert sorted(agent.pods()) == ["json-node1", "web-node1"]


def test_a_file_that_cannot_be_read_keeps_its_pod(agent: AgentUnderTest) -> None:
    """Root reads past permissions: a name that cannot be opened stands for an unreadable file."""
    path = agent.write("web.yaml", manifest("web"))
    agent.wait_running("web")
    old = agent.container_id("web")
    path.unlink()
    path.symlink_to(path.name)  # reading it is ELOOP, and it is still there

    report = agent.wait("a verdict", lambda: (r := agent.files().get("web.yaml")) and r["verdict"] != "Accepted" and r)
    time.sleep(1.5)

    assert report["reason"]
    assert agent.container_id("web") == old
    path.unlink()
    agent.write("web.yaml", manifest("web"))
    agent.wait_file("web.yaml", "Accepted")
    assert agent.container_id("web") == old


def test_a_lenient_reading_warns(agent: AgentUnderTest) -> None:
    agent.write("x.yaml", manifest("x", container={"env": [{"name": "A", "value": 123456}], "comand": ["sh"]}))
    agent.wait_running("x")

    report = agent.files()["x.yaml"]
    assert report["verdict"] == "Accepted"
    fields = [m["field"] for m in report["messages"] if m["severity"].lower() == "warning"]
    assert any("env[0].value" in field for field in fields), report
    assert any("comand" in json.dumps(m) and "command" in json.dumps(m) for m in report["messages"]), report
    assert agent.exec("x", "sh", "-c", "echo $A") == "123456\n"


def test_no_secret_of_a_manifest_leaves_the_agent(agent: AgentUnderTest) -> None:
    secret = "canary-Pa55word"
    env = [{"name": "PASSWORD", "value": secret}]
    agent.write("good.yaml", manifest("good", container={"env": env}))
    broken = manifest("bad", container={"env": env, "command": f"sh -c {secret}", "image": ""})
    agent.write("bad.yaml", broken)
    agent.write("worse.yaml", broken[:-40])
    agent.wait_running("good")
    agent.wait_file("bad.yaml", "Rejected")
    agent.wait_file("worse.yaml", "Rejected")
    agent.write("good.yaml", manifest("good", container={"env": env, "command": ["nosuch", secret]}))
    agent.wait("the start fails", lambda: agent.events("Failed", "good"))

    outputs = {
        "events": json.dumps(agent.events()),
        "files": json.dumps(agent.files()),
        "status": json.dumps(agent.status()),
        "log": agent.log_file.read_text(),
    }
    assert [where for where, text in outputs.items() if secret in text] == []
    modes = {p.stat().st_mode & 0o077 for p in agent.settings.paths.state.rglob("*") if p.is_file()}
    assert modes == {0}


def test_a_crowd_of_files_costs_neither_probes_nor_edits(agent: AgentUnderTest) -> None:
    agent.write("probed.yaml", probed_pod())
    agent.wait_running("probed")
    for number in range(20_000):
        (agent.manifests / f"{number}.txt").touch()

    agent.write("late.yaml", manifest("late", image=BUSYBOX_IMAGE))
    agent.wait_running("late", 15)
    time.sleep(3.0)
    assert container_status(agent.pod("probed"))["restartCount"] == 0
    assert agent.events("Unhealthy", "probed") == []
    assert len(agent.files()) <= 2100
    subprocess.run(["find", str(agent.manifests), "-name", "*.txt", "-delete"], check=True)
