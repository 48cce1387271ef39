"""References to API objects, which a static pod cannot have (spec/kubelet-static-pods.md 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

_FILES = "keep its files in a directory of the node and mount that as hostPath"
_VALUE = "write the value itself, or mount a file of the node"
_STORAGE = "mount a directory of the node as hostPath"
_DROP = "remove it"


def refuse_references(pod: v1.Pod, found: Findings) -> None:
    """Refuse everything that only an API server could resolve."""
    spec = pod.spec
    _refuse(bool(spec.service_account_name), "spec.serviceAccountName", "a ServiceAccount", _DROP, found)
    _refuse(bool(spec.service_account), "spec.serviceAccount", "a ServiceAccount", _DROP, found)
    _refuse(
        bool(spec.image_pull_secrets),
        "spec.imagePullSecrets",
        "Secrets",
        "give the node's agent the credentials of the registry",
        found,
    )
    _refuse(bool(spec.resource_claims), "spec.resourceClaims", "ResourceClaims", _DROP, found)
    for kind, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(containers):
            _refuse_in_env(container, f"spec.{kind}[{index}]", found)
    for index, volume in enumerate(spec.volumes):
        _refuse_in_volume(volume, f"spec.volumes[{index}]", found)


def _refuse(given: bool, path: str, what: str, instead: str, found: Findings) -> None:
    if given:
        found.forbidden(path, f"a static pod cannot refer to {what}, for there is no API server to ask; {instead}")


def _refuse_in_env(container: v1.Container, path: str, found: Findings) -> None:
    for index, entry in enumerate(container.env):
        source = entry.value_from or v1.EnvVarSource()
        here = f"{path}.env[{index}].valueFrom"
        _refuse(source.secret_key_ref is not None, f"{here}.secretKeyRef", "a Secret", _VALUE, found)
        _refuse(source.config_map_key_ref is not None, f"{here}.configMapKeyRef", "a ConfigMap", _VALUE, found)
    for index, origin in enumerate(container.env_from):
        here = f"{path}.envFrom[{index}]"
        _refuse(origin.secret_ref is not None, f"{here}.secretRef", "a Secret", "write env entries", found)
        _refuse(origin.config_map_ref is not None, f"{here}.configMapRef", "a ConfigMap", "write env entries", found)


def _refuse_in_volume(volume: v1.Volume, path: str, found: Findings) -> None:
    for name, given, what, instead in (
        ("configMap", volume.config_map, "a ConfigMap", _FILES),
        ("secret", volume.secret, "a Secret", _FILES),
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
    for name, given, what in (
        ("configMap", projection.config_map, "a ConfigMap"),
        ("secret", projection.secret, "a Secret"),
        ("serviceAccountToken", projection.service_account_token, "a ServiceAccount token"),
        ("clusterTrustBundle", projection.cluster_trust_bundle, "a ClusterTrustBundle"),
        ("podCertificate", projection.pod_certificate, "a pod certificate"),
    ):
        _refuse(given is not None, f"{path}.{name}", what, _FILES, found)
