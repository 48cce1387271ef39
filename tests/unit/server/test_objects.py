"""GET and LIST over HTTP: shapes, names, selectors, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.store.changes import EVENTS, NODES, PODS
from tests.support.api import pod

if TYPE_CHECKING:
    from tests.support.api import Node

TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)


async def test_list_of_pods(node: Node) -> None:
    node.store.put(PODS, pod("mysql-node1"))
    node.store.put(PODS, pod("web-node1", "shop"))
    answer = await node.get("/api/v1/pods?limit=500")
    got = answer.json()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (got["kind"], got["apiVersion"], got["metadata"]) == ("PodList", "v1", {"resourceVersion": "1002"})
    assert [item["metadata"]["name"] for item in got["items"]] == ["mysql-node1", "web-node1"]
    one = (await node.get("/api/v1/namespaces/shop/pods")).json()
    assert [item["metadata"]["name"] for item in one["items"]] == ["web-node1"]


async def test_empty_list_has_items_and_a_version(node: Node) -> None:
    got = (await node.get("/api/v1/namespaces/nowhere/pods")).json()
    assert got == {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1000"}, "items": []}


async def test_get_finds_a_pod_with_and_without_the_node_suffix(node: Node) -> None:
    node.store.put(PODS, pod("mysql-node1"))
    for name in ("mysql", "mysql-node1"):
        got = (await node.get(f"/api/v1/namespaces/default/pods/{name}")).json()
        assert (got["kind"], got["apiVersion"], got["metadata"]["name"]) == ("Pod", "v1", "mysql-node1")
    node.store.put(PODS, pod("mysql-node1-node1"))
    exact = (await node.get("/api/v1/namespaces/default/pods/mysql-node1")).json()
    assert exact["metadata"]["name"] == "mysql-node1"


async def test_a_missing_pod_is_a_status_with_details(node: Node) -> None:
    answer = await node.get("/api/v1/namespaces/default/pods/ghost")
    assert answer.status == 404
    assert answer.json() == {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "ghost" not found',
        "reason": "NotFound",
        "details": {"kind": "pods", "name": "ghost"},
        "code": 404,
    }


async def test_unknown_path_has_details_too(node: Node) -> None:
    answer = await node.get("/apis/apps/v1/deployments")
    assert (answer.status, answer.json()["reason"], answer.json()["details"]) == (404, "NotFound", {})


async def test_trailing_slashes_are_tolerated(node: Node) -> None:
    for path in ("/api/", "/apis/", "/version/", "/api/v1/pods/"):
        assert (await node.get(path)).status == 200


async def test_table_of_pods(node: Node) -> None:
    node.store.put(PODS, pod("mysql-node1", app="db"))
    got = (await node.get("/api/v1/pods", TABLE)).json()
    assert (got["kind"], got["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    names = [(c["name"], c["priority"]) for c in got["columnDefinitions"]]
    assert names[:5] == [("Name", 0), ("Ready", 0), ("Status", 0), ("Restarts", 0), ("Age", 0)]
    assert names[5:] == [("IP", 1), ("Node", 1), ("Nominated Node", 1), ("Readiness Gates", 1)]
    row = got["rows"][0]
    assert row["cells"] == ["mysql-node1", "1/1", "Running", "0", "<unknown>", "<none>", "node1", "<none>", "<none>"]
    assert (row["object"]["kind"], row["object"]["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert row["object"]["metadata"]["labels"] == {"app": "db"}
    assert "spec" not in row["object"]


async def test_table_with_whole_objects_or_none(node: Node) -> None:
    node.store.put(PODS, pod("mysql-node1"))
    whole = (await node.get("/api/v1/pods?includeObject=Object", TABLE)).json()["rows"][0]["object"]
    assert (whole["kind"], whole["spec"]["nodeName"]) == ("Pod", "node1")
    bare = (await node.get("/api/v1/pods?includeObject=None", TABLE)).json()["rows"][0]
    assert bare.get("object") is None
    assert (await node.get("/api/v1/pods?includeObject=Half", TABLE)).status == 400


async def test_selectors(node: Node) -> None:
    node.store.put(PODS, pod("a-node1", app="db", tier="x"))
    node.store.put(PODS, pod("b-node1", app="web"))

    async def names(query: str) -> list[str]:
        answer = await node.get(f"/api/v1/pods?{query}")
        return [item["metadata"]["name"] for item in answer.json()["items"]]

    assert await names("labelSelector=app%3Ddb") == ["a-node1"]
    assert await names("labelSelector=app%20in%20(db,web),!tier") == ["b-node1"]
    assert await names("fieldSelector=spec.nodeName%3Dnode1,status.phase!%3DRunning") == []
    assert await names("fieldSelector=metadata.name%3Da") == ["a-node1"]
    bad = await node.get("/api/v1/pods?fieldSelector=spec.color%3Dred")
    assert (bad.status, bad.json()["message"]) == (400, "field label not supported: spec.color")
    assert (await node.get("/api/v1/pods?labelSelector=a%3D%3D%3Db")).status == 400


async def test_events_by_involved_object(node: Node) -> None:
    about = v1.ObjectReference(kind="Pod", namespace="default", name="mysql-node1", uid="hash")
    node.store.put(EVENTS, v1.Event(metadata=v1.ObjectMeta(name="e1", namespace="default"), involved_object=about))
    path = "/api/v1/namespaces/default/events?limit=500&fieldSelector=involvedObject.name%3Dmysql-node1,involvedObject.uid%3D"
    assert len((await node.get(path + "hash")).json()["items"]) == 1
    assert (await node.get(path + "other")).json()["items"] == []


async def test_nodes_and_services(node: Node) -> None:
    node.store.put(NODES, v1.Node(metadata=v1.ObjectMeta(name="node1")))
    assert (await node.get("/api/v1/nodes/node1")).json()["kind"] == "Node"
    services = (await node.get("/api/v1/namespaces/kube-system/services?labelSelector=a%3Db")).json()
    assert (services["kind"], services["items"]) == ("ServiceList", [])


async def test_accept_that_cannot_be_served(node: Node) -> None:
    assert (await node.get("/api/v1/pods", "application/yaml")).status == 406
    protobuf = await node.get("/api/v1/pods", "application/vnd.kubernetes.protobuf,application/json")
    assert (protobuf.status, protobuf.headers["content-type"]) == (200, "application/json")


async def test_writes_say_how_a_static_pod_is_changed(node: Node) -> None:
    for verb, path in (("POST", "pods"), ("DELETE", "pods/mysql"), ("PATCH", "pods/mysql"), ("PUT", "pods/mysql")):
        answer = await node.ask(verb, f"/api/v1/namespaces/default/{path}", body=b"{}")
        assert (answer.status, answer.json()["reason"]) == (405, "MethodNotAllowed")
        assert "changed by their file" in answer.json()["message"]
        assert "/etc/manifests" in answer.json()["message"]
    other = await node.ask("DELETE", "/api/v1/nodes/node1")
    assert (other.status, other.headers["allow"]) == (405, "GET")
