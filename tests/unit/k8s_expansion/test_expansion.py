"""Environment, command and arguments after expansion."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.k8s.expansion import (
    PodFacts,
    UnresolvedError,
    command_line,
    environment,
    expand,
    literal_environment,
)

FACTS = PodFacts(
    uid="u-1",
    host_ip="192.0.2.7",
    host_ips=("192.0.2.7", "2001:db8::7"),
    pod_ips=("10.88.0.2", "fd00::2"),
    allocatable={"cpu": "1900m", "memory": "4Gi"},
)


def pod_with(container: v1.Container) -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name="mysql-node1", namespace="db", labels={"tier": "back"}, annotations={"a/b": "c"}),
        spec=v1.PodSpec(containers=(container,), node_name="node1"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1y2z"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$", "$$"),
        ("$(MISSING)", "$(MISSING)"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("$A ${A}", "$A ${A}"),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
        ("$(NESTED)", "$(A)"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2", "NESTED": "$(A)"}) == expected


@given(st.text(alphabet="$(A)x"))
def test_doubled_dollars_are_the_text_itself(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1", "x": "2"}) == text


def test_later_entries_see_and_replace_earlier_ones() -> None:
    container = v1.Container(
        name="c",
        env=(
            v1.EnvVar(name="HOST", value="db"),
            v1.EnvVar(name="URL", value="$(HOST):$(PORT)"),
            v1.EnvVar(name="PORT", value="3311"),
            v1.EnvVar(name="HOST", value="$(HOST)2"),
            v1.EnvVar(name="EMPTY"),
        ),
        command=("run", "$(HOST)"),
        args=("--port=$(PORT)", "$$(PORT)", "$(NONE)"),
    )
    env = environment(container, pod_with(container), FACTS)
    assert env == (("HOST", "db2"), ("URL", "db:$(PORT)"), ("PORT", "3311"), ("EMPTY", ""))
    assert command_line(container, env) == (("run", "db2"), ("--port=3311", "$(PORT)", "$(NONE)"))


def field(path: str) -> v1.EnvVar:
    return v1.EnvVar(name="V", value_from=v1.EnvVarSource(field_ref=v1.ObjectFieldSelector(field_path=path)))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "mysql-node1"),
        ("metadata.namespace", "db"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['tier']", "back"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['a/b']", "c"),
        ("spec.nodeName", "node1"),
        ("spec.serviceAccountName", ""),
        ("status.hostIP", "192.0.2.7"),
        ("status.hostIPs", "192.0.2.7,2001:db8::7"),
        ("status.podIP", "10.88.0.2"),
        ("status.podIPs", "10.88.0.2,fd00::2"),
    ],
)
def test_field_references(path: str, expected: str) -> None:
    container = v1.Container(name="c", env=(field(path),))
    assert environment(container, pod_with(container), FACTS) == (("V", expected),)


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", None, "1"),
        ("limits.cpu", "1m", "250"),
        ("requests.cpu", "1m", "100"),
        ("limits.memory", "1Mi", "512"),
        ("limits.memory", "1Gi", "1"),
        ("requests.memory", None, "0"),
        ("limits.ephemeral-storage", None, "0"),
    ],
)
def test_resource_references(resource: str, divisor: str | None, expected: str) -> None:
    selector = v1.ResourceFieldSelector(resource=resource, divisor=divisor)
    container = v1.Container(
        name="c",
        env=(v1.EnvVar(name="V", value_from=v1.EnvVarSource(resource_field_ref=selector)),),
        resources=v1.ResourceRequirements(limits={"cpu": "250m", "memory": "512Mi"}, requests={"cpu": "100m"}),
    )
    assert environment(container, pod_with(container), FACTS) == (("V", expected),)


def test_a_missing_limit_is_the_nodes() -> None:
    selector = v1.ResourceFieldSelector(resource="limits.cpu", divisor="1m")
    container = v1.Container(
        name="c", env=(v1.EnvVar(name="V", value_from=v1.EnvVarSource(resource_field_ref=selector)),)
    )
    assert environment(container, pod_with(container), FACTS) == (("V", "1900"),)


@pytest.mark.parametrize(
    "entry",
    [
        v1.EnvVar(name="V", value_from=v1.EnvVarSource(secret_key_ref=v1.SecretKeySelector(key="k", name="s"))),
        field("status.phase"),
        v1.EnvVar(name="V", value_from=v1.EnvVarSource(resource_field_ref=v1.ResourceFieldSelector(resource="cpu"))),
    ],
)
def test_sources_without_a_value_name_the_entry(entry: v1.EnvVar) -> None:
    container = v1.Container(name="c", env=(entry,))
    with pytest.raises(UnresolvedError, match="cannot set V: "):
        environment(container, pod_with(container), FACTS)


def test_literal_environment_leaves_references_out() -> None:
    container = v1.Container(name="c", env=(v1.EnvVar(name="A", value="$(B)"), field("metadata.name")))
    assert literal_environment(container) == {"A": "$(B)"}


def from_file(path: str = "env", key: str = "K", *, optional: bool | None = None) -> v1.EnvVar:
    selector = v1.FileKeySelector(volume_name="data", path=path, key=key, optional=optional)
    return v1.EnvVar(name="V", value_from=v1.EnvVarSource(file_key_ref=selector))


FILES = replace(
    FACTS,
    files={
        ("data", "env"): "# made\nK='one $(A)'\nEMPTY=''\nNUL='\0'\n",
        ("data", "bad"): "K=one\n",
        ("data", "none"): None,
    },
)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (from_file(), (("V", "one $(A)"),)),
        (from_file(key="EMPTY"), (("V", ""),)),
        (from_file(key="MISSING", optional=True), ()),
        (from_file("none", optional=True), ()),
    ],
)
def test_values_of_files(entry: v1.EnvVar, expected: tuple[tuple[str, str], ...]) -> None:
    container = v1.Container(name="c", env=(entry,))
    assert environment(container, pod_with(container), FILES) == expected


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (from_file("none"), "cannot set V: file 'none' of volume data is not there"),
        (from_file(key="MISSING"), "cannot set V: file 'env' of volume data has no variable 'MISSING'"),
        (from_file(key="NUL"), "cannot set V: file 'env' of volume data: the value of 'NUL' holds a NUL byte"),
        (
            from_file("bad", optional=True),
            "cannot set V: file 'bad' of volume data: line 1 does not begin NAME='value'",
        ),
    ],
)
def test_files_without_a_value_name_the_entry(entry: v1.EnvVar, said: str) -> None:
    container = v1.Container(name="c", env=(entry,))
    with pytest.raises(UnresolvedError, match=f"^{re.escape(said)}"):
        environment(container, pod_with(container), FILES)


def test_resources_of_another_container() -> None:
    def asking(name: str) -> v1.EnvVar:
        selector = v1.ResourceFieldSelector(resource="limits.memory", container_name=name, divisor="1Mi")
        return v1.EnvVar(name=name.upper(), value_from=v1.EnvVarSource(resource_field_ref=selector))

    main = v1.Container(name="main", env=(asking("init"), asking("main")))
    init = v1.Container(name="init", resources=v1.ResourceRequirements(limits={"memory": "100Mi"}))
    pod = v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=v1.PodSpec(containers=(main,), init_containers=(init,)))
    assert environment(main, pod, FACTS) == (("INIT", "100"), ("MAIN", "4096"))
    stranger = v1.Container(name="main", env=(asking("none"),))
    with pytest.raises(UnresolvedError, match="cannot set NONE: the pod has no container 'none'"):
        environment(stranger, pod, FACTS)
