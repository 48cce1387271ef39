from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

import pytest

from podstead.identity import PodKey, PodUID
from podstead.k8s import core_v1 as v1
from podstead.logs.paths import log_directory
from podstead.manifest.read import UndecodableDocumentError, read_document, read_manifest
from podstead.manifest.reading import Severity
from tests.support.computing import computing
from tests.unit.manifest.writing import NODE, manifest, read, told

GOLDEN = Path(__file__).parents[2] / "golden" / "manifest"
ARTICLE = (GOLDEN / "article.yaml").read_bytes()


def test_the_articles_manifest() -> None:
    reading = read(ARTICLE)
    assert reading.accepted
    (found,) = reading.pods
    assert found.key == PodKey("kube-system", "mysql-node1")
    assert found.revision == hashlib.sha256(ARTICLE).hexdigest()[:16]
    assert (found.data, found.document) == (ARTICLE, 1)
    (container,) = found.pod.spec.containers
    assert container.env == (v1.EnvVar(name="MYSQL_ROOT_PASSWORD", value="123456"),)
    assert container.liveness_probe is not None
    assert container.liveness_probe.tcp_socket == v1.TCPSocketAction(port=3311)
    assert container.resources == v1.ResourceRequirements(requests={"cpu": "200m"})
    assert found.pod.spec.termination_grace_period_seconds == 30
    assert [(m.line, m.field, m.severity) for m in reading.messages] == [
        (13, "spec.containers[0].env[0].value", Severity.WARNING),
        (17, "spec.containers[0].livenessProbe", Severity.WARNING),
    ]
    assert "123456" not in "".join(told(reading))


def test_strictness_refuses_the_articles_manifest_for_its_number_alone() -> None:
    reading = read(ARTICLE, strict=True)
    assert (reading.reason, reading.pods) == ("StrictWarnings", ())
    assert [m.field for m in reading.messages if m.severity is Severity.ERROR] == ["spec.containers[0].env[0].value"]


def test_reading_is_quick() -> None:
    read(ARTICLE)
    with computing() as cost:
        for _ in range(20):
            read(ARTICLE)
    assert cost.seconds / 20 < 0.025  # 1.5 ms on an idle machine


def test_what_the_node_gives_a_pod() -> None:
    text = manifest(
        metadata="""\
            uid: 4f2e
            deletionTimestamp: 2024-01-01T00:00:00Z
            generateName: web-
            labels: {app: web}
            annotations: {kubernetes.io/config.hash: abc, kubernetes.io/config.seen: now, example.com/a: b}
            """,
        spec="nodeName: elsewhere\n",
    ).replace("spec:\n", "status: {phase: Running}\nspec:\n", 1)
    reading = read_manifest(text.encode(), node_name=" Node1 ")
    (found,) = reading.pods
    assert found.pod.metadata == v1.ObjectMeta(
        name="web-node1",
        namespace="default",
        labels={"app": "web"},
        annotations={"example.com/a": "b", "kubernetes.io/config.source": "file"},
    )
    assert found.pod.spec.node_name == "node1"
    assert found.pod.spec.tolerations == (v1.Toleration(operator="Exists", effect="NoExecute"),)
    assert found.pod.status is None
    assert {m.field for m in reading.messages} == {
        "metadata.uid",
        "metadata.deletionTimestamp",
        "metadata.generateName",
        "metadata.annotations[kubernetes.io/config.hash]",
        "metadata.annotations[kubernetes.io/config.seen]",
        "status",
        "spec.nodeName",
    }
    assert {m.severity for m in reading.messages} == {Severity.WARNING}


def test_a_toleration_that_is_there_is_not_added_again() -> None:
    (found,) = read(manifest(spec="tolerations: [{operator: Exists, effect: NoExecute}]\n")).pods
    assert len(found.pod.spec.tolerations) == 1


