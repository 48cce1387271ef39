"""Local ConfigMaps and Secrets, pull credentials and configuration files on a real containerd."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.clock import SystemClock
from podstead.config.images import Registry
from podstead.containerd.oci_image import ImageFile
from podstead.reconcile.inputs import PAUSE_SECONDS
from tests.support.agent import agent_under_test, with_objects
from tests.support.images import build_busybox_image
from tests.support.manifests import condition, container_status, is_running, manifest
from tests.support.registry import guarded_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

PASSWORD = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
MODE = {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "mode"}}}
ASKS = {"podstead.io/restart-on-change": "true"}
REGISTRY_PORT = 5011


def set_up(settings: Settings) -> Settings:
    """Return settings with objects, and with what containerd 2 must be told of a registry in plain HTTP."""
    registry = Registry(host=f"127.0.0.1:{REGISTRY_PORT}", plain_http=True)
    return replace(with_objects(settings), images=replace(settings.images, registries=(registry,)))


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """An agent with an objects directory."""
    with agent_under_test(net_namespace=agent_hosts.node, changed=set_up) as running:
        yield running


def secret(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": data})


def config_map(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data})


def configuration(pod: dict[str, Any]) -> str:
    return condition(pod, "podstead.io/ConfigurationCurrent")


def settle_after_start(agent: AgentUnderTest, name: str) -> None:
    """Wait until a restart for a newer configuration is due at once: containers are left running for a while."""
    started = max(c.created_at for c in agent.containers(name)) / 1e9
    time.sleep(max(0.0, started + PAUSE_SECONDS + 0.5 - SystemClock().now().wall))


@pytest.mark.conformance("S10")
def test_environments_and_what_is_waited_for(agent: AgentUnderTest) -> None:
    origins = [{"configMapRef": {"name": "web"}}, {"prefix": "DB_", "secretRef": {"name": "db"}}]
    container = {"env": [PASSWORD, {"name": "DSN", "value": "u:$(PASSWORD)"}], "envFrom": origins}
    agent.write("web.yaml", manifest("web", container=container))
    pod = agent.wait_pod("web", lambda p: "waiting" in container_status(p)["state"], what="it waits")
    agent.wait("with the reason", lambda: agent.events("Failed", "web"))
    pod = agent.pod("web")
    assert container_status(pod)["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": (
            "cannot set the environment: there is no ConfigMap default/web: write it into a file of the objects directory"
        ),
    }
    agent.give("all.yaml", secret(password="s3cret") + "\n---\n" + config_map(mode="prod"))
    pod = agent.wait_running("web", 3.0)
    assert container_status(pod)["restartCount"] == 0
    said = agent.exec("web", "sh", "-c", 'echo "$mode $DB_password $PASSWORD $DSN"')
    assert said == "prod s3cret s3cret u:s3cret\n"


def test_a_change_restarts_who_uses_it_in_its_sandbox(agent: AgentUnderTest) -> None:
    agent.give("all.yaml", secret(password="one") + "\n---\n" + config_map(mode="a"))
    plain = json.loads(manifest("x"))["spec"]["containers"][0]
    mounted = {"volumeMounts": [{"name": "keep", "mountPath": "/keep"}]}
    using = {**plain, "name": "using", "env": [PASSWORD], **mounted}
    spec: dict[str, Any] = {"containers": [plain, using], "volumes": [{"name": "keep", "emptyDir": {}}]}
    agent.write("two.yaml", manifest("two", metadata={"annotations": ASKS}, hostNetwork=False, **spec))
    agent.wait_running("two")
    agent.exec("two", "touch", "/keep/it", container="using")
    before = {name: agent.container_id("two", name) for name in ("main", "using")}
    sandboxes = {s.id for s in agent.sandboxes("two")}
    settle_after_start(agent, "two")

    agent.give("all.yaml", secret(password="two") + "\n---\n" + config_map(mode="b"))
    agent.wait("one is another", lambda: before["using"] not in {c.id for c in agent.containers("two", running=True)})
    agent.wait("the other one runs", lambda: agent.container_id("two", "using") != before["using"])
    pod = agent.wait_running("two")
    assert agent.exec("two", "sh", "-c", "echo $PASSWORD; ls /keep", container="using") == "two\nit\n"
    assert agent.container_id("two", "main") == before["main"]
    assert {s.id for s in agent.sandboxes("two")} == sandboxes
    assert [container_status(pod, name)["restartCount"] for name in before] == [0, 0]
    (told,) = agent.events("ConfigurationChanged", "two")
    assert (
        told["message"] == "Configuration newer than the running container using (Secret default/db): it is restarted"
    )


def test_a_newer_file_is_told_over_the_agents_death_and_restarts_only_when_asked(
    agent: AgentUnderTest, tmp_path: Path
) -> None:
    conf = tmp_path / "app.conf"
    conf.write_text("1")
    files = {"podstead.io/config-files": str(conf)}
    volumes = [{"name": "conf", "hostPath": {"path": str(conf.parent)}}]
    container = {"volumeMounts": [{"name": "conf", "mountPath": "/conf"}]}

    def text(**annotations: str) -> str:
        return manifest("web", metadata={"annotations": {**files, **annotations}}, container=container, volumes=volumes)

    agent.write("web.yaml", text())
    pod = agent.wait_running("web")
    first = agent.container_id("web")
    assert configuration(pod) == ""

    conf.write_text("2")
    agent.wait_pod("web", lambda p: configuration(p) == "False", 3.0, "the pod says so")
    report = agent.wait("the file too", lambda: (r := agent.files()["web.yaml"])["reason"] and r)
    assert (report["verdict"], report["reason"]) == ("Accepted", "ConfigurationNewer")
    assert report["messages"][0]["message"] == f"configuration newer than the running pod default/web-node1: {conf}"
    agent.restart()
    agent.wait_pod("web", lambda p: configuration(p) == "False", 10.0, "the next agent knows")
    conf.write_text("1")
    agent.wait_pod("web", lambda p: configuration(p) == "" and is_running(p), 5.0, "what is taken back is no change")

    settle_after_start(agent, "web")
    agent.write("web.yaml", text(**ASKS))
    conf.write_text("3")
    agent.wait("it restarts", lambda: first not in {c.id for c in agent.containers("web", running=True)})
    pod = agent.wait_pod("web", lambda p: configuration(p) == "" and is_running(p), what="it runs with the newer file")
    assert container_status(pod)["restartCount"] == 0
    assert agent.exec("web", "cat", "/conf/app.conf") == "3"


def test_a_reboot_with_a_broken_file_brings_back_what_was_good(agent: AgentUnderTest) -> None:
    agent.give("all.yaml", secret(password="s3cret") + "\n---\n" + config_map(mode="prod"))
    agent.write("web.yaml", manifest("web", container={"env": [PASSWORD, MODE]}))
    agent.wait_running("web")
    agent.give("all.yaml", "kind: Secret\nstringData: [")
    agent.wait_file("all.yaml", "Rejected")
    agent.pull_the_plug()
    agent.start()
    agent.wait_running("web", 30.0)
    assert agent.exec("web", "sh", "-c", "echo $PASSWORD $MODE") == "s3cret prod\n"
    state = list((agent.settings.paths.state / "objects").iterdir())
    assert state
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in state)


def test_an_image_is_pulled_with_the_pods_own_credentials(agent: AgentUnderTest, tmp_path: Path) -> None:
    archive = tmp_path / "private.tar"
    build_busybox_image(archive, "private:1", extra=(ImageFile(path="etc/private", content=b"1"),))
    with guarded_registry(archive, REGISTRY_PORT, "me", "s3cret", agent.net_namespace) as host:
        image = f"{host}/team/private:1"
        pulling = manifest("private", image=image, imagePullSecrets=[{"name": "regcred"}])
        agent.write("private.yaml", pulling)
        agent.wait("it is refused", lambda: agent.events("Failed", "private"), 15.0)
        assert "the registry wants credentials" in agent.events("Failed", "private")[0]["message"]
        assert "there is no Secret default/regcred" in agent.events("FailedToRetrieveImagePullSecret")[0]["message"]
        auths = json.dumps({"auths": {host: {"username": "me", "password": "s3cret"}}})
        credentials = {**json.loads(secret(**{".dockerconfigjson": auths})), "metadata": {"name": "regcred"}}
        agent.give("regcred.yaml", json.dumps({**credentials, "type": "kubernetes.io/dockerconfigjson"}))
        agent.wait_running("private", 15.0)
    assert agent.exec("private", "cat", "/etc/private") == "1"
