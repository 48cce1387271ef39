"""Ours under …/pods/NAME: revisions and what root asks for; and apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.server.operations import Application, PodReport, RevisionReport
from podstead.store.changes import PODS
from tests.support.api import pod

if TYPE_CHECKING:
    from tests.support.api import Node

OWN = "/apis/podstead.io/v1alpha1"
WEB = f"{OWN}/namespaces/default/pods/web"
JSON = {"content-type": "application/json"}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def web(node: Node) -> Node:
    """A node with a pod of two revisions."""
    node.store.put(PODS, pod("web-node1"))
    node.operations.reports["default/web-node1"] = PodReport(
        uid="u1", file="web.yaml", effective="r1", passed_over="r2"
    )
    node.operations.kept = (
        RevisionReport(
            id="r1",
            states=("Effective", "LastReady"),
            admitted="2026-09-21T00:00:00Z",
            effective_since="2026-09-21T00:00:00Z",
            file="web\x1b.yaml",
            owner="root",
        ),
        RevisionReport(id="r2", states=("PassedOver",), admitted="2026-09-21T00:00:00Z", file="web.yaml"),
    )
    node.operations.manifests["r1"] = b"kind: Pod\n"
    return node


async def test_which_revision_a_pod_runs(web: Node) -> None:
    got = (await web.get(WEB)).json()
    assert (got["kind"], got["metadata"]) == ("PodRevision", {"name": "web-node1", "namespace": "default"})
    assert (got["effective"], got["passedOver"], got["ready"]) == ("r1", "r2", False)
    assert (await web.get(f"{OWN}/namespaces/default/pods/none")).status == 404


async def test_revisions_as_objects_and_as_a_table(web: Node) -> None:
    got = (await web.get(f"{WEB}/revisions")).json()
    assert got["kind"] == "RevisionList"
    assert [(item["id"], item["states"]) for item in got["items"]] == [
        ("r1", ["Effective", "LastReady"]),
        ("r2", ["PassedOver"]),
    ]
    table = (await web.get(f"{WEB}/revisions", TABLE)).json()
    assert [column["name"] for column in table["columnDefinitions"]] == [
        *("Revision", "State", "Admitted", "Effective", "File", "Owner", "Signer"),
    ]
    assert [row["cells"] for row in table["rows"]] == [
        ["r1", "Effective,LastReady", "14h", "14h", "web\\x1b.yaml", "root", "<none>"],
        ["r2", "PassedOver", "14h", "<none>", "web.yaml", "<none>", "<none>"],
    ]


async def test_the_bytes_of_a_revision(web: Node) -> None:
    answer = await web.get(f"{WEB}/revisions/r1")
    assert (answer.body, answer.headers["content-type"]) == (b"kind: Pod\n", "application/yaml")
    assert (await web.get(f"{WEB}/revisions/none")).status == 404


async def test_orders(web: Node) -> None:
    for path, body, expected in (
        ("rollback", b"", ("rollback", "default/web-node1", "")),
        ("rollback", b'{"revision": "r2"}', ("rollback", "default/web-node1", "r2")),
        ("restart", b'{"container": "main"}', ("restart", "default/web-node1", "main")),
        ("stop", b"", ("stop", "default/web-node1")),
        ("start", b"", ("start", "default/web-node1")),
    ):
        answer = await web.ask("POST", f"{WEB}/{path}", JSON, body)
        assert (answer.status, answer.json()["message"]) == (200, " ".join(expected))
        assert web.operations.asked[-1] == expected
    assert (await web.ask("POST", f"{WEB}/restart", JSON, b'{"containers": "x"}')).status == 400
    assert (await web.get(f"{WEB}/stop")).status == 405


async def test_apply_takes_bytes(web: Node) -> None:
    answer = await web.ask("POST", f"{OWN}/apply?dryRun=true", {"content-type": "application/yaml"}, b"kind: Pod")
    assert (answer.status, answer.json()["pods"][0]["outcome"]) == (200, "configured")
    assert web.operations.applied == [(b"kind: Pod", True)]
    form = await web.ask("POST", f"{OWN}/apply", {"content-type": "application/x-www-form-urlencoded"}, b"a")
    assert form.status == 415
    web.operations.application = Application(reason="InvalidManifest")
    refused = await web.ask("POST", f"{OWN}/apply", None, b"a")
    assert (refused.status, refused.json()["reason"], refused.json()["pods"]) == (200, "InvalidManifest", [])


async def test_delete(web: Node) -> None:
    answer = await web.ask("POST", f"{WEB}/delete")
    assert (answer.json()["file"], answer.json()["removed"]) == ("/m/web.yaml", True)
    assert web.operations.asked == [("delete", "default/web-node1")]
