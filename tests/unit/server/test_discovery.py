"""Discovery, version and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.port import Problem

if TYPE_CHECKING:
    from tests.support.api import Node

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


async def test_aggregated_discovery_has_its_own_media_type(node: Node) -> None:
    for path in ("/api", "/apis"):
        answer = await node.get(path, AGGREGATED)
        assert answer.headers["content-type"] == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        assert (answer.json()["kind"], answer.json()["apiVersion"]) == (
            "APIGroupDiscoveryList",
            "apidiscovery.k8s.io/v2",
        )
    core = (await node.get("/api", AGGREGATED)).json()["items"][0]["versions"][0]
    assert core["version"] == "v1"
    by_name = {resource["resource"]: resource for resource in core["resources"]}
    assert set(by_name) == {"pods", "nodes", "namespaces", "events", "services"}
    pods = by_name["pods"]
    assert (pods["scope"], pods["shortNames"], pods["categories"]) == ("Namespaced", ["po"], ["all"])
    assert pods["responseKind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert {sub["subresource"] for sub in pods["subresources"]} == {"exec", "log", "status"}
    assert [name for name, resource in by_name.items() if "categories" in resource] == ["pods"]
    old = await node.get("/api", AGGREGATED.partition(",")[2])
    assert old.json()["apiVersion"] == "apidiscovery.k8s.io/v2beta1"


async def test_legacy_discovery(node: Node) -> None:
    assert (await node.get("/api", "application/json")).json()["versions"] == ["v1"]
    groups = (await node.get("/apis")).json()
    assert (groups["kind"], [group["name"] for group in groups["groups"]]) == ("APIGroupList", ["podstead.io"])
    core = (await node.get("/api/v1")).json()
    assert (core["kind"], core["groupVersion"]) == ("APIResourceList", "v1")
    assert {"pods", "pods/log", "pods/exec", "nodes", "services"} <= {entry["name"] for entry in core["resources"]}
    own = (await node.get("/apis/podstead.io/v1alpha1")).json()
    assert [entry["name"] for entry in own["resources"]] == ["configmaps", "files", "images", "secrets"]


async def test_version(node: Node) -> None:
    got = (await node.get("/version?timeout=5s")).json()
    assert (got["major"], got["minor"]) == ("1", "36")
    assert got["gitVersion"] == "v1.36.0+podstead-0.1.0"


async def test_health(node: Node) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        answer = await node.get(path)
        assert (answer.status, answer.body) == (200, b"ok")
    node.agent.ready = False
    node.agent.problems = (Problem(reason="RuntimeDown", message="containerd does not answer"),)
    answer = await node.get("/readyz")
    assert (answer.status, answer.body) == (503, b"not ready: RuntimeDown")
    assert (await node.get("/livez")).status == 200
