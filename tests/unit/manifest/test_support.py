from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.manifest import schema, support
from podstead.manifest.support import HONOURED, RULES, Outcome
from tests.unit.manifest.writing import manifest, read, told

if TYPE_CHECKING:
    from podstead.manifest.schema import Field


def reachable(shape: schema.Shape, seen: dict[str, Field]) -> dict[str, Field]:
    """Return every field that a manifest can set and that no rule has settled above it."""
    if shape.item is not None:
        reachable(shape.item, seen)
    for field in schema.fields(shape.struct).values() if shape.struct is not None else ():
        if field.key not in seen:
            seen[field.key] = field
            if field.key not in RULES:
                reachable(field.shape, seen)
    return seen


def honoured() -> set[str]:
    return {f"{owner}.{name}" for owner, names in HONOURED.items() for name in names.split()}


def known() -> set[str]:
    return {key for shape in (schema.POD, schema.CONFIG_MAP, schema.SECRET) for key in reachable(shape, {})}


def test_every_field_of_a_pod_and_of_an_object_is_honoured_ignored_or_refused() -> None:
    assert sorted(known() - honoured() - set(RULES)) == []


def test_no_table_names_a_field_that_is_not_there() -> None:
    assert sorted((honoured() | set(RULES) | support.SECRET) - known()) == []


def test_no_field_is_in_both_tables() -> None:
    assert honoured() & set(RULES) == set()


def test_what_is_said_has_words() -> None:
    spoken = [rule for rule in RULES.values() if rule.outcome in {Outcome.REFUSED, Outcome.IGNORED}]
    assert all(rule.text for rule in spoken)


@pytest.mark.parametrize(
    ("container", "spec", "field"),
    [
        ("livenessProbe: {grpc: {port: 1, mode: x}}\n", "", "spec.containers[0].livenessProbe.grpc.mode"),
        (
            "readinessProbe: {httpGet: {port: 1, protocol: x}}\n",
            "",
            "spec.containers[0].readinessProbe.httpGet.protocol",
        ),
    ],
)
def test_what_would_change_what_runs_is_refused_by_name(container: str, spec: str, field: str) -> None:
    reading = read(manifest(container=container, spec=spec))
    assert reading.reason == "Unsupported"
    assert [(m.field, m.message.endswith("not supported by this version")) for m in reading.messages] == [(field, True)]
    assert reading.messages[0].line > 1


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("iscsi: {iqn: i, lun: 0, targetPortal: p}", "mount the storage on the node"),
        ("fc: {}", "and its directory as hostPath"),
        ("gitRepo: {repository: r}", "clone the repository into a directory of the node"),
        ("flexVolume: {driver: d}", "its drivers are not run here"),
    ],
)
def test_a_kind_of_volume_that_is_not_made_says_what_to_write_instead(source: str, instead: str) -> None:
    reading = read(manifest(spec=f"volumes: [{{name: v, {source}}}]\n"))
    assert reading.reason == "Unsupported"
    (message,) = reading.messages
    kind = source.partition(":")[0]
    assert message.field == f"spec.volumes[0].{kind}"
    assert message.message.startswith(f"{kind} volumes are not supported: ")
    assert instead in message.message


@pytest.mark.parametrize(
    "source",
    [
        "emptyDir: {medium: Memory, sizeLimit: 1Mi, mode: 0750}",
        "downwardAPI: {items: [{path: l, mode: 0400, fieldRef: {fieldPath: metadata.labels}}]}",
        "projected: {sources: [{downwardAPI: {items: [{path: pod, fieldRef: {fieldPath: metadata.name}}]}}]}",
        "image: {reference: registry.example/data:1, pullPolicy: Never}",
        "nfs: {server: files.example, path: /export, readOnly: true}",
    ],
)
def test_volumes_that_are_made_are_accepted(source: str) -> None:
    mounts = (
        "volumeMounts: [{name: v, mountPath: /v}, {name: v, mountPath: /w, subPath: s},"
        " {name: v, mountPath: /x, subPathExpr: $(A), readOnly: true, recursiveReadOnly: IfPossible}]\n"
    )
    reading = read(manifest(container=mounts, spec=f"volumes: [{{name: v, {source}}}]\n"))
    assert (reading.reason, told(reading)) == ("", [])