@pytest.mark.attack("homoglyph")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata.name", "m\u0443sql"),  # a Cyrillic letter
        ("metadata.name", "mysql\u200b"),  # a blank of no width
        ("metadata.name", "\uff4dysql"),  # a full-width m
        ("metadata.namespace", "k\u03c5be-system"),  # a Greek letter
        ("metadata.namespace", "kube\u2010system"),  # a hyphen that is none
    ],
)
def test_a_name_that_only_looks_like_anothers_is_refused(field: str, value: str) -> None:
    named = field == "metadata.name"
    text = manifest(name=f"'{value}'") if named else manifest(metadata=f"namespace: '{value}'\n")
    reading = read(text)
    assert reading.reason == "InvalidManifest"
    assert field in [message.field for message in reading.messages]


@pytest.mark.attack("mirror-annotation")
def test_a_mirror_pod_is_refused() -> None:
    reading = read(manifest(metadata="annotations: {kubernetes.io/config.mirror: abc}\n"))
    assert reading.reason == "InvalidManifest"
    assert [m.field for m in reading.messages] == ["metadata.annotations[kubernetes.io/config.mirror]"]


def test_a_generated_name_is_no_name() -> None:
    text = manifest().replace("name: web", "generateName: web-", 1)
    reading = read(text)
    assert reading.reason == "InvalidManifest"
    assert [m.field for m in reading.messages if m.severity is Severity.ERROR] == ["metadata.name"]


@pytest.mark.parametrize(
    ("name", "node", "part"),
    [
        (
            "x" * 248,
            "node1",
            "with the node's suffix '-node1' the name must have at most 253 characters, it has 254: shorten it to 247",
        ),
        ("web", "node_1", "with the node's suffix '-node_1' the name must be lower-case letters"),
        ("web", "n" * 253, "start the agent with another node name"),
        (
            "x" * 206,  # with default, two underscores, the suffix and a uid 257 characters
            "node1",
            "the name is too long for the directory of the pod's logs: shorten it to 204",
        ),
    ],
)
def test_names_that_break_with_the_nodes_suffix(name: str, node: str, part: str) -> None:
    reading = read_manifest(manifest(name=name).encode(), node_name=node)
    (message,) = reading.messages
    assert (reading.reason, message.field, message.line) == ("InvalidManifest", "metadata.name", 4)
    assert part in message.message


def test_the_longest_name_whose_logs_have_a_directory() -> None:
    reading = read_manifest(manifest(name="x" * 204).encode(), node_name="node1")
    (pod,) = reading.pods
    assert len(log_directory(Path("/l"), pod.key, PodUID(str(UUID(int=0)))).name) == 255


def test_several_documents() -> None:
    first, second = manifest(name="one"), manifest(name="two")
    text = f"# head\n---\n{first}---\n# nothing\n---\n{second}"
    reading = read(text)
    assert [(p.key.name, p.document) for p in reading.pods] == [("one-node1", 1), ("two-node1", 3)]
    assert reading.pods[1].data.decode() == f"---\n{second}"
    assert reading.pods[0].revision != reading.pods[1].revision


def test_a_file_is_all_or_nothing() -> None:
    reading = read(manifest(name="one") + "---\n" + manifest(name="two").replace("image:", "imag:"))
    assert (reading.reason, reading.pods) == ("InvalidManifest", ())
    assert [m.line for m in reading.messages] == [16, 17]


def test_a_name_twice_in_a_file() -> None:
    reading = read(manifest() + "---\n" + manifest())
    assert told(reading) == [
        (
            "13:9 metadata.name error: Duplicate value: document 1 of this file is the pod default/web-node1 as well; "
            "a name runs once on a node"
        )
    ]
    assert reading.reason == "InvalidManifest"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n---\n", "\ufeff"])
def test_a_file_without_a_pod(text: str) -> None:
    reading = read(text)
    assert (reading.reason, reading.accepted, [m.line for m in reading.messages]) == ("EmptyManifest", False, [0])


