"""`podstead get` against the real API: kubectl's tables, selections, formats, watches and hints."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
import yaml

from podstead.cli.main import main
from podstead.server.port import LocalObjectReport
from podstead.store.changes import PODS
from tests.unit.cli.objects import fill, mysql, waiting_pod

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Shell

ALL_PODS = """\
NAMESPACE     NAME          READY   STATUS             RESTARTS   AGE
kube-system   mysql-node1   1/1     Running            0          73m
shop          web-node1     0/1     ImagePullBackOff   0          <unknown>
"""


async def test_pods_of_all_namespaces(shell: Shell) -> None:
    fill(shell.node)
    for words in (("get", "pods", "-A"), ("get", "po", "-A"), ("get", "pod", "--all-namespaces")):
        result = await shell(*words)
        assert (result.code, result.out, result.err) == (0, ALL_PODS, "")


async def test_glued_flags_and_namespaces(shell: Shell) -> None:
    fill(shell.node)
    wide = await shell("get", "po", "-nkube-system", "-owide")
    assert wide.out.splitlines() == [
        "NAME          READY   STATUS    RESTARTS   AGE   IP           NODE    NOMINATED NODE   READINESS GATES",
        "mysql-node1   1/1     Running   0          73m   192.0.2.10   node1   <none>           <none>",
    ]
    bare = await shell("get", "po", "-n", "kube-system", "--no-headers")
    assert bare.out == "mysql-node1   1/1   Running   0     73m\n"
    labels = await shell("get", "po", "-A", "-l", "run=mysql", "--show-labels")
    assert labels.out.splitlines()[1].endswith("73m   name=mysql,run=mysql")
    assert len(labels.out.splitlines()) == 2
    field = await shell("get", "po", "-A", "--field-selector", "status.phase=Pending", "-oname")
    assert field.out == "pod/web-node1\n"


async def test_nothing_in_the_default_namespace_names_the_others(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("get", "pods")
    assert (result.code, result.out) == (0, "")
    assert result.err == "No resources found in default namespace. 2 pods in other namespaces: add -A\n"
    elsewhere = await shell("get", "pods", "-n", "nowhere")
    assert elsewhere.err == "No resources found in nowhere namespace.\n"
    events = await shell("get", "ev", "-A", "--field-selector", "reason=Never")
    assert (events.out, events.err) == ("", "No resources found\n")


async def test_one_pod_by_either_name(shell: Shell) -> None:
    fill(shell.node)
    for words in (("pod", "mysql"), ("pods", "mysql-node1"), ("pod/mysql",)):
        result = await shell("get", *words, "-n", "kube-system")
        assert result.out.splitlines()[1].startswith("mysql-node1   1/1     Running")
    missing = await shell("get", "pod", "mysql")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == (
        'error: pods "mysql" not found in namespace default, but there is one in namespace kube-system: '
        "add -n kube-system\n"
    )
    ghost = await shell("get", "pod", "ghost")
    assert ghost.err == 'error: pods "ghost" not found\n'


def some_objects() -> list[LocalObjectReport]:
    taken = "2026-09-21T14:12:20Z"
    return [
        LocalObjectReport(kind="ConfigMap", namespace="shop", name="web", keys=3, taken=taken, file="web.yaml"),
        LocalObjectReport(
            kind="Secret", namespace="default", name="db", keys=1, taken=taken, file="db.yaml", type="Opaque"
        ),
    ]


async def test_configmaps_and_secrets_without_their_data(shell: Shell) -> None:
    shell.node.agent.objects = some_objects()
    secrets = await shell("get", "secrets", "-o", "wide")
    assert [line.split() for line in secrets.out.splitlines()] == [
        ["NAME", "TYPE", "DATA", "AGE", "FILE"],
        ["db", "Opaque", "1", "60s", "db.yaml"],
    ]
    maps = await shell("get", "cm", "-A")
    assert [line.split()[:3] for line in maps.out.splitlines()] == [["NAMESPACE", "NAME", "DATA"], ["shop", "web", "3"]]
    document = yaml.safe_load((await shell("get", "secret", "db", "-o", "yaml")).out)
    assert (document["apiVersion"], document["keys"]) == ("podstead.io/v1alpha1", 1)
    assert not {"data", "stringData"} & set(document)
    missing = await shell("get", "configmap", "web")
    assert (missing.code, missing.err) == (1, 'error: configmaps.podstead.io "web" not found\n')
    assert (await shell("get", "cm", "-w")).code == 2


async def test_get_all_prefixes_names_like_kubectl(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("get", "all", "-A")
    assert result.out.splitlines()[1].split()[:2] == ["kube-system", "pod/mysql-node1"]


async def test_json_and_yaml_are_the_api_objects(shell: Shell) -> None:
    fill(shell.node)
    listed = json.loads((await shell("get", "pods", "-A", "-o", "json")).out)
    assert (listed["kind"], listed["apiVersion"]) == ("PodList", "v1")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["mysql-node1", "web-node1"]
    one = yaml.safe_load((await shell("get", "pod", "mysql", "-n", "kube-system", "-oyaml")).out)
    assert (one["kind"], one["spec"]["hostNetwork"], one["status"]["phase"]) == ("Pod", True, "Running")
    assert one["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "200m"}}


async def test_files_as_json_are_a_list_of_reports(shell: Shell) -> None:
    fill(shell.node)
    bad, good = json.loads((await shell("get", "files", "-ojson")).out)
    assert good["path"] == "/etc/manifests/mysql.yaml"
    assert (good["verdict"], good["pods"], good["running"]) == (
        "Accepted",
        ["kube-system/mysql-node1"],
        "0123456789abcdef",
    )
    assert (good["owner"], good["modified"]) == ("root", "2026-09-21T13:13:20Z")
    assert (bad["verdict"], bad["reason"]) == ("Rejected", "NotAPod")
    assert bad["messages"] == [
        {"line": 2, "column": 7, "field": "kind", "severity": "error", "message": "a Deployment stands here"}
    ]
    assert "kind" not in bad
    table = await shell("get", "files")
    assert [line.split()[:2] for line in table.out.splitlines()] == [
        ["FILE", "VERDICT"],
        ["bad.yaml", "Rejected"],
        ["mysql.yaml", "Accepted"],
    ]


async def test_nodes_events_and_namespaces(shell: Shell) -> None:
    fill(shell.node)
    nodes = await shell("get", "no")
    assert nodes.out.splitlines()[1].split()[:2] == ["node1", "Ready"]
    events = await shell("get", "ev", "-n", "kube-system")
    assert events.out.splitlines()[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert "pod/mysql-node1   Liveness probe failed: connection refused" in events.out
    namespaces = await shell("get", "ns")
    assert namespaces.out.splitlines()[1].split()[:2] == ["kube-system", "Active"]


async def test_watch_prints_changes_until_the_stream_ends(shell: Shell) -> None:
    fill(shell.node)
    running = asyncio.create_task(asyncio.to_thread(main, ["--socket", str(shell.node.path), "get", "po", "-A", "-w"]))
    printed = ""
    async with asyncio.timeout(20):
        while printed != ALL_PODS:
            await asyncio.sleep(0.02)
            printed += shell.capture.readouterr().out
        shell.node.store.put(PODS, waiting_pod("late-node1"))
        while "late-node1" not in printed:
            await asyncio.sleep(0.02)
            printed += shell.capture.readouterr().out
        shell.node.store.close()
        assert await running == 0
    assert printed.removeprefix(ALL_PODS).split() == ["shop", "late-node1", "0/1", "ImagePullBackOff", "0", "<unknown>"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("get",), "say what to get"),
        (("get", "evnts"), "did you mean events?"),
        (("get", "pods", "-o", "xml"), "there is no output format 'xml' here: take wide, json, yaml, name"),
        (("get", "pods", "--namespce", "x"), "unknown flag --namespce: did you mean --namespace?"),
        (("get", "pods", "a", "-A"), "exclude one another"),
        (("get", "pods", "a", "-l", "x=y"), "exclude one another"),
        (("get", "files", "-w"), "files cannot be watched"),
        (("get", "pods", "-n"), "flag -n needs a value"),
    ],
)
async def test_wrong_command_lines_are_one_sentence(shell: Shell, words: tuple[str, ...], message: str) -> None:
    result = await shell(*words)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert len(result.err.splitlines()) == 1


async def test_the_agents_refusals_are_passed_on(shell: Shell) -> None:
    result = await shell("get", "pods", "--field-selector", "spec.color=red")
    assert (result.code, result.err) == (1, "error: field label not supported: spec.color\n")


async def test_several_names_make_one_table(shell: Shell) -> None:
    shell.node.store.put(PODS, mysql())
    shell.node.store.put(PODS, waiting_pod(namespace="kube-system"))
    result = await shell("get", "pods", "mysql", "web", "-n", "kube-system", "-oname")
    assert result.out == "pod/mysql-node1\npod/web-node1\n"
    table = await shell("get", "pods", "mysql", "web", "-n", "kube-system")
    assert [line.split()[0] for line in table.out.splitlines()] == ["NAME", "mysql-node1", "web-node1"]
