"""Rules of references."""

from __future__ import annotations

import pytest

from .rules import FORBIDDEN, C, Case, case, check, env, init, title

SECRET = {"secretRef": {"name": "s"}}
REFERENCES: list[Case] = [
    ([], [("spec.serviceAccountName", "default")], "spec.serviceAccountName", FORBIDDEN),
    ([], [("spec.serviceAccount", "default")], "spec.serviceAccount", FORBIDDEN),
    (
        [("spec.automountServiceAccountToken", False)],
        [("spec.imagePullSecrets", [{"name": "s"}])],
        "spec.imagePullSecrets",
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


@pytest.mark.parametrize("one", REFERENCES, ids=title)
def test_a_rule_of_references(one: Case) -> None:
    check(one)
