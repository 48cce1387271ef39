"""Ours: files, status, images, stop-all, accept-directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.reading import Message, Severity
from podstead.server.port import FileReport, ImageReport, LocalObjectReport, Problem
from podstead.store.changes import PODS
from tests.support.api import pod

if TYPE_CHECKING:
    from tests.support.api import Node

OWN = "/apis/podstead.io/v1alpha1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
JSON = {"content-type": "application/json"}


def reports() -> list[FileReport]:
    remark = Message(line=3, column=5, field="spec.containers", severity=Severity.ERROR, message="Required value")
    return [
        FileReport(path="/m/bad\x1b.yaml", verdict="Rejected", reason="Invalid", messages=(remark,), owner="root"),
        FileReport(
            path="/m/mysql.yaml",
            verdict="Accepted",
            pods=("default/mysql-node1",),
            revision="r2",
            running="r1",
            owner="root",
            modified="2026-09-21T00:00:00Z",
        ),
    ]


async def test_files_as_objects(node: Node) -> None:
    node.agent.reports = reports()
    got = (await node.get(f"{OWN}/files")).json()
    assert (got["kind"], got["apiVersion"]) == ("FileList", "podstead.io/v1alpha1")
    bad, good = got["items"]
    assert bad["messages"] == [
        {"line": 3, "column": 5, "field": "spec.containers", "severity": "error", "message": "Required value"}
    ]
    keys = ("path", "verdict", "reason", "messages", "pods", "revision", "running", "owner", "modified")
    assert {key: good[key] for key in keys} == {
        "path": "/m/mysql.yaml",
        "verdict": "Accepted",
        "reason": "",
        "messages": [],
        "pods": ["default/mysql-node1"],
        "revision": "r2",
        "running": "r1",
        "owner": "root",
        "modified": "2026-09-21T00:00:00Z",
    }
    assert good["metadata"] == {"name": "mysql.yaml"}


async def test_one_file_and_the_table(node: Node) -> None:
    node.agent.reports = reports()
    assert (await node.get(f"{OWN}/files/mysql.yaml")).json()["running"] == "r1"
    missing = await node.get(f"{OWN}/files/x.yaml")
    assert (missing.status, missing.json()["message"]) == (404, 'files.podstead.io "x.yaml" not found')
    table = (await node.get(f"{OWN}/files", TABLE)).json()
    assert [row["cells"][:4] for row in table["rows"]] == [
        ["bad\\x1b.yaml", "Rejected", "Invalid", "<none>"],
        ["mysql.yaml", "Accepted", "<none>", "default/mysql-node1"],
    ]
    assert table["rows"][1]["object"]["metadata"]["name"] == "mysql.yaml"
    one = (await node.get(f"{OWN}/files/mysql.yaml", TABLE)).json()
    assert len(one["rows"]) == 1


async def test_status_counts_files_and_pods(node: Node) -> None:
    node.agent.reports = reports()
    node.agent.problems = (Problem(reason="DirectoryGone", message="gone", advice="podstead accept-directory"),)
    node.store.put(PODS, pod("a-node1"))
    got = (await node.get(f"{OWN}/status")).json()
    assert (got["node"], got["instance"], got["directory"]) == ("node1", "1a2b3c4d", "/etc/manifests")
    assert (got["files"], got["objectFiles"]) == ({"Accepted": 1, "Rejected": 1}, {})
    assert (got["pods"], got["podsReady"]) == ({"Running": 1}, 0)
    assert got["problems"] == [{"reason": "DirectoryGone", "message": "gone", "advice": "podstead accept-directory"}]
    assert set(got["runtime"]) >= {"name", "version", "endpoint", "ociRuntime", "private", "ready", "networkReady"}


async def test_status_counts_files_of_objects_apart(node: Node) -> None:
    node.agent.objects_directory = "/etc/objects"
    node.agent.reports = [*reports(), FileReport(path="/etc/objects/db.yaml", verdict="Rejected", reason="x")]
    got = (await node.get(f"{OWN}/status")).json()
    assert (got["files"], got["objectFiles"]) == ({"Accepted": 1, "Rejected": 1}, {"Rejected": 1})


async def test_images(node: Node) -> None:
    node.agent.held = {"a:1": ImageReport(id="sha256:00112233445566", tags=("docker.io/library/a:1",), size=1_000_000)}
    items = (await node.get(f"{OWN}/images")).json()["items"]
    assert (items[0]["tags"], items[0]["size"]) == (["docker.io/library/a:1"], 1_000_000)
    table = (await node.get(f"{OWN}/images", TABLE)).json()
    assert table["rows"][0]["cells"][:3] == ["docker.io/library/a:1", "001122334455", "1MB"]


async def test_a_pull_tells_its_progress(node: Node) -> None:
    answer = await node.ask("POST", f"{OWN}/images/pull", JSON, b'{"image": "docker.io/library/a:1"}')
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jsonl")
    assert answer.lines() == [
        {"type": "Progress", "message": "asking for docker.io/library/a:1"},
        {"type": "Progress", "message": "downloading", "current": 5, "total": 10},
        {"type": "Done", "message": "pulled docker.io/library/a:1"},
    ]
    removed = await node.ask("DELETE", f"{OWN}/images/docker.io%2Flibrary%2Fa:1")
    assert removed.json()["removed"] == ["docker.io/library/a:1"]
    again = await node.ask("DELETE", f"{OWN}/images/docker.io%2Flibrary%2Fa:1")
    assert (again.status, again.json()["message"]) == (404, "image 'docker.io/library/a:1' is not on this node")


async def test_a_failed_pull_ends_with_a_status(node: Node) -> None:
    answer = await node.ask("POST", f"{OWN}/images/pull", JSON, b'{"image": "missing:1"}')
    last = answer.lines()[-1]
    assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("Error", 404, "NotFound")
    assert last["message"] == "cannot pull image 'missing:1': registry.example does not know it"


async def test_a_full_disk_ends_an_import_with_a_status(node: Node) -> None:
    answer = await node.ask("POST", f"{OWN}/images/import", JSON, b'{"path": "/full.tar"}')
    last = answer.lines()[-1]
    assert last["type"] == "Error"
    assert last["message"] == "cannot go on: No space left on device (/r/containerd/certs.d)"


async def test_bad_bodies_name_the_field(node: Node) -> None:
    for body, complaint in (
        (b"", "cannot read the request's body"),
        (b"{}", "image"),
        (b'{"image": 5}', "$.image"),
        (b'{"image": "a", "tag": "b"}', "tag"),
        (b'{"image": " "}', "image: Required value"),
    ):
        answer = await node.ask("POST", f"{OWN}/images/pull", JSON, body)
        assert answer.status == 400
        assert complaint in answer.json()["message"]
    form = await node.ask("POST", f"{OWN}/images/pull", {"content-type": "text/yaml"}, b"image: a")
    assert form.status == 415
    relative = await node.ask("POST", f"{OWN}/images/import", JSON, b'{"path": "a.tar"}')
    assert (relative.status, "absolute path" in relative.json()["message"]) == (400, True)


async def test_import_stop_and_accept(node: Node) -> None:
    imported = await node.ask("POST", f"{OWN}/images/import", JSON, b'{"path": "/tmp/a.tar"}')
    assert [line["type"] for line in imported.lines()] == ["Progress", "Done"]
    stopped = await node.ask("POST", f"{OWN}/stop-all")
    assert stopped.lines()[0]["message"] == "stopping default/mysql-node1"
    accepted = await node.ask("POST", f"{OWN}/accept-directory")
    assert (accepted.json()["message"], node.agent.accepted) == ("2 pods will go", 1)
    assert (await node.ask("GET", f"{OWN}/stop-all")).status == 405


async def test_no_answer_meant_for_people_steers_a_terminal(node: Node) -> None:
    hostile = "a\x1b[2J\n\u202e\x9b<script>"
    node.agent.reports = [FileReport(path=f"/m/{hostile}.yaml", verdict="Ignored", reason=hostile, owner=hostile)]
    name = (await node.get(f"{OWN}/files")).json()["items"][0]["metadata"]["name"]
    assert name == "a\\x1b[2J\\n\\u202e\\x9b<script>.yaml"
    cells = (await node.get(f"{OWN}/files", TABLE)).json()["rows"][0]["cells"]
    assert all(cell.isprintable() for cell in cells)
    for answer in (
        await node.get(f"{OWN}/files/%1B%0A"),
        await node.get("/api/v1/namespaces/default/pods/%1B%E2%80%AE"),
        await node.get("/api/v1/pods?fieldSelector=%1B=x"),
        await node.ask("DELETE", f"{OWN}/images/%1B%0A"),
    ):
        assert answer.json()["message"].isprintable()
        assert answer.headers["content-type"] == "application/json"
    pulled = await node.ask("POST", f"{OWN}/images/pull", JSON, b'{"image": "missing\\u001b\\n"}')
    assert all(line["message"].isprintable() for line in pulled.lines())


def objects() -> list[LocalObjectReport]:
    def one(kind: str, name: str, namespace: str = "default", **more: object) -> LocalObjectReport:
        taken = "2026-09-21T00:00:00Z"
        return LocalObjectReport(
            kind=kind, namespace=namespace, name=name, keys=2, taken=taken, file="all.yaml", **more,  # type: ignore[arg-type]  # fields
        )  # fmt: skip

    return [
        one("ConfigMap", "web"),
        one("ConfigMap", "web", "other"),
        one("Secret", "db", type="Opaque", gone=True),
    ]


async def test_objects_are_told_of_by_namespace_and_name(node: Node) -> None:
    node.agent.objects = objects()
    listed = (await node.get(f"{OWN}/configmaps")).json()
    assert (listed["kind"], [item["metadata"]["namespace"] for item in listed["items"]]) == (
        "ConfigMapList",
        ["default", "other"],
    )
    assert len((await node.get(f"{OWN}/namespaces/other/configmaps")).json()["items"]) == 1
    assert (await node.get(f"{OWN}/namespaces/default/secrets/db")).json() == {
        "apiVersion": "podstead.io/v1alpha1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "default", "creationTimestamp": "2026-09-21T00:00:00Z"},
        "keys": 2,
        "file": "all.yaml",
        "type": "Opaque",
        "immutable": False,
        "gone": True,
    }
    for path in ("namespaces/default/secrets/web", "namespaces/other/secrets/db"):
        assert (await node.get(f"{OWN}/{path}")).status == 404


async def test_objects_as_kubectl_prints_them(node: Node) -> None:
    node.agent.objects = objects()
    table = (await node.get(f"{OWN}/secrets", TABLE)).json()
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Type", "Data", "Age", "File"]
    (row,) = table["rows"]
    assert [row["cells"][index] for index in (0, 1, 2, 4)] == ["db", "Opaque", "2", "<gone>"]
    assert row["object"]["metadata"]["namespace"] == "default"
    table = (await node.get(f"{OWN}/namespaces/default/configmaps", TABLE)).json()
    assert [row["cells"][0] for row in table["rows"]] == ["web"]


async def test_kubernetes_own_paths_have_no_objects_without_data(node: Node) -> None:
    node.agent.objects = objects()
    assert (await node.get("/api/v1/secrets")).status == 404
    assert (await node.get("/api/v1/namespaces/default/configmaps/web")).status == 404
