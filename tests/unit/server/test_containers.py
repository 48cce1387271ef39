"""Logs over HTTP, and what exec refuses before it switches protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from podstead.errors import OperatorError
from podstead.k8s import core_v1 as v1
from podstead.server.port import ExecRequest, LogRequest
from podstead.store.changes import PODS
from tests.simulators.api_agent import NOW
from tests.support.api import pod

if TYPE_CHECKING:
    from tests.support.api import Answer, Node

LOG = "/api/v1/namespaces/default/pods/web/log"
EXEC = "/api/v1/namespaces/default/pods/web/exec"
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "v5.channel.k8s.io",
}


def two_containers(**annotations: str) -> v1.Pod:
    item = pod("web-node1")
    spec = msgspec.structs.replace(item.spec, containers=(v1.Container(name="a"), v1.Container(name="b")))
    meta = msgspec.structs.replace(item.metadata, annotations={**item.metadata.annotations, **annotations})
    return msgspec.structs.replace(item, spec=spec, metadata=meta)


async def test_a_log_is_plain_text(node: Node) -> None:
    node.store.put(PODS, pod("web-node1"))
    node.agent.logs = [b"one\n", b"two\xff\n"]
    answer = await node.get(LOG)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/plain", b"one\ntwo\xff\n")
    assert node.agent.log_requests == [
        LogRequest(namespace="default", name="web-node1", uid="hash-web-node1", container="main")
    ]
    assert node.agent.log_closed


async def test_a_log_that_is_not_there_yet_names_what_its_container_waits_for(node: Node) -> None:
    item = pod("web-node1")
    assert item.status is not None
    waiting = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="PodInitializing"))
    (one,) = item.status.container_statuses
    changed = (msgspec.structs.replace(one, state=waiting),)
    node.store.put(
        PODS,
        msgspec.structs.replace(item, status=msgspec.structs.replace(item.status, container_statuses=changed)),
    )
    await node.get(LOG)
    assert node.agent.log_requests[0].waiting == "PodInitializing"


async def test_log_options(node: Node) -> None:
    node.store.put(PODS, pod("web-node1"))
    await node.get(
        f"{LOG}?container=main&previous=true&tailLines=5&sinceSeconds=60&timestamps=true&limitBytes=9&follow=1"
    )
    await node.get(f"{LOG}?sinceTime=2026-01-01T00:00:00Z&tailLines=0")
    assert node.agent.log_requests[0] == LogRequest(
        namespace="default",
        name="web-node1",
        uid="hash-web-node1",
        container="main",
        previous=True,
        follow=True,
        timestamps=True,
        since=NOW - 60,
        tail_lines=5,
        limit_bytes=9,
    )
    assert (node.agent.log_requests[1].since, node.agent.log_requests[1].tail_lines) == (1767225600.0, 0)


@pytest.mark.parametrize(
    ("query", "code", "complaint"),
    [
        ("container=other", 400, "container other is not valid for pod web-node1"),
        ("tailLines=-1", 422, "must be greater than or equal to 0"),
        ("tailLines=x", 400, "write a whole number"),
        ("sinceSeconds=0", 422, "must be greater than or equal to 1"),
        ("limitBytes=0", 422, "must be greater than or equal to 1"),
        ("sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", 422, "at most one of"),
        ("sinceTime=yesterday", 400, "write an RFC 3339 time"),
        ("follow=perhaps", 400, "write true or false"),
        ("stream=Stderr", 422, "only All is known"),
    ],
)
async def test_bad_log_options(node: Node, query: str, code: int, complaint: str) -> None:
    node.store.put(PODS, pod("web-node1"))
    answer = await node.get(f"{LOG}?{query}")
    assert answer.status == code
    assert complaint in answer.json()["message"]
    assert node.agent.log_requests == []


async def test_a_log_that_is_not_there_is_a_400_status(node: Node) -> None:
    node.store.put(PODS, pod("web-node1"))
    node.agent.log_error = OperatorError('previous terminated container "main" in pod "web-node1" not found')
    answer = await node.get(f"{LOG}?previous=true")
    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")
    assert answer.json()["message"] == 'previous terminated container "main" in pod "web-node1" not found'
    assert (await node.get("/api/v1/namespaces/default/pods/ghost/log")).status == 404


async def test_which_container_is_meant(node: Node) -> None:
    node.store.put(PODS, two_containers())
    answer = await node.get(LOG)
    assert answer.status == 400
    assert answer.json()["message"] == "a container name must be specified for pod web-node1, choose one of: [a b]"
    node.store.put(PODS, two_containers(**{"kubectl.kubernetes.io/default-container": "b"}))
    await node.get(LOG)
    assert node.agent.log_requests[0].container == "b"


async def ask_exec(node: Node, query: str, **changed: str) -> Answer:
    headers = {name: value for name, value in {**UPGRADE, **changed}.items() if value}
    return await node.ask("GET", f"{EXEC}?{query}", headers)


@pytest.mark.parametrize(
    ("query", "changed", "complaint"),
    [
        ("stdout=true", {}, "at least 1 command"),
        ("command=ls", {}, "at least one of stdin, stdout, stderr"),
        ("command=ls&tty=true&stderr=true", {}, "tty and stderr cannot both be true"),
        ("command=ls&stdout=true&container=x", {}, "container x is not valid for pod web-node1"),
        ("command=ls&stdout=true", {"upgrade": ""}, "needs an upgrade to websocket"),
        ("command=ls&stdout=true", {"sec-websocket-protocol": ""}, "v5.channel.k8s.io or v4.channel.k8s.io"),
        ("command=ls&stdout=true", {"sec-websocket-protocol": "base64.channel.k8s.io"}, "v5.channel.k8s.io"),
    ],
)
async def test_exec_is_refused_before_anything_starts(
    node: Node, query: str, changed: dict[str, str], complaint: str
) -> None:
    node.store.put(PODS, pod("web-node1"))
    answer = await ask_exec(node, query, **changed)
    assert answer.status == 400
    assert complaint in answer.json()["message"]
    assert node.agent.exec_requests == []


async def test_exec_agrees_on_the_best_protocol_and_asks_the_agent(node: Node) -> None:
    node.store.put(PODS, pod("web-node1"))
    offered = "v4.channel.k8s.io, v5.channel.k8s.io"
    answer = await ask_exec(
        node, "command=sh&command=-c&command=a%20b&stdin=true&stdout=true", **{"sec-websocket-protocol": offered}
    )
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "v5.channel.k8s.io"
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
    assert node.agent.exec_requests == [
        ExecRequest(
            namespace="default",
            name="web-node1",
            container="main",
            command=("sh", "-c", "a b"),
            stdin=True,
            stdout=True,
        )
    ]
