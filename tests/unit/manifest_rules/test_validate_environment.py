"""Rules of environment."""

from __future__ import annotations

import pytest

from .rules import INVALID, NAME, NOT_FOUND, REQUIRED, UNSUPPORTED, C, Case, V, check, env, field, title

ENV: list[Case] = [
    ([], [(f"{C}.env", [{"name": ""}])], "spec.containers[0].env[0].name", REQUIRED),
    (
        [(f"{C}.env", [{"name": "a b-c.d"}])],
        [(f"{C}.env", [{"name": "a=b"}])],
        "spec.containers[0].env[0].name",
        INVALID,
    ),
    (
        [env(NAME)],
        [(f"{C}.env", [{"name": "A", "value": "x", "valueFrom": NAME}])],
        "spec.containers[0].env[0].valueFrom",
        INVALID,
    ),
    ([env(NAME)], [env({})], "spec.containers[0].env[0].valueFrom", INVALID),
    (
        [env(NAME)],
        [env({**NAME, "resourceFieldRef": {"resource": "limits.cpu"}})],
        "spec.containers[0].env[0].valueFrom",
        INVALID,
    ),
    (
        [field("status.podIPs")],
        [field("spec.hostname")],
        "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath",
        UNSUPPORTED,
    ),
    ([], [field("")], "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath", REQUIRED),
    (
        [field("metadata.labels['a.b/c']")],
        [field("metadata.labels['-']")],
        "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath",
        INVALID,
    ),
    (
        [env({"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}})],
        [env({"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v2"}})],
        "spec.containers[0].env[0].valueFrom.fieldRef.apiVersion",
        INVALID,
    ),
    (
        [env({"resourceFieldRef": {"resource": "requests.hugepages-2Mi"}})],
        [env({"resourceFieldRef": {"resource": "cpu"}})],
        "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource",
        UNSUPPORTED,
    ),
    (
        [],
        [env({"resourceFieldRef": {"resource": ""}})],
        "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource",
        REQUIRED,
    ),
    (
        [env({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}})],
        [env({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1k"}})],
        "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor",
        INVALID,
    ),
    (
        [env({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}})],
        [env({"resourceFieldRef": {"resource": "limits.memory", "divisor": "2Mi"}})],
        "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor",
        INVALID,
    ),
    (
        [],
        [env({"resourceFieldRef": {"resource": "limits.memory", "divisor": "one"}})],
        "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor",
        INVALID,
    ),
    (
        [(V, {"name": "data"}), env({"fileKeyRef": {"volumeName": "data", "path": "a/b", "key": "K"}})],
        [env({"fileKeyRef": {"volumeName": "data", "path": "a/b", "key": "K"}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName",
        INVALID,
    ),
    (
        [],
        [env({"fileKeyRef": {"volumeName": "none", "path": "a", "key": "K"}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName",
        NOT_FOUND,
    ),
    (
        [],
        [env({"fileKeyRef": {"volumeName": "", "path": "a", "key": "K"}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName",
        REQUIRED,
    ),
    (
        [],
        [(V, {"name": "data"}), env({"fileKeyRef": {"volumeName": "data", "path": "a", "key": ""}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.key",
        REQUIRED,
    ),
    (
        [],
        [(V, {"name": "data"}), env({"fileKeyRef": {"volumeName": "data", "path": "../a", "key": "K"}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.path",
        INVALID,
    ),
    (
        [],
        [(V, {"name": "data"}), env({"fileKeyRef": {"volumeName": "data", "path": "", "key": "K"}})],
        "spec.containers[0].env[0].valueFrom.fileKeyRef.path",
        REQUIRED,
    ),
    ([], [(f"{C}.envFrom", [{}])], "spec.containers[0].envFrom[0]", INVALID),
    (
        [],
        [(f"{C}.envFrom", [{"configMapRef": {"name": "c"}, "prefix": "a="}])],
        "spec.containers[0].envFrom[0].prefix",
        INVALID,
    ),
]


@pytest.mark.parametrize("one", ENV, ids=title)
def test_a_rule_of_environment(one: Case) -> None:
    check(one)
