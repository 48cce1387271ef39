from __future__ import annotations

import pytest

from tests.unit.manifest.writing import manifest, read, told


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("Deployment", "write the pod of its spec.template as 'kind: Pod'"),
        ("StatefulSet", "a hostPath volume keeps its data"),
        ("ReplicaSet", "a node runs one replica"),
        ("ReplicationController", "a node runs one replica"),
        ("DaemonSet", "the same file on each node"),
        ("Job", "restartPolicy: OnFailure"),
        ("CronJob", "systemd timer"),
        ("Service", "hostPort"),
        ("Ingress", "hostNetwork: true"),
        ("ConfigMap", "--objects-dir"),
        ("Secret", "with mode 0600"),
        ("Namespace", "metadata.namespace"),
        ("PodList", "a file's only document"),
        ("List", "a file's only document"),
        ("Widget", "move the file out of the manifest directory"),
    ],
)
def test_other_kinds_are_refused_with_what_to_write_instead(kind: str, instead: str) -> None:
    reading = read(f"# a comment\napiVersion: x/v1\nkind: {kind}\nspec: {{bogus: 1}}\n")
    (message,) = reading.messages
    assert (reading.reason, message.line, message.column, message.field) == ("NotAPod", 3, 7, "kind")
    assert message.message.startswith("Not a Pod: the document is a ")
    assert kind in message.message
    assert instead in message.message


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("kind: pod\napiVersion: v1\n", "NotAPod", ["1:7 kind error: Not a Pod: 'pod' is not a kind: write kind: Pod"]),
        ("kind: deployment\n", "NotAPod", None),
        ("hello\n", "NotAPod", None),
        ("- a\n", "NotAPod", None),
        (manifest().replace("kind: Pod\n", ""), "InvalidManifest", ["1:1 kind error: Required value: write kind: Pod"]),
        (
            manifest().replace("kind: Pod\n", "kind:\n"),
            "InvalidManifest",
            ["1:1 kind error: Required value: write kind: Pod"],
        ),
        (
            manifest().replace("apiVersion: v1\n", ""),
            "InvalidManifest",
            ["1:1 apiVersion error: Required value: write apiVersion: v1"],
        ),
        (
            manifest().replace("apiVersion: v1", "apiVersion: apps/v1"),
            "InvalidManifest",
            ["1:13 apiVersion error: Invalid value: 'apps/v1' has no Pod: write apiVersion: v1"],
        ),
        (
            "apiVersion: v1\nkind: Pod\n",
            "InvalidManifest",
            [
                "1:1 metadata error: Required value: metadata is missing",
                "1:1 spec error: Required value: spec is missing",
            ],
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n",
            "InvalidManifest",
            ["5:14 spec.containers error: Required value: containers is empty"],
        ),
    ],
)
def test_what_is_not_quite_a_pod(text: str, reason: str, said: list[str] | None) -> None:
    reading = read(text)
    assert reading.reason == reason
    assert said is None or told(reading) == said
