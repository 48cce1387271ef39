"""What a diff shows of two contents of a pod, and what it never shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from podstead.manifest.read import read_document
from podstead.manifest.shown_changes import ABSENT, HIDDEN, ShownChange, shown_changes

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

SECRET = "canary-Secret-1"


def pod(annotations: dict[str, str] | None = None, **container: Any) -> v1.Pod:
    spec = {"containers": [{"name": "web", "image": "web:1", **container}]}
    text = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "annotations": annotations or {}},
        "spec": spec,
    }
    return read_document(json.dumps(text).encode(), "node1")


def test_a_changed_image() -> None:
    assert shown_changes(pod(), pod(image="web:2")) == (
        ShownChange(path="spec.containers[web].image", before="web:1", after="web:2", restarts="container: web"),
    )
    assert shown_changes(pod(), pod()) == ()


def test_what_restarts_nothing_and_what_follows_from_several() -> None:
    env = [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a']"}}}]
    first, second = shown_changes(pod({"a": "1"}, env=env), pod({"a": "2"}, env=env))
    assert first == ShownChange(path="metadata.annotations[a]", before="1", after="2")
    assert second.path == "spec.containers[web].env[A].valueFrom.fieldRef"
    assert (second.before, second.after, second.restarts) == ("", "", "container: web")


def test_no_value_that_may_be_secret_is_shown() -> None:
    secret = [
        pod({"kubectl.kubernetes.io/last-applied-configuration": SECRET}),
        pod(env=[{"name": "PASSWORD", "value": SECRET}]),
        pod(command=["sh", "-c", SECRET]),
        pod(args=[SECRET]),
        pod(livenessProbe={"exec": {"command": [SECRET]}}),
        pod(livenessProbe={"httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": SECRET}]}}),
        pod(lifecycle={"preStop": {"exec": {"command": ["sh", SECRET]}}}),
    ]
    for one in secret:
        for old, new in ((pod(), one), (one, pod())):
            changes = shown_changes(old, new)
            assert changes
            assert SECRET not in repr(changes)
            assert any(HIDDEN in (change.before, change.after) for change in changes), changes


def test_a_container_that_comes_is_not_unfolded() -> None:
    text = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
    side = {"name": "side", "image": "i:1", "env": [{"name": "A", "value": SECRET}]}
    both = {"containers": [{"name": "web", "image": "web:1"}, side]}
    new = read_document(json.dumps({**text, "spec": both}).encode(), "node1")
    (change,) = shown_changes(pod(), new)
    assert (change.path, change.before, change.after) == ("spec.containers[side]", ABSENT, HIDDEN)
    assert change.restarts == "container: side"


def test_long_and_hostile_values_are_cut_and_escaped() -> None:
    (change,) = shown_changes(pod({"a": "\x1b[2J"}), pod({"a": "x" * 500}))
    assert change.before == "\\x1b[2J"
    assert len(change.after) == 60
