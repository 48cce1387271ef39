"""What containers find in their environment under containerd: resources, and values from files of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import OBEYING, container_status, manifest

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

WRITE = (
    "printf '%s\\n' '# made' \"ADDRESS='10.0.0.1:5432'\" \"TEXT='two\nlines'\" > /out/env.new; mv /out/env.new /out/env"
)


def from_file(name: str, key: str, **changes: Any) -> dict[str, Any]:
    reference = {"volumeName": "made", "path": "env", "key": key, **changes}
    return {"name": name, "valueFrom": {"fileKeyRef": reference}}


def from_resource(name: str, resource: str, **changes: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, **changes}}}


def test_values_from_files_and_resources(agent: AgentUnderTest) -> None:
    writer = {
        "name": "writer",
        "image": BUSYBOX_IMAGE,
        "command": ["sh", "-c", f"while [ ! -e /out/go ]; do sleep 0.1; done; {WRITE}; {OBEYING}"],
        "volumeMounts": [{"name": "made", "mountPath": "/out"}],
        "resources": {"limits": {"memory": "64Mi", "cpu": "1"}, "requests": {"cpu": "250m"}},
    }
    reader = {
        "name": "main",
        "image": BUSYBOX_IMAGE,
        "command": ["sh", "-c", OBEYING, "$(ADDRESS)"],
        "env": [
            from_file("ADDRESS", "ADDRESS"),
            from_file("TEXT", "TEXT"),
            from_file("NONE", "NONE", optional=True),
            from_file("ABSENT", "X", path="absent", optional=True),
            from_resource("THEIRS", "limits.memory", containerName="writer", divisor="1Mi"),
            from_resource("SHARE", "requests.cpu", containerName="writer", divisor="1m"),
            from_resource("OWN", "limits.memory", divisor="1Mi"),
            {"name": "URL", "value": "db://$(ADDRESS)"},
        ],
    }
    agent.write("pair.yaml", manifest("pair", containers=[writer, reader], volumes=[{"name": "made", "emptyDir": {}}]))

    def waits(pod: dict[str, Any]) -> bool:
        statuses = {s["name"]: s["state"] for s in pod["status"].get("containerStatuses", [])}
        reason = statuses.get("main", {}).get("waiting", {}).get("reason")
        return reason == "CreateContainerConfigError" and "running" in statuses["writer"]

    pod = agent.wait_pod("pair", waits)
    said = container_status(pod)["state"]["waiting"]["message"]
    assert "cannot set ADDRESS: file 'env' of volume made is not there" in said

    agent.exec("pair", "touch", "/out/go", container="writer")
    agent.wait_running("pair", 20)

    values = dict(entry.split("=", 1) for entry in agent.exec("pair", "cat", "/proc/1/environ").split("\0") if entry)
    assert values["ADDRESS"] == "10.0.0.1:5432"
    assert values["URL"] == "db://10.0.0.1:5432"
    assert values["TEXT"] == "two\nlines"
    assert (values["THEIRS"], values["SHARE"]) == ("64", "250")
    assert int(values["OWN"]) > 64, "without a limit it is the node's memory"
    assert not values.keys() & {"NONE", "ABSENT"}
    assert agent.exec("pair", "cat", "/proc/1/cmdline").split("\0")[3] == "10.0.0.1:5432"
