"""Images in use are not removed, under whatever name they are asked for (foundation 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from podstead.containerd.oci_image import ImageFile
from tests.support.agent import OWN
from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

OTHER = "docker.io/library/other:7"
ALSO = "docker.io/library/also-other:7"


def remove(agent: AgentUnderTest, image: str) -> tuple[int, str]:
    """Ask for an image's removal; returns the status and the message or the names that went."""
    reply = agent.api.ask("DELETE", f"{OWN}/images/{quote(image, safe='')}")
    body = reply.json()
    return reply.status, body.get("message", "") or " ".join(body.get("removed", []))


def tags(agent: AgentUnderTest) -> dict[str, set[str]]:
    """Return the tags of every image by its id."""
    return {i["id"]: set(i["tags"]) for i in agent.api.get(f"{OWN}/images")["items"]}


def import_other(agent: AgentUnderTest, directory: Path) -> None:
    archive = directory / "other.tar"
    build_busybox_image(archive, OTHER, ALSO, extra=(ImageFile(path="other", content=b"other\n"),))
    agent.import_image(archive)


def test_an_image_that_a_pod_needs_stays_under_all_its_names(agent: AgentUnderTest, tmp_path: Path) -> None:
    import_other(agent, tmp_path)
    agent.write("web.yaml", manifest("web", image=OTHER))
    agent.wait_running("web")
    before = tags(agent)
    (identifier,) = [i for i, names in before.items() if OTHER in names]
    assert before[identifier] >= {OTHER, ALSO}

    for name in (OTHER, ALSO, "also-other:7", identifier):
        status, message = remove(agent, name)
        assert status >= 400
        assert "default/web-node1" in message
    assert tags(agent) == before

    agent.remove("web.yaml")
    agent.wait_gone("web")
    status, gone = remove(agent, ALSO)
    assert status == 200, gone
    assert {OTHER, ALSO} <= set(gone.split())
    assert identifier not in tags(agent)


def test_what_waits_needs_its_image_too(agent: AgentUnderTest, tmp_path: Path) -> None:
    import_other(agent, tmp_path)
    agent.write("web.yaml", manifest("web"))
    agent.wait_running("web")
    missing = {"name": "later", "hostPath": {"path": str(tmp_path / "not-there"), "type": "Directory"}}
    mount = {"volumeMounts": [{"name": "later", "mountPath": "/later"}]}
    agent.write("web.yaml", manifest("web", image=OTHER, volumes=[missing], container=mount))
    agent.wait("the edit waits for its volume", lambda: agent.events("FailedMount", "web"))
    assert agent.containers("web", running=True)

    for name in (OTHER, BUSYBOX_IMAGE):
        status, message = remove(agent, name)
        assert (status >= 400, "default/web-node1" in message) == (True, True), (name, message)


def test_what_sandboxes_are_made_of_stays(agent: AgentUnderTest) -> None:
    pause = [tag for names in tags(agent).values() for tag in names if "pause" in tag]
    assert pause
    status, message = remove(agent, pause[0])
    assert status >= 400
    assert "sandbox" in message
    assert pause[0] in {tag for names in tags(agent).values() for tag in names}
