"""Validation as a whole: everything at once, warnings, nothing secret, nothing hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.manifest.reading import Severity

from .pods import MYSQL, PAIR, REMOVE
from .rules import DUPLICATE, FORBIDDEN, INVALID, LP, M0, REQUIRED, UNSUPPORTED, C, Edit, L, V, init, only, problems


def test_the_articles_pod_and_its_kin_pass() -> None:
    assert problems(MYSQL) == ()
    assert problems(PAIR) == ()
    assert problems(MYSQL, ("spec.hostNetwork", True), ("spec.priorityClassName", "system-cluster-critical")) == ()


def test_all_problems_come_at_once() -> None:
    found = problems(
        MYSQL,
        ("metadata.name", "A"),
        (f"{C}.image", ""),
        (f"{C}.ports", [{"containerPort": 70000, "protocol": "tcp"}]),
        ("spec.serviceAccountName", "x"),
        ("spec.restartPolicy", "never"),
    )
    assert [(p.field, p.kind) for p in found] == [
        ("metadata.name", INVALID),
        ("spec.restartPolicy", UNSUPPORTED),
        ("spec.containers[0].image", REQUIRED),
        ("spec.containers[0].ports[0].containerPort", INVALID),
        ("spec.containers[0].ports[0].protocol", UNSUPPORTED),
        ("spec.serviceAccountName", FORBIDDEN),
    ]
    assert found[1].message == "got 'never', expected one of Always, OnFailure, Never; write Never"


@pytest.mark.parametrize(
    ("edits", "path"),
    [
        ([("spec.terminationGracePeriodSeconds", -1)], "spec.terminationGracePeriodSeconds"),
        ([("spec.terminationGracePeriodSeconds", 0)], "spec.terminationGracePeriodSeconds"),
        ([only(httpGet={"port": "http"})], f"{LP}.httpGet.port"),
        (
            [
                (
                    f"{C}.env",
                    [
                        {
                            "name": "A",
                            "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "x"}},
                        }
                    ],
                )
            ],
            "spec.containers[0].env[0].valueFrom.resourceFieldRef.containerName",
        ),
    ],
)
def test_warnings_refuse_nothing(edits: list[Edit], path: str) -> None:
    assert [(p.field, p.severity) for p in problems(MYSQL, *edits)] == [(path, Severity.WARNING)]


def test_a_namespace_is_optional() -> None:
    assert problems(MYSQL, ("metadata.namespace", REMOVE)) == ()


def test_host_ports_of_two_containers_clash_and_those_of_init_containers_do_not() -> None:
    taken = {"ports": [{"containerPort": 1, "hostPort": 8080}]}
    found = problems(PAIR, ("spec.containers.1.ports", taken["ports"]))
    assert [(p.field, p.kind) for p in found] == [("spec.containers[1].ports[0].hostPort", DUPLICATE)]
    assert problems(PAIR, init(**taken)) == ()


def test_secrets_never_stand_in_a_message() -> None:
    canary = "canary\x1b[31m"
    found = problems(
        MYSQL,
        (f"{C}.env", [{"name": "A", "value": canary, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        (f"{C}.command", [canary]),
        (f"{C}.args", [canary]),
        (L, {"exec": {"command": [canary]}, "httpGet": {"port": 1, "httpHeaders": [{"name": "", "value": canary}]}}),
        ("metadata.annotations.a", canary * 50_000),
    )
    assert len(found) >= 5
    assert "canary" not in repr(found)


HOSTILE = st.sampled_from(["", " ", "\x1b[31mred", "a\nb", "\u202e<script>", "x" * 5000, "-1", "1e999999", "..", "/"])
TEXT_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "spec.dnsPolicy",
    "spec.hostname",
    "spec.hostnameOverride",
    "spec.priorityClassName",
    f"{C}.name",
    f"{C}.image",
    f"{C}.imagePullPolicy",
    f"{C}.resources.requests.cpu",
    f"{C}.resources.limits.cpu",
    "spec.resources.limits.cpu",
    "spec.resources.requests.memory",
    "spec.overhead.cpu",
    f"{M0}.name",
    f"{M0}.subPath",
    f"{V}.name",
    f"{V}.hostPath.path",
    f"{V}.hostPath.type",
)


@given(st.dictionaries(st.sampled_from(TEXT_FIELDS), HOSTILE, min_size=1))
def test_hostile_texts_give_problems_fit_to_print(texts: dict[str, str]) -> None:
    for problem in problems(MYSQL, *texts.items()):
        assert problem.message.isprintable()
        assert problem.message.isascii()
        assert len(problem.message) < 500