@pytest.mark.attack("mount-option")
@pytest.mark.parametrize("server", ["-T/data/x", "--options=bind", "/etc", "a b", "a,b", "a\\n"])
def test_an_nfs_server_is_a_name_or_an_address(server: str) -> None:
    source = f'nfs: {{server: "{server}", path: /fstab}}'
    mounts = "volumeMounts: [{name: v, mountPath: /v}]\n"
    reading = read(manifest(container=mounts, spec=f"volumes: [{{name: v, {source}}}]\n"))
    assert [m.field for m in reading.messages] == ["spec.volumes[0].nfs.server"]
    assert reading.reason == "InvalidManifest"


@pytest.mark.parametrize("server", ["files_1.example", "10.0.0.1", "::1", "fe80::1%eth0", "[2001:db8::1]"])
def test_every_name_and_address_of_a_server_is_accepted(server: str) -> None:
    source = f'nfs: {{server: "{server}", path: /export}}'
    mounts = "volumeMounts: [{name: v, mountPath: /v}]\n"
    assert read(manifest(container=mounts, spec=f"volumes: [{{name: v, {source}}}]\n")).reason == ""


def test_what_could_never_come_true_is_refused_with_its_reason() -> None:
    reading = read(manifest(spec="readinessGates: [{conditionType: a/b}]\n"))
    assert reading.reason == "Unsupported"
    assert [(m.field, m.message) for m in reading.messages] == [
        ("spec.readinessGates", "nobody on a node of its own meets the gates: the pod would never be ready")
    ]


@pytest.mark.parametrize(
    "spec",
    [
        "tolerations: [{operator: Exists}]\n",
        "schedulerName: default-scheduler\n",
        "hostUsers: false\n",
        "runtimeClassName: kata\noverhead: {cpu: 10m}\n",
        "hostnameOverride: db.example.org\n",
        "securityContext: {supplementalGroupsPolicy: Strict}\n",
        "automountServiceAccountToken: false\n",
        "initContainers: []\naffinity: {}\n",
        "preemptionPolicy: PreemptLowerPriority\n",
        "os: {name: linux}\n",
        "volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]\n",
    ],
)
def test_what_changes_nothing_is_not_mentioned(spec: str) -> None:
    reading = read(manifest(spec=spec))
    assert (reading.reason, told(reading)) == ("", [])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("schedulerName: mine\n", "spec.schedulerName"),
        ("automountServiceAccountToken: true\n", "spec.automountServiceAccountToken"),
        ("nodeName: elsewhere\n", "spec.nodeName"),
        ("affinity: {podAntiAffinity: {}}\n", "spec.affinity"),
    ],
)
def test_what_means_nothing_on_one_node_is_said_and_let_pass(spec: str, field: str) -> None:
    reading = read(manifest(spec=spec))
    assert reading.accepted
    assert [(m.field, m.severity, m.message.startswith("Ignored: ")) for m in reading.messages] == [
        (field, "warning", True)
    ]


def test_references_to_api_objects_are_refused_as_the_kubelet_does() -> None:
    reading = read(
        manifest(
            container="env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n",
            spec="serviceAccountName: default\nvolumes: [{name: v, configMap: {name: c}}]\n",
        )
    )
    assert reading.reason == "InvalidManifest"
    assert [m.field for m in reading.messages] == [
        "spec.containers[0].env[0].valueFrom.secretKeyRef",
        "spec.serviceAccountName",
        "spec.volumes[0].configMap",
    ]
