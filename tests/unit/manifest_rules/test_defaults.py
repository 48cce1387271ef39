"""Every row of spec/kubelet-static-pods.md 2.6."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.manifest.defaults import apply_defaults, pull_policy

from .pods import MYSQL, PAIR, defaulted, edited, make

FULL: dict[str, Any] = {
    "metadata": {"name": "full"},
    "spec": {
        "hostNetwork": True,
        "initContainers": [
            {"name": "init", "image": "busybox", "ports": [{"containerPort": 9}], "resources": {"limits": {"cpu": "1"}}}
        ],
        "containers": [
            {
                "name": "main",
                "image": "main:1",
                "env": [
                    {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "B", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "f", "key": "k"}}},
                ],
                "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81, "protocol": "UDP"}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "0.0001"}},
                "livenessProbe": {"httpGet": {"port": 80}},
                "readinessProbe": {"grpc": {"port": 80}, "timeoutSeconds": 5, "periodSeconds": 0},
                "startupProbe": {"exec": {"command": ["true"]}, "failureThreshold": 30, "initialDelaySeconds": 2},
                "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/bye", "scheme": "HTTPS"}}},
            }
        ],
        "volumes": [
            {"name": "none"},
            {"name": "host", "hostPath": {"path": "/x"}},
            {"name": "img", "image": {"reference": "data"}},
            {"name": "down", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {
                "name": "proj",
                "projected": {
                    "sources": [{"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]
                },
            },
            {"name": "conf", "configMap": {"name": "c"}},
            {"name": "sec", "secret": {"secretName": "s", "defaultMode": 0}},
        ],
    },
}


def test_the_spec() -> None:
    spec = defaulted(MYSQL).spec
    assert (spec.restart_policy, spec.dns_policy, spec.scheduler_name) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    assert (spec.termination_grace_period_seconds, spec.enable_service_links) == (30, True)
    assert spec.security_context is not None


def test_what_is_given_stays() -> None:
    given_fields = {
        "restartPolicy": "Never",
        "dnsPolicy": "Default",
        "schedulerName": "mine",
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
        "securityContext": {"fsGroup": 7},
    }
    found = defaulted(edited(MYSQL, *[(f"spec.{name}", value) for name, value in given_fields.items()]))
    spec = msgspec.to_builtins(found)["spec"]
    assert {name: spec[name] for name in given_fields} == given_fields


def test_ports_on_the_host_network() -> None:
    spec = defaulted(FULL).spec
    assert [(p.host_port, p.protocol) for p in spec.containers[0].ports] == [(80, "TCP"), (81, "UDP")]
    assert [(p.host_port, p.protocol) for p in spec.init_containers[0].ports] == [(9, "TCP")]
    assert defaulted(PAIR).spec.containers[0].ports[1].host_port is None


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("host:5000/nginx", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("host:5000/team/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "0" * 64, "Always"),
        (None, "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy(image: str | None, policy: str) -> None:
    assert pull_policy(image) == policy


def test_a_container() -> None:
    main, init = defaulted(FULL).spec.containers[0], defaulted(FULL).spec.init_containers[0]
    assert (main.termination_message_path, main.termination_message_policy) == ("/dev/termination-log", "File")
    assert (main.image_pull_policy, init.image_pull_policy) == ("IfNotPresent", "Always")
    assert main.resources is not None
    assert main.resources.requests == {"cpu": "1m", "memory": "1Gi"}
    assert init.resources is not None
    assert init.resources.requests == {"cpu": "1"}
    env = {entry["name"]: entry["valueFrom"] for entry in msgspec.to_builtins(main)["env"]}
    assert env["A"]["fieldRef"] == {"fieldPath": "metadata.name", "apiVersion": "v1"}
    assert env["B"]["fileKeyRef"] == {"volumeName": "v", "path": "f", "key": "k", "optional": False}


def test_probes_and_hooks() -> None:
    container = msgspec.to_builtins(defaulted(FULL))["spec"]["containers"][0]
    assert container["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "initialDelaySeconds": 0,
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert container["readinessProbe"]["grpc"] == {"port": 80, "service": ""}
    assert (container["readinessProbe"]["timeoutSeconds"], container["readinessProbe"]["periodSeconds"]) == (5, 10)
    assert container["startupProbe"]["failureThreshold"] == 30
    assert container["startupProbe"]["initialDelaySeconds"] == 2
    assert container["lifecycle"]["preStop"]["httpGet"] == {"port": 80, "path": "/bye", "scheme": "HTTPS"}


def test_volumes() -> None:
    volumes = {v["name"]: v for v in msgspec.to_builtins(defaulted(FULL))["spec"]["volumes"]}
    assert volumes["none"] == {"name": "none", "emptyDir": {}}
    assert volumes["host"]["hostPath"] == {"path": "/x", "type": ""}
    assert volumes["img"]["image"] == {"reference": "data", "pullPolicy": "Always"}
    assert volumes["down"]["downwardAPI"]["defaultMode"] == 0o644
    assert volumes["down"]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"] == "v1"
    assert volumes["proj"]["projected"]["defaultMode"] == 0o644
    assert volumes["proj"]["projected"]["sources"][0]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"] == "v1"
    assert volumes["conf"]["configMap"]["defaultMode"] == 0o644
    assert volumes["sec"]["secret"]["defaultMode"] == 0


@pytest.mark.parametrize(
    ("text", "rounded"),
    [("100m", "100m"), ("0.0001", "1m"), ("1500u", "2m"), ("1.0005", "1001m"), ("oops", "oops"), ("1Gi", "1Gi")],
)
def test_quantities_finer_than_a_thousandth_go_up(text: str, rounded: str) -> None:
    found = defaulted(edited(MYSQL, ("spec.containers.0.resources.requests.cpu", text)))
    assert found.spec.containers[0].resources is not None
    assert found.spec.containers[0].resources.requests["cpu"] == rounded


@pytest.mark.parametrize(
    ("given_level", "limits", "requests"),
    [
        ({}, {}, {}),
        ({"requests": {"cpu": "2"}}, {"hugepages-2Mi": "4Mi"}, {"cpu": "2", "memory": "1Gi", "hugepages-2Mi": "4Mi"}),
        (
            {"limits": {"cpu": "4", "memory": "8Gi"}},
            {"cpu": "4", "memory": "8Gi", "hugepages-2Mi": "4Mi"},
            {"cpu": "500m", "memory": "1Gi", "hugepages-2Mi": "4Mi"},
        ),
    ],
)
def test_the_pod_level_is_completed_from_its_containers(
    given_level: dict[str, Any], limits: dict[str, str], requests: dict[str, str]
) -> None:
    container = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"hugepages-2Mi": "4Mi"}}
    content = edited(MYSQL, ("spec.resources", given_level), ("spec.containers.0.resources", container))
    found = defaulted(content).spec.resources
    assert found is not None
    assert (found.limits, found.requests) == (limits, requests)


def test_a_pod_level_limit_without_container_requests_is_the_request() -> None:
    content = edited(MYSQL, ("spec.resources", {"limits": {"memory": "8Gi"}}))
    found = defaulted(content).spec.resources
    assert found is not None
    assert found.requests == {"memory": "8Gi", "cpu": "200m"}


PARTS = st.sampled_from(
    [
        ("spec.hostNetwork", True),
        ("spec.volumes.0", {"name": "data"}),
        ("spec.restartPolicy", ""),
        ("spec.resources", {"limits": {"cpu": "3", "memory": "1.0001Gi"}}),
        ("spec.containers.0.resources", {"limits": {"cpu": "0.0001", "memory": "nonsense"}}),
        ("spec.containers.0.image", "mysql"),
        ("spec.containers.0.livenessProbe", {"httpGet": {"port": "x"}}),
        ("spec.initContainers", FULL["spec"]["initContainers"]),
    ]
)


@given(st.lists(PARTS, max_size=4), st.sampled_from([MYSQL, PAIR, FULL]))
def test_defaulting_twice_is_defaulting_once(parts: list[tuple[str, object]], content: dict[str, Any]) -> None:
    pod = make(edited(content, *parts))
    before = msgspec.json.encode(pod)
    once = apply_defaults(pod)
    assert apply_defaults(once) == once
    assert msgspec.json.encode(pod) == before
