"""Rules of references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.manifest.validate.pod import validate_pod

from .pods import MYSQL, defaulted, edited
from .rules import FORBIDDEN, INVALID, REQUIRED, C, Case, Edit, case, check, env, init, problems, title

if TYPE_CHECKING:
    from podstead.manifest.problems import ProblemKind

SECRET = {"secretRef": {"name": "s"}}
REFERENCES: list[Case] = [
    ([], [("spec.serviceAccountName", "default")], "spec.serviceAccountName", FORBIDDEN),
    ([], [("spec.serviceAccount", "default")], "spec.serviceAccount", FORBIDDEN),
    (
        [("spec.automountServiceAccountToken", False)],
        [("spec.imagePullSecrets", [{"name": "s"}])],
        "spec.imagePullSecrets[0]",
        FORBIDDEN,
    ),
    ([], [("spec.resourceClaims", [{"name": "gpu"}])], "spec.resourceClaims", FORBIDDEN),
    *[
        case([], [env({name: {"name": "x", "key": "k"}})], f"spec.containers[0].env[0].valueFrom.{name}", FORBIDDEN)
        for name in ("secretKeyRef", "configMapKeyRef")
    ],
    *[
        case([], [(f"{C}.envFrom", [{name: {"name": "x"}}])], f"spec.containers[0].envFrom[0].{name}", FORBIDDEN)
        for name in ("secretRef", "configMapRef")
    ],
    ([], [init(envFrom=[SECRET])], "spec.initContainers[0].envFrom[0].secretRef", FORBIDDEN),
    *[
        case([], [("spec.volumes.2", {"name": "x", name: source})], f"spec.volumes[2].{name}", FORBIDDEN)
        for name, source in (
            ("configMap", {"name": "c"}),
            ("secret", {"secretName": "s"}),
            ("csi", {"driver": "d"}),
            ("glusterfs", {"endpoints": "e", "path": "p"}),
            ("persistentVolumeClaim", {"claimName": "c"}),
            ("ephemeral", {}),
            ("azureFile", {"secretName": "s", "shareName": "x"}),
        )
    ],
    *[
        case(
            [("spec.volumes.2", {"name": "x", name: source})] if name != "scaleIO" else [],
            [("spec.volumes.2", {"name": "x", name: {**source, **SECRET}})],
            f"spec.volumes[2].{name}.secretRef",
            FORBIDDEN,
        )
        for name, source in (
            ("cephfs", {"monitors": ["m"]}),
            ("cinder", {"volumeID": "v"}),
            ("flexVolume", {"driver": "d"}),
            ("rbd", {"image": "i", "monitors": ["m"]}),
            ("scaleIO", {"gateway": "g", "system": "s"}),
            ("iscsi", {"iqn": "i", "lun": 0, "targetPortal": "p"}),
            ("storageos", {}),
        )
    ],
    *[
        case(
            [],
            [("spec.volumes.2", {"name": "p", "projected": {"sources": [{name: source}]}})],
            f"spec.volumes[2].projected.sources[0].{name}",
            FORBIDDEN,
        )
        for name, source in (
            ("configMap", {}),
            ("secret", {}),
            ("serviceAccountToken", {"path": "t"}),
            ("clusterTrustBundle", {"path": "t"}),
            ("podCertificate", {"keyType": "k", "signerName": "s"}),
        )
    ],
]


@pytest.mark.conformance("S10")
@pytest.mark.parametrize("one", REFERENCES, ids=title)
def test_a_rule_of_references(one: Case) -> None:
    check(one)


LOCAL: list[tuple[str, Edit]] = [
    ("spec.imagePullSecrets[0]", ("spec.imagePullSecrets", [{"name": "s"}])),
    ("spec.containers[0].env[0].valueFrom.secretKeyRef", env({"secretKeyRef": {"name": "s", "key": "k"}})),
    ("spec.containers[0].env[0].valueFrom.configMapKeyRef", env({"configMapKeyRef": {"name": "c", "key": "k.y"}})),
    ("spec.containers[0].envFrom[0].secretRef", (f"{C}.envFrom", [SECRET])),
    ("spec.containers[0].envFrom[0].configMapRef", (f"{C}.envFrom", [{"configMapRef": {"name": "c"}}])),
    ("spec.initContainers[0].envFrom[0].secretRef", init(envFrom=[SECRET])),
    ("spec.volumes[2].secret", ("spec.volumes.2", {"name": "x", "secret": {"secretName": "s"}})),
    ("spec.volumes[2].configMap", ("spec.volumes.2", {"name": "x", "configMap": {"name": "c"}})),
    (
        "spec.volumes[2].projected.sources[0].secret",
        ("spec.volumes.2", {"name": "x", "projected": {"sources": [{"secret": {"name": "s"}}]}}),
    ),
    (
        "spec.volumes[2].projected.sources[0].configMap",
        ("spec.volumes.2", {"name": "x", "projected": {"sources": [{"configMap": {"name": "c"}}]}}),
    ),
]


@pytest.mark.parametrize(("path", "edit"), LOCAL, ids=[path for path, _ in LOCAL])
def test_what_a_local_object_satisfies_is_accepted_where_there_are_any(path: str, edit: Edit) -> None:
    (problem,) = problems(MYSQL, edit)
    assert (problem.field, problem.kind) == (path, FORBIDDEN)
    assert "unless it is local: start the agent with --objects-dir=DIR" in problem.message
    assert validate_pod(defaulted(edited(MYSQL, edit)), local_objects=True) == ()


@pytest.mark.parametrize(
    ("edit", "path", "kind"),
    [
        (("spec.imagePullSecrets", [{}]), "spec.imagePullSecrets[0].name", REQUIRED),
        (env({"secretKeyRef": {"name": "S_1", "key": "k"}}), "spec.containers[0].env[0].valueFrom.secretKeyRef.name", INVALID),
        (env({"secretKeyRef": {"name": "s", "key": ""}}), "spec.containers[0].env[0].valueFrom.secretKeyRef.key", REQUIRED),
        (env({"configMapKeyRef": {"name": "s", "key": "a b"}}), "spec.containers[0].env[0].valueFrom.configMapKeyRef.key", INVALID),
        ((f"{C}.envFrom", [{"secretRef": {}}]), "spec.containers[0].envFrom[0].secretRef.name", REQUIRED),
        (("spec.volumes.2", {"name": "x", "secret": {}}), "spec.volumes[2].secret.secretName", REQUIRED),
    ],
)  # fmt: skip
def test_a_local_reference_names_what_can_be_there(edit: Edit, path: str, kind: ProblemKind) -> None:
    found = validate_pod(defaulted(edited(MYSQL, edit)), local_objects=True)
    assert [(p.field, p.kind) for p in found] == [(path, kind)]


def test_local_objects_are_no_api_server() -> None:
    edit: Edit = ("spec.serviceAccountName", "default")
    assert [p.kind for p in validate_pod(defaulted(edited(MYSQL, edit)), local_objects=True)] == [FORBIDDEN]
