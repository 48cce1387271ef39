"""One password and one hostile text in every place that a manifest, a file or a container has for them (foundation 24).

Then everything that leaves the agent is read: the command line, events, verdicts, tables, the agent's log. The password
may stand in the Pod object that root reads, and nowhere else; nothing may steer a terminal or break a row. What a Secret
holds may stand nowhere at all.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import OWN, agent_under_test, with_objects
from tests.support.canary import CANARY, HIDDEN, HOSTILE, betrays, leaks, steering
from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

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
    "get secrets -A",
    "get secrets -A -o wide",
    "get secrets -A -o yaml",
    "get configmaps -A -o json",
    "describe pod keyed-node1",
    "describe pod keyless-node1",
    "history keyed",
    "history secret",
    "diff keyed",
    "diff secret",
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
    hidden = {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}}
    keyed = {
        "env": [hidden],
        "envFrom": [{"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "shown"}}],
        "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
    }
    speaking = {"env": secret, "command": ["sh", "-c", f"{SPEAKING}; : {CANARY}"], "args": [CANARY]}
    return {
        "secret.yaml": manifest(
            "secret",
            metadata={"annotations": {"note": HOSTILE, "kubectl.kubernetes.io/last-applied-configuration": CANARY}},
            container={"env": secret, "readinessProbe": probe},
        ),
        "speaking.yaml": manifest("speaking", container=speaking),
        "lost.yaml": manifest("lost", container={"env": secret, "command": [f"/{CANARY}"], "args": [CANARY]}),
        "keyed.yaml": manifest(
            "keyed",
            metadata={"annotations": {"podstead.io/restart-on-change": "true"}},
            container={**keyed, "readinessProbe": {"exec": {"command": ["sh", "-c", 'echo "$HIDDEN"; exit 1']}}},
            volumes=[{"name": "keys", "secret": {"secretName": "keys"}}],
        ),
        "keyless.yaml": manifest("keyless", container={**keyed, "command": ["/$(HIDDEN)"], "volumeMounts": []}),
        "unpulled.yaml": manifest("unpulled", image="127.0.0.1:1/none:1", imagePullSecrets=[{"name": "regcred"}]),
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


def objects() -> dict[str, str]:
    """Return files of the objects directory by name, good and bad; `rival.yaml` is one of `keys.yaml`."""
    encoded = base64.b64encode(HIDDEN.encode()).decode()
    head = {"apiVersion": "v1", "kind": "Secret"}
    auths = json.dumps({"auths": {"127.0.0.1:1": {"username": "me", "password": HIDDEN}}})
    keys = {**head, "metadata": {"name": "keys"}, "stringData": {"password": HIDDEN}, "data": {"other": encoded}}
    shown = {**head, "kind": "ConfigMap", "metadata": {"name": "shown"}, "data": {"mode": HIDDEN}}
    pull = {**head, "metadata": {"name": "regcred"}, "type": "kubernetes.io/dockerconfigjson"}
    return {
        "keys.yaml": f"{json.dumps(keys)}\n---\n{json.dumps(shown)}\n",
        "regcred.yaml": json.dumps({**pull, "stringData": {".dockerconfigjson": auths}}),
        "base64.yaml": json.dumps({**head, "metadata": {"name": "b"}, "data": {"p": f"{HIDDEN}!", "q": [HIDDEN]}}),
        "json.yaml": json.dumps({**pull, "stringData": {".dockerconfigjson": HIDDEN}}),
        "lines.yaml": f"apiVersion: v1\nkind: Secret\nstringData:\n  p: {HIDDEN}\n q: {HIDDEN}: {HIDDEN}\n",
        "open.yaml": json.dumps({**head, "metadata": {"name": "open"}, "stringData": {"p": HIDDEN}}),
        "rival.yaml": json.dumps({**head, "metadata": {"name": "keys"}, "stringData": {"password": f"{HIDDEN}-2"}}),
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
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """An agent with an objects directory."""
    with agent_under_test(net_namespace=agent_hosts.node, changed=with_objects) as running:
        yield running


@pytest.fixture(scope="module")
def told(module_agent: AgentUnderTest) -> Iterator[AgentUnderTest]:
    """An agent that has been given everything and has said what it has to say."""
    agent = module_agent
    given = objects()
    agent.give("keys.yaml", given["keys.yaml"])
    agent.wait_file("keys.yaml", "Accepted")
    for name, text in given.items():
        agent.give(name, text, 0o644 if name == "open.yaml" else 0o600)
    for name, text in files().items():
        agent.write(name, text)
    agent.wait("each file has its verdict", lambda: settled(agent.files()), 20)
    told_of = [("Unhealthy", "secret"), ("BackOff", "speaking"), ("Failed", "lost")]
    told_of += [("Unhealthy", "keyed"), ("Failed", "keyless"), ("Failed", "unpulled")]
    agent.give("keys.yaml", given["keys.yaml"].replace(HIDDEN, f"{HIDDEN}-3"))
    agent.wait("the change is told", lambda: agent.events("ObjectChanged"), 10)
    for reason, about in told_of:
        agent.wait(f"{reason} of {about}", lambda r=reason, a=about: agent.events(r, a), 20)  # type: ignore[misc]  # bound at once
    yield agent
    agent.clear()


def settled(found: dict[str, dict[str, Any]]) -> bool:
    accepted = {name for name, report in found.items() if report["verdict"] == "Accepted"}
    rejected = {name for name, report in found.items() if report["verdict"] == "Rejected"}
    everything = len(files()) + len(objects())
    return len(accepted | rejected) == everything and len(accepted) >= 9 and len(rejected) >= 12


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_terminal_sees(told: AgentUnderTest, command: str) -> None:
    text = podstead(told, *command.split())
    assert text
    assert leaks(text) == []


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_only_the_pod_object_has_the_password(told: AgentUnderTest, form: str) -> None:
    text = podstead(told, "get", "pods", "-A", "-o", form)
    assert CANARY in text
    assert betrays(text) == []
    assert steering(text) == []


@pytest.mark.parametrize("path", ["/api/v1/pods", "/api/v1/events", "/api/v1/nodes", f"{OWN}/files", f"{OWN}/images"])
def test_tables(told: AgentUnderTest, path: str) -> None:
    table = told.api.ask("GET", path, accept=TABLE).json()
    cells = [str(cell) for row in table["rows"] for cell in row["cells"]]
    assert cells
    assert [leaks(cell) for cell in cells if leaks(cell)] == []
    assert CANARY not in json.dumps([row.get("object", {}).get("spec") for row in table["rows"]])
    assert betrays(json.dumps(table)) == []


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/nodes", f"{OWN}/files", f"{OWN}/status", f"{OWN}/images"])
def test_objects_without_the_password(told: AgentUnderTest, path: str) -> None:
    text = told.api.ask("GET", path).body.decode()
    assert CANARY not in text
    assert betrays(text) == []


@pytest.mark.parametrize("kind", ["secrets", "configmaps"])
def test_objects_without_their_data(told: AgentUnderTest, kind: str) -> None:
    for path in (f"{OWN}/{kind}", f"{OWN}/namespaces/default/{kind}", f"/api/v1/{kind}"):
        assert leaks(told.api.ask("GET", path).body.decode()) == []


def test_only_root_gets_at_what_lies_on_disk(told: AgentUnderTest) -> None:
    """The content last taken lies in the state, and what volumes show in the pod's directory."""
    paths = told.settings.paths
    files = [p for top in (paths.state, paths.pods, paths.pod_logs) for p in top.rglob("*") if p.is_file()]
    holding = [p for p in files if HIDDEN.encode() in _start_of(p)]
    assert {p.relative_to(told.root).parts[0] for p in holding} >= {"pods"}
    for path in holding:
        way = [p for p in (path, *path.parents) if p != told.root and p.is_relative_to(told.root)]
        assert any(not p.stat().st_mode & 0o007 for p in way), path


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 20)


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


def test_the_offline_verdict_on_objects(told: AgentUnderTest) -> None:
    assert told.settings.objects is not None
    directory = str(told.settings.objects.path)
    for form in ((), ("-o", "json"), ("--strict",)):
        assert leaks(podstead(told, "check", str(told.manifests), f"--objects-dir={directory}", *form)) == []
        assert leaks(podstead(told, "check", f"{directory}/keys.yaml", f"{directory}/base64.yaml", *form)) == []


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
