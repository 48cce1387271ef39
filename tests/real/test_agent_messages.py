"""What ended containers left to say, under containerd (spec/kubelet-static-pods.md 5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import container_status, manifest

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

FALLBACK = {"terminationMessagePolicy": "FallbackToLogsOnError"}


def container(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": BUSYBOX_IMAGE, "command": ["sh", "-c", script], **fields}


def test_messages_of_ended_containers(agent: AgentUnderTest) -> None:
    containers = [
        container("default", "printf 'no widgets' > /dev/termination-log; exit 3"),
        container("elsewhere", "printf 'no gadgets' > /tmp/why; exit 3", terminationMessagePath="/tmp/why"),
        container("log", "seq 1 100; seq 101 200 >&2; exit 3", **FALLBACK),
        container("fine", "seq 1 100", **FALLBACK),
        container("long", "head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log; exit 3"),
        container("missing", "", command=["/no/such/program"]),
    ]
    agent.write("ends.yaml", manifest("ends", containers=containers, restartPolicy="Never"))

    pod = agent.wait_pod("ends", lambda pod: pod["status"]["phase"] == "Failed", 20)

    def message(name: str) -> str:
        return str(container_status(pod, name)["state"]["terminated"].get("message", ""))

    assert message("default") == "no widgets"
    assert message("elsewhere") == "no gadgets"
    assert message("log") == "".join(f"{n}\n" for n in range(121, 201))
    assert message("fine") == ""
    assert message("long") == "x" * (12288 // len(containers))
    assert "no such file" in message("missing").lower()
    assert "/no/such/program" not in message("missing")
