"""Pods from the manifest URL, beside those of the directory: what the server says, and what it fails to say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.config.sources import UrlSettings
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.functional.node import SimulatedNode
from tests.simulators.manifest_server import Answer, ManifestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime


@pytest.fixture
def server() -> Iterator[ManifestServer]:
    with ManifestServer() as made:
        yield made


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, server: ManifestServer) -> AsyncIterator[SimulatedNode]:
    made = SimulatedNode(root, runtime)
    url = UrlSettings(url=f"{server.url()}?token=s3cret", shown=server.url(), check_seconds=0.05)
    made.settings = replace(made.settings, url=url)
    server.answer = Answer(body=pods("web"))
    await made.start()
    yield made
    if made.present:
        await made.stop()


def pods(*names: str, image: str = IMAGE) -> bytes:
    """A PodList."""
    items = [json.loads(manifest(name, image=image)) for name in names]
    return json.dumps({"apiVersion": "v1", "kind": "PodList", "items": items}).encode()


def verdict(node: SimulatedNode, server: ManifestServer) -> str:
    """The verdict on the URL, with its reason."""
    found = {report.path: report for report in node.parts.board.files()}
    report = found.get(server.url())
    return f"{report.verdict} {report.reason}".strip() if report else ""


async def asked_again(node: SimulatedNode, server: ManifestServer) -> None:
    """Wait until the present answer has been fetched, and worked through."""
    count = len(server.asked)
    await node.until("it is fetched", lambda: len(server.asked) >= count + 3)


async def test_a_url_is_one_more_source(node: SimulatedNode, server: ManifestServer) -> None:
    node.write("other.yaml", manifest("other"))
    await node.running_pod("web")
    await node.running_pod("other")
    assert verdict(node, server) == "Accepted"
    pod = node.pod("web")
    assert pod is not None
    assert pod.metadata.annotations["kubernetes.io/config.source"] == "http"
    node.remove("other.yaml")
    await node.gone("other")
    assert node.alive("web")
    node.check()


@pytest.mark.conformance("S11")
async def test_a_server_that_fails_takes_nothing_away(node: SimulatedNode, server: ManifestServer) -> None:
    first = await node.running_pod("web")
    for answer in (Answer(status=500), Answer(body=pods("web"), promised=10_000), Answer(status=404)):
        server.answer = answer
        await asked_again(node, server)
        assert node.parts.board.notes
    server.answer = Answer(body=pods("web"))
    await node.until("it is well again", lambda: not node.parts.board.notes)
    assert node.alive("web") == [first]
    assert verdict(node, server) == "Accepted"
    node.check()


@pytest.mark.conformance("S12")
@pytest.mark.parametrize(
    ("body", "said"), [(b"", "Rejected EmptyManifest"), (b"<html>", "Rejected NotAPod"), (b"kind: [", "Rejected")]
)
async def test_what_is_no_pod_leaves_the_last_good_one(
    node: SimulatedNode, server: ManifestServer, body: bytes, said: str
) -> None:
    first = await node.running_pod("web")
    server.answer = Answer(body=body)
    await node.until("it is refused", lambda: verdict(node, server).startswith(said))
    assert node.alive("web") == [first]
    server.answer = Answer(body=pods("web"))  # the same as before: the kubelet would not see it
    await node.until("it is accepted again", lambda: verdict(node, server) == "Accepted")
    assert node.alive("web") == [first]
    node.check()


@pytest.mark.conformance("S11")
async def test_what_the_list_says_is_followed(node: SimulatedNode, server: ManifestServer) -> None:
    first = await node.running_pod("web")
    server.answer = Answer(body=pods("api", "web", image=OTHER_IMAGE))
    await node.running_pod("api")
    await node.until("web is replaced", lambda: node.alive("web") and node.alive("web") != [first])
    server.answer = Answer(body=pods("api", image=OTHER_IMAGE))
    await node.gone("web")
    server.answer = Answer(body=pods())
    await node.gone("api")
    assert verdict(node, server) == "Accepted"
    node.check()


async def test_pods_outlive_an_agent_that_cannot_reach_the_server(node: SimulatedNode, server: ManifestServer) -> None:
    first = await node.running_pod("web")
    await node.stop()
    server.answer = Answer(status=503)
    await node.start()
    await node.until("it is told", lambda: verdict(node, server) == "Rejected CannotFetch")
    assert await node.running_pod("web") is first
    node.check()


async def test_a_pod_may_move_from_the_directory_to_the_url(node: SimulatedNode, server: ManifestServer) -> None:
    node.write("db.yaml", manifest("db"))
    first = await node.running_pod("db")
    server.answer = Answer(body=manifest("db").encode())
    await node.until("two want it", lambda: verdict(node, server) == "Rejected DuplicatePod")
    node.remove("db.yaml")
    await node.until("the URL has it", lambda: verdict(node, server) == "Accepted")
    assert node.alive("db") == [first]
    await node.gone("web")
    node.check()


async def test_a_url_alone_is_enough(root: Path, runtime: SimulatedRuntime, server: ManifestServer) -> None:
    made = SimulatedNode(root, runtime)
    url = UrlSettings(url=server.url(), shown=server.url(), check_seconds=0.05)
    made.settings = replace(made.settings, source=None, url=url)
    server.answer = Answer(body=pods("web"))
    await made.start()
    try:
        await made.running_pod("web")
        server.answer = Answer(body=pods())
        await made.gone("web")
    finally:
        await made.stop()
