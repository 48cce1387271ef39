"""Watches over HTTP: what comes, in which order, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
import msgspec

from podstead.server.handlers import watch as watch_module
from podstead.store.changes import NODES, PODS
from tests.support.api import CountingVersions, pod
from tests.support.waiting import until

if TYPE_CHECKING:
    import pytest

    from tests.support.api import Client, Node

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Stream:
    """Events of one watch."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lines: list[bytes] = []

    async def next(self) -> tuple[str, dict[str, Any]]:
        while not self._lines:
            event = await self._client.event()
            assert isinstance(event, h11.Data), event
            self._lines = bytes(event.data).splitlines()
        decoded = msgspec.json.decode(self._lines.pop(0))
        return decoded["type"], decoded["object"]

    async def named(self) -> tuple[str, str]:
        kind, item = await self.next()
        return kind, item["metadata"]["name"]

    async def end(self) -> None:
        assert isinstance(await self._client.event(), h11.EndOfMessage)


async def watch(node: Node, query: str, accept: str = "") -> Stream:
    client = await node.connect()
    await client.start("GET", f"/api/v1/pods?watch=true&{query}", {"accept": accept} if accept else None)
    head = await client.event()
    assert head.status_code == 200
    return Stream(client)


async def test_without_a_version_all_pods_come_first(node: Node) -> None:
    node.store.put(PODS, pod("a-node1"))
    stream = await watch(node, "resourceVersion=0")
    assert await stream.named() == ("ADDED", "a-node1")
    node.store.put(PODS, pod("b-node1"))
    node.store.put(PODS, pod("b-node1", new="label"))
    node.store.delete(PODS, "default", "a-node1")
    assert await stream.named() == ("ADDED", "b-node1")
    kind, item = await stream.next()
    assert (kind, item["kind"], item["apiVersion"], item["metadata"]["resourceVersion"]) == (
        "MODIFIED",
        "Pod",
        "v1",
        "1003",
    )
    assert await stream.named() == ("DELETED", "a-node1")


async def test_after_a_list_nothing_is_told_twice(node: Node) -> None:
    node.store.put(PODS, pod("a-node1"))
    listed = (await node.get("/api/v1/pods")).json()["metadata"]["resourceVersion"]
    node.store.put(PODS, pod("b-node1"))
    stream = await watch(node, f"resourceVersion={listed}")
    assert await stream.named() == ("ADDED", "b-node1")


async def test_a_pod_enters_and_leaves_a_selection(node: Node) -> None:
    node.store.put(PODS, pod("a-node1", app="db"))
    listed = (await node.get("/api/v1/pods?labelSelector=app%3Dweb")).json()["metadata"]["resourceVersion"]
    stream = await watch(node, f"labelSelector=app%3Dweb&resourceVersion={listed}")
    for app in ("web", "web", "db"):
        node.store.put(PODS, pod("a-node1", "default", app=app, turn=app * node.store.list(PODS).resource_version))
    node.store.delete(PODS, "default", "a-node1")
    node.store.put(PODS, pod("c-node1", app="web"))
    assert [await stream.named() for _ in range(4)] == [
        ("ADDED", "a-node1"),
        ("MODIFIED", "a-node1"),
        ("DELETED", "a-node1"),
        ("ADDED", "c-node1"),
    ]


async def test_one_pod_by_its_short_name(node: Node) -> None:
    node.store.put(PODS, pod("a-node1"))
    node.store.put(PODS, pod("b-node1"))
    stream = await watch(node, "fieldSelector=metadata.name%3Db&resourceVersion=0")
    assert await stream.named() == ("ADDED", "b-node1")


async def test_table_events(node: Node) -> None:
    node.store.put(PODS, pod("a-node1"))
    stream = await watch(node, "resourceVersion=0", TABLE)
    kind, table = await stream.next()
    assert (kind, table["kind"], table["rows"][0]["cells"][:3]) == ("ADDED", "Table", ["a-node1", "1/1", "Running"])
    assert table["rows"][0]["object"]["metadata"]["name"] == "a-node1"


async def test_versions_that_are_not_known_are_410(node: Node) -> None:
    for version in ("1", "99999"):
        answer = await node.get(f"/api/v1/pods?watch=true&resourceVersion={version}")
        assert (answer.status, answer.json()["reason"], answer.json()["code"]) == (410, "Expired", 410)
    assert (await node.get("/api/v1/pods?watch=true&resourceVersion=x")).status == 400


async def test_a_client_too_far_behind_gets_an_error_event(node: Node) -> None:
    client = await node.connect()
    await client.start("GET", "/api/v1/pods?watch=true&resourceVersion=0")
    await client.event()
    await until(lambda: node.store._shelf(PODS).watches)
    for turn in range(1500):  # more than the store keeps for a slow client, in one turn of the loop
        node.store.put(PODS, pod("a-node1", turn=str(turn)))
    stream = Stream(client)
    kind, item = await stream.next()
    assert (kind, item["code"], item["reason"]) == ("ERROR", 410, "Expired")
    await stream.end()


async def test_timeout_ends_the_stream_cleanly(node: Node) -> None:
    stream = await watch(node, "timeoutSeconds=1&resourceVersion=0")
    await stream.end()


async def test_bookmarks_only_when_allowed(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "BOOKMARK_SECONDS", 0.05)
    node.store.put(PODS, pod("a-node1"))
    stream = await watch(node, "allowWatchBookmarks=true&resourceVersion=0")
    assert await stream.named() == ("ADDED", "a-node1")
    kind, item = await stream.next()
    assert (kind, item) == ("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "1001"}})
    silent = await watch(node, "resourceVersion=0&timeoutSeconds=1")
    assert await silent.named() == ("ADDED", "a-node1")
    await silent.end()


async def test_initial_events_end_with_a_marked_bookmark(node: Node) -> None:
    node.store.put(PODS, pod("a-node1"))
    query = "allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    stream = await watch(node, query)
    assert await stream.named() == ("ADDED", "a-node1")
    kind, item = await stream.next()
    assert kind == "BOOKMARK"
    assert item["metadata"] == {"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "1001"}
    assert (await node.get("/api/v1/pods?watch=true&sendInitialEvents=true")).status == 422
    refused = await node.get(f"/api/v1/pods?watch=true&{query}", TABLE)
    assert (refused.status, refused.json()["reason"]) == (422, "Invalid")


async def test_a_client_that_goes_leaves_no_watch_behind(node: Node) -> None:
    client = await node.connect()
    await client.start("GET", "/api/v1/nodes?watch=true")
    await client.event()
    shelf = node.store._shelf(NODES)
    await until(lambda: len(shelf.watches) == 1)
    client.close()
    await until(lambda: not shelf.watches)


def test_the_simulated_versions_count_like_the_real_ones() -> None:
    versions = CountingVersions()
    assert (versions.current, versions.next(), versions.current) == (1000, 1001, 1001)
