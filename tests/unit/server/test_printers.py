"""Nodes, events, namespaces, files and images as rows."""

from __future__ import annotations

import msgspec
import pytest

from podstead.k8s import core_v1 as v1
from podstead.manifest.reading import Message, Severity
from podstead.server.port import FileReport, ImageReport
from podstead.server.printers import events, files, images, namespaces, nodes
from tests.simulators.api_agent import NOW
from tests.unit.server.test_pod_printer import at


def node(
    ready: str | None = "True",
    *,
    unschedulable: bool = False,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> v1.Node:
    about = {"name": "node1", "creationTimestamp": at(3600 * 76), "labels": labels or {}}
    document = {
        "metadata": {**about, "annotations": annotations or {}},
        "spec": {"unschedulable": unschedulable},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}] if ready else [],
            "addresses": [{"type": "InternalIP", "address": "192.0.2.10"}, {"type": "Hostname", "address": "node1"}],
            "runtimeHandlers": [{"name": ""}, {"name": "crun"}, {"name": "runc"}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "b",
                "containerRuntimeVersion": "containerd://1.6.20",
                "kernelVersion": "6.1.0",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.0",
                "machineID": "m",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12",
                "systemUUID": "s",
            },
        },
    }
    return msgspec.convert(document, v1.Node)


def test_node_row() -> None:
    labels = {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/a": ""}
    assert nodes.node_cells(node(labels=labels), NOW).texts == (
        *("node1", "Ready", "a,control-plane", "3d4h", "v1.36.0"),
        *(
            "192.0.2.10",
            "<none>",
            "Debian GNU/Linux 12",
            "6.1.0",
            "containerd://1.6.20",
            "crun,runc",
            "<none>",
            "<none>",
        ),
    )
    assert len(nodes.COLUMNS) == 13


def test_a_mended_and_degraded_node_says_so() -> None:
    sound = node(annotations={"podstead.io/mends": "no OOM protection"})
    assert sound.status is not None
    wrong = v1.NodeCondition(type="Degraded", status="True")
    status = msgspec.structs.replace(sound.status, conditions=(*sound.status.conditions, wrong))
    texts = nodes.node_cells(msgspec.structs.replace(sound, status=status), NOW).texts
    assert texts[1] == "Ready,Degraded"
    assert texts[-1] == "no OOM protection"


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (node("False"), "NotReady"),
        (node("Unknown"), "NotReady"),
        (node(None), "Unknown"),
        (node(unschedulable=True), "Ready,SchedulingDisabled"),
    ],
)
def test_node_status(item: v1.Node, word: str) -> None:
    assert nodes.node_cells(item, NOW).texts[1] == word


def test_bare_node() -> None:
    texts = nodes.node_cells(v1.Node(), NOW).texts
    assert texts == (
        "",
        "Unknown",
        "<none>",
        "<unknown>",
        "<unknown>",
        "<none>",
        "<none>",
        *["<unknown>"] * 3,
        *["<none>"] * 3,
    )


def test_event_row() -> None:
    event = v1.Event(
        metadata=v1.ObjectMeta(name="mysql-node1.17", namespace="default"),
        involved_object=v1.ObjectReference(kind="Pod", name="mysql-node1", field_path="spec.containers{mysql}"),
        type="Warning",
        reason="BackOff",
        message="Back-off restarting\n",
        first_timestamp=at(600),
        last_timestamp=at(30),
        count=7,
        source=v1.EventSource(component="podstead", host="node1"),
    )
    assert events.event_cells(event, NOW).texts == (
        *("30s", "Warning", "BackOff", "pod/mysql-node1", "spec.containers{mysql}", "podstead, node1"),
        *("Back-off restarting", "10m", "7", "mysql-node1.17"),
    )
    names = [(c.name, c.priority) for c in events.COLUMNS]
    assert [name for name, priority in names if priority == 0] == ["Last Seen", "Type", "Reason", "Object", "Message"]


def test_event_times_fall_back() -> None:
    about = v1.ObjectReference(kind="Node", name="n")
    series = v1.EventSeries(count=3, last_observed_time=at(5))
    event = v1.Event(metadata=v1.ObjectMeta(), involved_object=about, event_time=at(100), series=series)
    texts = events.event_cells(event, NOW).texts
    assert (texts[0], texts[7], texts[8]) == ("5s", "100s", "3")
    bare = v1.Event(metadata=v1.ObjectMeta(), involved_object=about, event_time=at(100))
    assert events.event_cells(bare, NOW).texts[0] == "100s"


def test_namespace_row() -> None:
    item = v1.Namespace(metadata=v1.ObjectMeta(name="shop", creation_timestamp=at(60)))
    assert namespaces.namespace_cells(item, NOW).texts == ("shop", "Active", "60s")


def test_file_row() -> None:
    report = FileReport(
        path="/etc/manifests/mysql.yaml",
        verdict="Rejected",
        reason="Invalid",
        messages=(
            Message(
                line=3, column=5, field="spec.containers[0].image", severity=Severity.ERROR, message="Required value"
            ),
            Message(line=9, column=1, field="", severity=Severity.WARNING, message="duplicate key"),
        ),
        pods=("default/mysql-node1",),
        running="0123456789abcdef",
        owner="root",
        modified=at(90),
    )
    assert files.file_cells(report, NOW).texts == (
        *(
            "mysql.yaml",
            "Rejected",
            "Invalid",
            "default/mysql-node1",
            "<none>",
            "0123456789abcdef",
            "root",
            "90s",
            "<none>",
        ),
        *("/etc/manifests/mysql.yaml", "3:5: spec.containers[0].image: Required value (and 1 more)"),
    )


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0B"), (999, "999B"), (4_400_000, "4.4MB"), (999_600, "1MB"), (12_345_678_901, "12.3GB")]
)
def test_image_sizes(size: int, shown: str) -> None:
    assert images.format_size(size) == shown


def test_image_row() -> None:
    report = ImageReport(id="sha256:0123456789abcdef", tags=("a:1", "b:2"), size=5, pods=("default/x",))
    assert images.image_cells(report, NOW).texts == ("a:1,b:2", "0123456789ab", "5B", "1", "<none>")
