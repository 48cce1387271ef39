"""Lists of Pods: taken apart, each item a document that stands alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from podstead.manifest.read import read_document, read_manifest

if TYPE_CHECKING:
    from podstead.manifest.reading import Reading

ODD = 'yes: "0777"\ttab \\ "quoted" \u2028 \U0001f600 é'


def item(name: str, **metadata: object) -> dict[str, object]:
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "c", "image": "i:1", "args": [ODD, ""]}], "hostNetwork": True},
    }


def listed(kind: str, *items: dict[str, object]) -> bytes:
    return json.dumps({"kind": kind, "apiVersion": "v1", "items": items}).encode()


def read(data: bytes) -> Reading:
    return read_manifest(data, node_name="node1")


def test_the_items_of_a_pod_list_need_no_type() -> None:
    reading = read(listed("PodList", item("a"), item("b")))
    assert reading.accepted, reading.messages
    assert [(str(pod.key), pod.document) for pod in reading.pods] == [("default/a-node1", 1), ("default/b-node1", 2)]


def test_each_item_stands_alone_and_is_the_same_pod() -> None:
    for pod in read(listed("PodList", item("a", labels={"x": "1"}), item("b"))).pods:
        assert read_document(pod.data, "node1") == pod.pod
        assert pod.pod.spec.containers[0].args == (ODD, "")


def test_yaml_keeps_what_only_yaml_says() -> None:
    text = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a}
  spec:
    hostNetwork: yes
    terminationGracePeriodSeconds: 0x10
    containers:
    - name: c
      image: i:1
      command:
      - sh
      - -c
      - |
        echo one
        echo two
"""
    (pod,) = read(text.encode()).pods
    assert pod.pod.spec.host_network is True
    assert pod.pod.spec.termination_grace_period_seconds == 16
    assert pod.pod.spec.containers[0].command[2] == "echo one\necho two\n"
    assert read_document(pod.data, "node1") == pod.pod


def test_a_revision_is_the_item_and_not_the_list_around_it() -> None:
    (alone,) = read(listed("PodList", item("a"))).pods
    beside = read(listed("PodList", item("b"), item("a"))).pods[1]
    assert alone.revision == beside.revision


def test_an_empty_list_says_that_there_is_no_pod() -> None:
    reading = read(listed("PodList"))
    assert (reading.accepted, reading.pods, reading.empty_list) == (True, (), True)
    assert not read(b"# nothing\n").accepted


def test_an_item_that_is_no_pod_refuses_the_list_at_its_place() -> None:
    text = b"apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n"
    (message,) = read(text).messages
    assert (message.line, message.field) == (5, "kind")
    assert "Deployment" in message.message


@pytest.mark.parametrize(
    "text",
    [
        b"apiVersion: v1\nkind: List\n",
        b"apiVersion: v1\nkind: List\nitems: {}\n",
        b"kind: PodList\nitems: []\n",
        b"apiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: List\nitems: []\n",
        b"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n",
    ],
)
def test_what_is_no_plain_list_is_refused(text: bytes) -> None:
    reading = read(text)
    assert not reading.accepted
    assert "a list is read where it is a file's only document" in reading.messages[0].message