def test_the_weightiest_reason_counts() -> None:
    deployment = "apiVersion: apps/v1\nkind: Deployment\n"
    invalid = manifest(spec="restartPolicy: Sometimes\nreadinessGates: [{conditionType: a/b}]\nbogus: 1\n")
    unsupported = manifest(name="u", spec="readinessGates: [{conditionType: a/b}]\nbogus: 1\n")
    assert read(f"{invalid}---\n{deployment}", strict=True).reason == "NotAPod"
    assert read(f"{invalid}---\n{unsupported}", strict=True).reason == "InvalidManifest"
    assert read(unsupported, strict=True).reason == "Unsupported"
    assert read(manifest(spec="bogus: 1\n"), strict=True).reason == "StrictWarnings"
    assert read(manifest(spec="bogus: 1\n")).reason == ""


def test_validation_speaks_of_a_refused_value_only_once() -> None:
    reading = read(manifest(container="livenessProbe: {tcpSocket: {port: '3311'}}\nports: [{hostPort: 80}, {}]\n"))
    assert told(reading) == [
        (
            "9:39 spec.containers[0].livenessProbe.tcpSocket.port error: Invalid value: an integer or a name is due here, "
            "not a string, '3311': write 3311 without quotes"
        ),
        "10:13 spec.containers[0].ports[0].containerPort error: Required value: containerPort is missing",
        "10:29 spec.containers[0].ports[1].containerPort error: Required value: containerPort is missing",
    ]


def test_a_default_does_not_repeat_the_fault_of_its_origin() -> None:
    reading = read(manifest(container="resources: {limits: {cpus: 1}}\n"))
    assert [m.field for m in reading.messages] == ["spec.containers[0].resources.limits[cpus]"]


def test_a_flood_of_messages_is_cut_and_counted() -> None:
    text = manifest(spec="".join(f"bogus{number}: 1\n" for number in range(500)) + "restartPolicy: Sometimes\n")
    reading = read(text)
    assert len(reading.messages) == 101
    assert [m.field for m in reading.messages if m.severity is Severity.ERROR] == ["spec.restartPolicy"]
    assert reading.messages[-1].message == "401 more messages are not shown"


@pytest.mark.parametrize(
    "text", [ARTICLE.decode(), f"# a\n{manifest()}---\n{manifest(name='b')}...\n---\n{manifest(name='c')}"]
)
def test_a_stored_document_gives_the_equal_pod(text: str) -> None:
    for found in read(text).pods:
        assert read_document(found.data, NODE) == found.pod


def test_a_stored_document_is_not_judged_again() -> None:
    pod = read_document(
        manifest(spec="readinessGates: [{conditionType: a/b}]\nrestartPolicy: Sometimes\n").encode(), NODE
    )
    assert (pod.metadata.name, pod.spec.restart_policy) == ("web-node1", "Sometimes")


@pytest.mark.parametrize("data", [b"", b"[1", b"a\0", b"- a", b"a: 1\n---\nb: 2"])
def test_stored_bytes_that_are_no_document(data: bytes) -> None:
    with pytest.raises(UndecodableDocumentError, match="cannot read a stored revision"):
        read_document(data, NODE)


def test_a_stored_document_larger_than_todays_limit() -> None:
    data = manifest(metadata="annotations: {a: b}\n").encode() + b"# " + b"x" * 2**20
    assert read_document(data, NODE).metadata.annotations["a"] == "b"


def test_a_deadline_that_is_none_is_refused() -> None:
    text = (
        "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {podstead.io/progress-deadline-seconds: '%s'}}}"
    )
    spec = ", spec: {containers: [{name: a, image: 'i:1'}]}}"
    refused = read_manifest((text[:-1] % "soon" + spec).encode(), node_name="n")
    assert refused.reason == "InvalidManifest"
    (message,) = refused.messages
    assert "whole number of seconds from 1 to" in message.message
    assert message.field == "metadata.annotations[podstead.io/progress-deadline-seconds]"
    assert read_manifest((text[:-1] % "600" + spec).encode(), node_name="n").messages == ()
