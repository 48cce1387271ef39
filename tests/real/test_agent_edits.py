"""Edits of manifests under the whole agent: what they restart, what they leave alone, and what they cannot break."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from podstead.containerd.oci_image import ImageFile
from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.manifests import OBEYING, condition, container_status, is_running, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

OTHER_IMAGE = "127.0.0.1:1/other:2"
"""Of a registry that refuses at once."""
SETTLE_SECONDS = 0.8
"""Longer than any edit takes to show: what has not happened by then does not happen."""


def revision(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["podstead.io/revision"])


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["kubernetes.io/config.hash"])


def candidate_message(pod: dict[str, Any]) -> str:
    conditions = pod["status"].get("conditions", [])
    return "".join(c.get("message", "") for c in conditions if c["type"] == "podstead.io/CandidateReady")


def two_containers(**of_main: Any) -> dict[str, Any]:
    pod: dict[str, Any] = json.loads(manifest("web", hostNetwork=False, container=of_main))
    side = {"name": "side", "image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent"}
    pod["spec"]["containers"].append({**side, "command": ["sh", "-c", OBEYING]})
    return pod


def with_label(pod: dict[str, Any]) -> None:
    pod["metadata"]["labels"] = {"new": "label"}


def with_annotation(pod: dict[str, Any]) -> None:
    pod["metadata"]["annotations"] = {"new": "annotation"}


def with_probe(pod: dict[str, Any]) -> None:
    pod["spec"]["containers"][0]["livenessProbe"] = {"exec": {"command": ["true"]}, "periodSeconds": 1}


def with_grace(pod: dict[str, Any]) -> None:
    pod["spec"]["terminationGracePeriodSeconds"] = 1


@pytest.mark.parametrize("edit", [with_label, with_annotation, with_probe, with_grace])
def test_an_edit_that_needs_no_restart_restarts_nothing(
    agent: AgentUnderTest, edit: Callable[[dict[str, Any]], None]
) -> None:
    content = two_containers()
    agent.write("web.yaml", json.dumps(content))
    before = agent.wait_running("web")
    ids = {c.id for c in agent.containers("web")}
    boxes = {s.id for s in agent.sandboxes("web")}

    edit(content)
    agent.write("web.yaml", json.dumps(content))
    after = agent.wait_pod("web", lambda p: revision(p) != revision(before) and is_running(p), what="the new revision")
    time.sleep(SETTLE_SECONDS)

    assert {c.id for c in agent.containers("web")} == ids
    assert {s.id for s in agent.sandboxes("web")} == boxes
    assert uid(after) == uid(before)
    assert agent.events("Killing", uid=uid(before)) == []


@pytest.mark.conformance("S2")
def test_comments_and_formatting_change_nothing_at_all(agent: AgentUnderTest) -> None:
    content = two_containers()
    agent.write("web.yaml", json.dumps(content))
    before = agent.wait_running("web")
    ids = {c.id for c in agent.containers("web")}

    agent.write("web.yaml", "# a comment\n" + json.dumps(content, indent=4) + "\n# another\n")
    time.sleep(SETTLE_SECONDS)

    assert agent.files()["web.yaml"]["verdict"] == "Accepted"
    assert {c.id for c in agent.containers("web")} == ids
    assert agent.events("Killing", uid=uid(before)) == []


@pytest.mark.conformance("S3")
def test_an_edit_of_one_container_restarts_that_one_in_its_sandbox(agent: AgentUnderTest) -> None:
    content = two_containers()
    agent.write("web.yaml", json.dumps(content))
    before = agent.wait_running("web")
    main, side = agent.container_id("web"), agent.container_id("web", "side")
    (box,) = agent.sandboxes("web")

    content["spec"]["containers"][0]["env"] = [{"name": "NEW", "value": "1"}]
    agent.write("web.yaml", json.dumps(content))
    after = agent.wait_pod(
        "web", lambda p: is_running(p) and main not in container_status(p)["containerID"], what="the new container"
    )

    assert agent.exec("web", "sh", "-c", "echo $NEW") == "1\n"
    assert agent.container_id("web", "side") == side
    assert [s.id for s in agent.sandboxes("web")] == [box.id]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert [container_status(after, name)["restartCount"] for name in ("main", "side")] == [0, 0]
    assert len(agent.containers("web", running=True)) == 2


def test_an_edit_of_the_pod_makes_everything_anew(agent: AgentUnderTest) -> None:
    content = two_containers()
    content["spec"]["volumes"] = [{"name": "d", "emptyDir": {}}]
    content["spec"]["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
    agent.write("web.yaml", json.dumps(content))
    before = agent.wait_running("web")
    (box,) = agent.sandboxes("web")
    ids = {c.id for c in agent.containers("web")}
    agent.exec("web", "touch", "/d/old")

    content["spec"]["hostname"] = "renamed"
    agent.write("web.yaml", json.dumps(content))
    agent.wait("another sandbox", lambda: {s.id for s in agent.sandboxes("web") if s.ready} - {box.id})
    after = agent.wait_running("web")

    assert agent.exec("web", "hostname") == "renamed\n"
    assert agent.exec("web", "ls", "/d") == ""  # a whole-pod edit has fresh emptyDirs (foundation 14)
    assert not ids & {c.id for c in agent.containers("web", running=True)}
    assert uid(after) == uid(before)
    assert container_status(after)["restartCount"] == 0
    # The old one stays for what `logs --previous` needs; older ones go.
    for number in range(2):
        content["spec"]["hostname"] = f"renamed-{number}"
        agent.write("web.yaml", json.dumps(content))
        agent.wait("the edit is made", partial(_has_hostname, agent, f"renamed-{number}"))
        agent.wait_running("web")
    left = agent.wait("two sandboxes are left", lambda: len(b := agent.sandboxes("web")) == 2 and b)
    assert box.id not in {s.id for s in left}


def _has_hostname(agent: AgentUnderTest, name: str) -> bool:
    return agent.exec("web", "hostname").strip() == name


def test_an_image_is_there_before_the_old_container_stops(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web"))
    before = agent.wait_running("web")
    old = agent.container_id("web")

    agent.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    waiting = agent.wait_pod("web", lambda p: OTHER_IMAGE in candidate_message(p), 20)

    assert agent.container_id("web") == old
    assert revision(waiting) == revision(before)
    assert waiting["spec"]["containers"][0]["image"] == BUSYBOX_IMAGE
    assert condition(waiting, "podstead.io/CandidateReady") == "False"
    assert is_running(agent.pod("web"))

    archive = agent.root / "other.tar"
    build_busybox_image(archive, OTHER_IMAGE, extra=(ImageFile(path="other", content=b"other\n"),))
    agent.import_image(archive)
    archive.unlink()
    after = agent.wait_pod("web", lambda p: revision(p) != revision(before) and is_running(p), 15)
    agent.wait("the new container runs", lambda: agent.container_id("web") != old)

    assert agent.exec("web", "cat", "/other") == "other\n"
    assert container_status(after)["restartCount"] == 0
    assert condition(after, "podstead.io/CandidateReady") != "False"


@pytest.mark.conformance("S5")
@pytest.mark.parametrize("broken", ["", "kind: Pod\nmetadata: ["])
def test_a_broken_edit_keeps_the_last_good_revision(agent: AgentUnderTest, broken: str) -> None:
    agent.write("web.yaml", manifest("web"))
    agent.wait_running("web")
    old = agent.container_id("web")

    agent.write("web.yaml", broken)
    report = agent.wait_file("web.yaml", "Rejected")
    time.sleep(SETTLE_SECONDS)

    assert report["messages"]
    assert agent.container_id("web") == old
    assert is_running(agent.pod("web"))
    assert agent.events(report["reason"], "web.yaml")

    agent.restart()
    assert agent.container_id("web") == old

    agent.write("web.yaml", manifest("web", container={"env": [{"name": "A", "value": "b"}]}))
    agent.wait("the mended file is effective", lambda: agent.container_id("web") != old)
    agent.wait_running("web")


def test_a_file_that_comes_back_at_once_is_an_edit_and_later_a_new_pod(agent: AgentUnderTest) -> None:
    text = manifest("web")
    agent.write("web.yaml", text)
    before = agent.wait_running("web")
    old = agent.container_id("web")

    agent.remove("web.yaml")
    time.sleep(0.2)
    agent.write("web.yaml", text)
    time.sleep(SETTLE_SECONDS)
    assert agent.container_id("web") == old

    agent.remove("web.yaml")
    agent.wait_gone("web")
    agent.write("web.yaml", text)
    after = agent.wait_running("web")
    assert uid(after) != uid(before)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_a_file_brought_back_while_its_pod_ends_starts_it_again(agent: AgentUnderTest) -> None:
    text = manifest("slow", terminationGracePeriodSeconds=3, container={"command": ["sleep", "3600"]})
    agent.write("slow.yaml", text)
    before = agent.wait_running("slow")
    agent.remove("slow.yaml")
    agent.wait("it is being stopped", lambda: agent.events("Killing", "slow"))

    agent.write("slow.yaml", text)
    after = agent.wait_pod("slow", lambda p: uid(p) != uid(before) and is_running(p), 15)

    assert len(agent.containers("slow", running=True)) == 1
    assert container_status(after)["restartCount"] == 0


def test_a_renamed_file_restarts_nothing(agent: AgentUnderTest) -> None:
    path = agent.write("web.yaml", manifest("web"))
    agent.wait_running("web")
    old = agent.container_id("web")

    path.rename(agent.manifests / "other.yaml")
    agent.wait_file("other.yaml", "Accepted")
    time.sleep(SETTLE_SECONDS)

    assert agent.container_id("web") == old
    assert set(agent.files()) == {"other.yaml"}
    agent.remove("other.yaml")
    agent.wait_gone("web")


@pytest.mark.parametrize("change", [{"name": "new"}, {"name": "old", "namespace": "elsewhere"}])
def test_a_pod_moves_to_another_name_without_a_clash_of_ports(agent: AgentUnderTest, change: dict[str, str]) -> None:
    serving = {"command": ["httpd", "-f", "-p", "18081"], "ports": [{"containerPort": 18081, "hostPort": 18081}]}
    agent.write("web.yaml", manifest("old", container=serving))
    agent.wait_running("old")
    old = agent.container_id("old")
    wanted = f"{change.get('namespace', 'default')}/{change['name']}-node1".removeprefix("default/")

    agent.write("web.yaml", manifest(container=serving, **change))
    pods = agent.wait("only the new one", lambda: set(p := agent.pods()) == {wanted} and is_running(p[wanted]) and p)

    assert container_status(pods[wanted])["restartCount"] == 0
    assert old not in {c.id for c in agent.containers()}


@pytest.mark.conformance("S8")
def test_a_duplicate_is_refused_and_the_running_pod_untouched(agent: AgentUnderTest) -> None:
    agent.write("b.yaml", manifest("web"))
    agent.wait_running("web")
    old = agent.container_id("web")

    # It comes first by name and last in time: neither wins over who runs.
    agent.write("a.yaml", manifest("web", container={"env": [{"name": "A", "value": "b"}]}))
    report = agent.wait_file("a.yaml", "Rejected")
    time.sleep(SETTLE_SECONDS)

    assert "b.yaml" in json.dumps(report["messages"])
    assert agent.container_id("web") == old
    assert agent.files()["b.yaml"]["verdict"] == "Accepted"
    agent.remove("b.yaml")
    agent.wait("the other file has its turn", lambda: agent.files()["a.yaml"]["verdict"] == "Accepted")
    agent.wait_running("web")
    agent.wait("its revision runs", lambda: agent.exec("web", "sh", "-c", "echo $A") == "b\n")


def test_many_fast_edits_end_with_the_last(agent: AgentUnderTest) -> None:
    for number in range(12):
        agent.write("web.yaml", manifest("web", container={"env": [{"name": "N", "value": str(number)}]}))
        time.sleep(0.1)

    agent.wait("the last edit runs", lambda: _runs_with(agent, "11"), 20)

    pod = agent.wait_running("web")
    assert container_status(pod)["restartCount"] == 0
    assert len(agent.containers("web", running=True)) == 1


def _runs_with(agent: AgentUnderTest, number: str) -> bool:
    running = agent.containers("web", running=True)
    return len(running) == 1 and agent.exec("web", "sh", "-c", "echo $N").strip() == number


def test_an_edit_while_the_agent_is_down_is_made_when_it_is_back(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", two := json.dumps(two_containers()))
    agent.write("gone.yaml", manifest("gone"))
    agent.wait_running("web")
    agent.wait_running("gone")
    side = agent.container_id("web", "side")
    agent.kill9()
    content = json.loads(two)
    content["spec"]["containers"][0]["env"] = [{"name": "NEW", "value": "1"}]
    agent.write("web.yaml", json.dumps(content))
    agent.remove("gone.yaml")
    agent.write("new.yaml", manifest("new"))

    agent.start()

    agent.wait_gone("gone")
    agent.wait_running("new")
    agent.wait("the edit is made", lambda: agent.exec("web", "sh", "-c", "echo $NEW") == "1\n")
    assert agent.container_id("web", "side") == side


def test_writers_that_write_in_place_make_no_half_pod(agent: AgentUnderTest) -> None:
    text = manifest("web", container={"env": [{"name": "LONG", "value": "x" * 4000}]})
    path = agent.manifests / "web.yaml"

    def drip() -> None:
        with path.open("w") as file:
            for start in range(0, len(text), 400):
                file.write(text[start : start + 400])
                file.flush()
                time.sleep(0.05)

    writer = threading.Thread(target=drip)
    writer.start()
    pod = agent.wait_running("web")
    writer.join()

    assert len(agent.containers("web")) == 1
    assert agent.events("Killing", uid=uid(pod)) == []
