"""References to API objects (spec/kubelet-static-pods.md 2.3): a static pod has those only that are on its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.validate.local_references import validate_local_references

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.manifest.validate.findings import Findings

_STORAGE = "mount the storage on the node and its directory as hostPath"
_DROP = "remove it"


def validate_references(pod: v1.Pod, found: Findings, *, local_objects: bool) -> None:
    """Refuse everything that only an API server could resolve; with `local_objects` ConfigMaps and Secrets are not."""
    spec = pod.spec
    _refuse(bool(spec.service_account_name), "spec.serviceAccountName", "a ServiceAccount", _DROP, found)
    _refuse(bool(spec.service_account), "spec.serviceAccount", "a ServiceAccount", _DROP, found)
    _refuse(bool(spec.resource_claims), "spec.resourceClaims", "ResourceClaims", _DROP, found)
    for index, volume in enumerate(spec.volumes):
        _refuse_in_volume(volume, f"spec.volumes[{index}]", found)
    validate_local_references(pod, found, allowed=local_objects)


def _refuse(given: bool, path: str, what: str, instead: str, found: Findings) -> None:
    if given:
        found.forbidden(path, f"a static pod cannot refer to {what}, for there is no API server to ask; {instead}")


def _refuse_in_volume(volume: v1.Volume, path: str, found: Findings) -> None:
    for name, given, what, instead in (
        ("csi", volume.csi, "a CSI driver", _STORAGE),
        ("glusterfs", volume.glusterfs, "Endpoints", _STORAGE),
        ("persistentVolumeClaim", volume.persistent_volume_claim, "a PersistentVolumeClaim", _STORAGE),
        ("ephemeral", volume.ephemeral, "a PersistentVolumeClaim", "write emptyDir"),
        ("azureFile", volume.azure_file, "a Secret", _STORAGE),
    ):
        _refuse(given is not None, f"{path}.{name}", what, instead, found)
    for name, source in (
        ("cephfs", volume.cephfs),
        ("cinder", volume.cinder),
        ("flexVolume", volume.flex_volume),
        ("rbd", volume.rbd),
        ("scaleIO", volume.scale_io),
        ("iscsi", volume.iscsi),
        ("storageos", volume.storageos),
    ):
        secret = None if source is None else source.secret_ref
        _refuse(secret is not None, f"{path}.{name}.secretRef", "a Secret", _DROP, found)
    if volume.projected is not None:
        for index, projection in enumerate(volume.projected.sources):
            _refuse_in_projection(projection, f"{path}.projected.sources[{index}]", found)


def _refuse_in_projection(projection: v1.VolumeProjection, path: str, found: Findings) -> None:
    for name, given, what, instead in (
        ("serviceAccountToken", projection.service_account_token, "a ServiceAccount token", _DROP),
        ("clusterTrustBundle", projection.cluster_trust_bundle, "a ClusterTrustBundle", "write a ConfigMap"),
        ("podCertificate", projection.pod_certificate, "a pod certificate", "write a Secret"),
    ):
        _refuse(given is not None, f"{path}.{name}", what, instead, found)
