"""One password and one hostile text in every place that a manifest, a file or a container has for them (foundation 24).

Then everything that leaves the agent is read: the command line, events, verdicts, tables, the agent's log. The password
may stand in the Pod object that root reads, and nowhere else; nothing may steer a terminal or break a row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import OWN
from tests.support.canary import CANARY, HOSTILE, leaks, steering
from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

FILE = HOSTILE.replace("/", "") + ".yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
SPEAKING = 'printf "%s" "$HOSTILE" >/dev/termination-log; printf "%s\\n" "$HOSTILE"; exit 3'
COMMANDS = (
    "get pods -A",
    "get pods -A -o wide",
    "get pods -A -o name",
    "get events -A",
    "get events -A -o wide",
    "get events -A -o yaml",
    "get files",
    "get files -o wide",
    "get files -o json",
    "get files -o yaml",
    "get nodes -o wide",
    "get nodes -o yaml",
    "get namespaces",
    "describe pod -A",
    "describe pod secret-node1",
    "describe node",
    "status",
    "image ls",
    "version",
)


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def files() -> dict[str, str]:
    """Return manifests by file name, good and bad."""
    probe = {"exec": {"command": ["sh", "-c", f'printf "%s" "$HOSTILE"; : {CANARY}; exit 1']}, "periodSeconds": 1}
    secret = env(PASSWORD=CANARY, HOSTILE=HOSTILE)
    speaking = {"env": secret, "command": ["sh", "-c", f"{SPEAKING}; : {CANARY}"], "args": [CANARY]}
    return {
        "secret.yaml": manifest(
            "secret",
            metadata={"annotations": {"note": HOSTILE, "kubectl.kubernetes.io/last-applied-configuration": CANARY}},
            container={"env": secret, "readinessProbe": probe},
        ),
        "speaking.yaml": manifest("speaking", container=speaking),
        "lost.yaml": manifest("lost", container={"env": secret, "command": [f"/{CANARY}"], "args": [CANARY]}),
        FILE: manifest("oddly-named"),
        "image.yaml": manifest("image", image=HOSTILE),
        "label.yaml": manifest("label", metadata={"labels": {"a": HOSTILE, HOSTILE: "b"}}),
        "name.yaml": manifest(HOSTILE),
        "field.yaml": manifest("field", container={HOSTILE: 1, "env": secret}, **{HOSTILE: CANARY}),
        "types.yaml": manifest("types", container={"env": [{"name": 7, "value": {"x": CANARY}}], "command": CANARY}),
        "twice.yaml": manifest("twice", container={"env": [*secret, *secret, {"name": "="}], "args": {CANARY: CANARY}}),
        "kind.yaml": json.dumps({"apiVersion": "apps/v1", "kind": HOSTILE, "metadata": {"name": "x"}, "spec": CANARY}),
        "syntax.yaml": f"spec:\n  env: [{{value: {CANARY}}}\n  command: [{CANARY}\n",
        "colon.yaml": f"apiVersion: v1\nkind: Pod\nvalue: {CANARY}: {CANARY}\n\t{CANARY}\n",
    }


def podstead(agent: AgentUnderTest, *words: str) -> str:
    """Run a command and return what a terminal would get."""
    done = subprocess.run(
        [sys.executable, "-m", "podstead", *words],
        env={**os.environ, "PODSTEAD_SOCKET": str(agent.settings.paths.socket)},
        capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in {0, 1, 2}, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def told(module_agent: AgentUnderTest) -> Iterator[AgentUnderTest]:
    """An agent that has been given everything and has said what it has to say."""
    agent = module_agent
    for name, text in files().items():
        agent.write(name, text)
    agent.wait("each file has its verdict", lambda: settled(agent.files()), 20)
    for reason, about in (("Unhealthy", "secret"), ("BackOff", "speaking"), ("Failed", "lost")):
        agent.wait(f"{reason} of {about}", lambda r=reason, a=about: agent.events(r, a), 20)  # type: ignore[misc]  # bound at once
    yield agent
    agent.clear()


def settled(found: dict[str, dict[str, Any]]) -> bool:
    accepted = {name for name, report in found.items() if report["verdict"] == "Accepted"}
    rejected = {name for name, report in found.items() if report["verdict"] == "Rejected"}
    return len(accepted | rejected) == len(files()) and len(accepted) >= 4 and len(rejected) >= 7


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_terminal_sees(told: AgentUnderTest, command: str) -> None:
    text = podstead(told, *command.split())
    assert text
    assert leaks(text) == []


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_only_the_pod_object_has_the_password(told: AgentUnderTest, form: str) -> None:
    text = podstead(told, "get", "pods", "-A", "-o", form)
    assert CANARY in text
    assert steering(text) == []


@pytest.mark.parametrize("path", ["/api/v1/pods", "/api/v1/events", "/api/v1/nodes", f"{OWN}/files", f"{OWN}/images"])
def test_tables(told: AgentUnderTest, path: str) -> None:
    table = told.api.ask("GET", path, accept=TABLE).json()
    cells = [str(cell) for row in table["rows"] for cell in row["cells"]]
    assert cells
    assert [leaks(cell) for cell in cells if leaks(cell)] == []
    assert CANARY not in json.dumps([row.get("object", {}).get("spec") for row in table["rows"]])


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/nodes", f"{OWN}/files", f"{OWN}/status", f"{OWN}/images"])
def test_objects_without_the_password(told: AgentUnderTest, path: str) -> None:
    assert CANARY not in told.api.ask("GET", path).body.decode()


def test_messages_of_events_and_verdicts(told: AgentUnderTest) -> None:
    messages = [e["message"] for e in told.events()]
    messages += [m["message"] for report in told.files().values() for m in report["messages"]]
    assert len(messages) > 20
    assert [leaks(m) for m in messages if leaks(m)] == []


def test_the_agents_log(told: AgentUnderTest) -> None:
    text = told.log_file.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert leaks(text) == []


@pytest.mark.parametrize("name", files())
def test_the_offline_verdict(told: AgentUnderTest, name: str) -> None:
    for form in ((), ("-o", "json"), ("--as-kubelet",), ("--strict",)):
        text = podstead(told, "check", str(told.manifests / name), *form)
        assert leaks(text) == []


def test_names_that_are_asked_for(told: AgentUnderTest) -> None:
    for words in (("get", "pod", HOSTILE), ("describe", "pod", HOSTILE), ("logs", HOSTILE), ("image", "rm", HOSTILE)):
        assert leaks(podstead(told, *words)) == []


def test_the_file_of_a_pod_is_named_without_harm(told: AgentUnderTest) -> None:
    """The pod of the oddly named file runs and goes; its last event names the file."""
    told.wait_running("oddly-named", 20)
    (told.manifests / FILE).unlink()
    told.wait_gone("oddly-named", 20)
    (event,) = told.events("Removed", "oddly-named")
    assert leaks(event["message"]) == []
    assert BUSYBOX_IMAGE not in event["message"]
