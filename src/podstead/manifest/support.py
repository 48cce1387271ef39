"""Which fields of a Pod, a ConfigMap and a Secret this version honours, ignores with a reason, or refuses: the one table of it.

A field is named by the model's type and its JSON name (`Container.lifecycle`). What stands below a field that is
refused or ignored is not judged again. A test walks the whole model and fails on a field that is in no table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from podstead.manifest.findings import Code


class Outcome(Enum):
    """What is made of a field; the value is the code of what is said here about it, if anything is."""

    REFUSED = Code.UNSUPPORTED
    """Leaving it out would change what runs."""
    IGNORED = Code.IGNORED
    """The pod runs the same without it."""
    SILENT = "silent"
    """It means nothing on a node of its own, and generated manifests are full of it."""
    REFERENCE = "reference"
    """It names an object of an API server: validation refuses it, as the kubelet does (spec 2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens with a field. `allowed` are values (as decoded) about which nothing is said."""

    outcome: Outcome
    text: str = ""
    allowed: tuple[object, ...] = ("", [], {})

    def says(self, value: object) -> Code | None:
        """Return the code of what is to be said about a decoded value, if anything is."""
        code = self.outcome.value
        return code if isinstance(code, Code) and value not in self.allowed else None


def _refused(what: str, allowed: tuple[object, ...] = ()) -> Rule:
    return Rule(
        outcome=Outcome.REFUSED, text=f"{what} are not supported by this version", allowed=("", [], {}, *allowed)
    )


def _refused_for(why: str) -> Rule:
    """Refuse a field for a reason that another version would have too."""
    return Rule(outcome=Outcome.REFUSED, text=why)


def _ignored(why: str, allowed: tuple[object, ...] = ()) -> Rule:
    return Rule(outcome=Outcome.IGNORED, text=why, allowed=("", [], {}, *allowed))


_SILENT = Rule(outcome=Outcome.SILENT)
_REFERENCE = Rule(outcome=Outcome.REFERENCE)
_SERVER_OWNED = "the node sets this itself"

_BY_THE_NODE = "mount the storage on the node (/etc/fstab, or a mount unit) and its directory as hostPath"
INSTEAD = {
    **dict.fromkeys(
        (
            *("awsElasticBlockStore", "azureDisk", "cephfs", "cinder", "fc", "flocker", "gcePersistentDisk", "iscsi"),
            *("photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
        ),
        _BY_THE_NODE,
    ),
    "flexVolume": "its drivers are not run here: " + _BY_THE_NODE,
    "gitRepo": "clone the repository into a directory of the node and mount that as hostPath",
}
"""What to write in place of a kind of volume that is not made here."""


def _no_volume(kind: str, instead: str) -> Rule:
    """Refuse a kind of volume. Even an empty source is one: without it, the volume would be another."""
    return Rule(outcome=Outcome.REFUSED, text=f"{kind} volumes are not supported: {instead}", allowed=())


RULES: dict[str, Rule] = {
    "Pod.status": _ignored("the node reports the status itself"),
    "ObjectMeta.creationTimestamp": _ignored(_SERVER_OWNED),
    "ObjectMeta.deletionGracePeriodSeconds": _ignored("remove the file instead"),
    "ObjectMeta.deletionTimestamp": _ignored("remove the file instead"),
    "ObjectMeta.finalizers": _ignored("nothing here waits for finalizers"),
    "ObjectMeta.generateName": _ignored("only metadata.name names a static pod"),
    "ObjectMeta.generation": _ignored(_SERVER_OWNED),
    "ObjectMeta.managedFields": _ignored(_SERVER_OWNED),
    "ObjectMeta.ownerReferences": _ignored("what a file gives belongs to its node alone"),
    "ObjectMeta.resourceVersion": _ignored(_SERVER_OWNED),
    "ObjectMeta.selfLink": _ignored(_SERVER_OWNED),
    "ObjectMeta.uid": _ignored("the node gives UIDs itself"),
    "PodSpec.affinity": _ignored("there is only this node to run on"),
    "PodSpec.automountServiceAccountToken": _ignored("no token is mounted, there is no API server", (False,)),
    "PodSpec.ephemeralContainers": _refused("ephemeral containers"),
    "PodSpec.evictionResponders": _ignored("nothing here evicts pods by request"),
    "PodSpec.preemptionPolicy": _ignored("only system-critical pods preempt here", ("PreemptLowerPriority",)),
    "PodSpec.readinessGates": _refused_for("nobody on a node of its own meets the gates: the pod would never be ready"),
    "PodSpec.resourceClaims": _REFERENCE,
    "PodSpec.schedulerName": _ignored("no scheduler has a part in a static pod", ("default-scheduler",)),
    "PodSpec.schedulingGates": _refused("scheduling gates"),
    "PodSpec.schedulingGroup": _ignored("no scheduler has a part in a static pod"),
    "PodSpec.serviceAccount": _REFERENCE,
    "PodSpec.serviceAccountName": _REFERENCE,
    "PodSpec.tolerations": _SILENT,
    "PodSpec.topologySpreadConstraints": _ignored("there is only this node to run on"),
    "PodOS.name": _refused("other systems than linux", ("linux",)),
    "PodSecurityContext.seLinuxChangePolicy": _ignored("volumes are relabelled by the runtime", ("Recursive",)),
    "PodSecurityContext.windowsOptions": _refused("options for Windows"),
    "SecurityContext.windowsOptions": _refused("options for Windows"),
    "LifecycleHandler.tcpSocket": Rule(
        outcome=Outcome.REFUSED, text="no node can run a tcpSocket hook: write httpGet or exec"
    ),
    "Container.volumeDevices": _refused("block devices as volumes"),
    "GRPCAction.mode": _refused("modes of gRPC probes"),
    "HTTPGetAction.protocol": _refused("protocols of HTTP probes"),
    "ResourceRequirements.claims": _REFERENCE,
    "VolumeMount.bindMountOptions": _refused_for("the runtime's interface has no options of bind mounts: remove it"),
    "VolumeProjection.clusterTrustBundle": _REFERENCE,
    "VolumeProjection.podCertificate": _REFERENCE,
    "VolumeProjection.serviceAccountToken": _REFERENCE,
    "Volume.csi": _REFERENCE,
    "Volume.persistentVolumeClaim": _REFERENCE,
    "Volume.ephemeral": _REFERENCE,
    "Volume.glusterfs": _REFERENCE,
    "Volume.azureFile": _REFERENCE,
    **{f"Volume.{kind}": _no_volume(kind, instead) for kind, instead in INSTEAD.items()},
}

HONOURED: dict[str, str] = {
    "ConfigMap": "apiVersion binaryData data immutable kind metadata",
    "Secret": "apiVersion data immutable kind metadata stringData type",
    "Pod": "apiVersion kind metadata spec",
    "ObjectMeta": "annotations labels name namespace",
    "PodSpec": (
        "activeDeadlineSeconds containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork hostPID hostUsers"
        " hostname hostnameOverride imagePullSecrets initContainers nodeName nodeSelector os overhead priority priorityClassName"
        " resources restartPolicy"
        " runtimeClassName securityContext setHostnameAsFQDN shareProcessNamespace subdomain"
        " terminationGracePeriodSeconds volumes"
    ),
    "Container": (
        "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy resources"
        " restartPolicy restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeMounts workingDir"
    ),
    "ContainerResizePolicy": "resourceName restartPolicy",
    "ContainerRestartRule": "action exitCodes",
    "ContainerRestartRuleOnExitCodes": "operator values",
    "ContainerPort": "containerPort hostIP hostPort name protocol",
    "EnvVar": "name value valueFrom",
    "EnvVarSource": "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef",
    "ConfigMapKeySelector": "key name optional",
    "SecretKeySelector": "key name optional",
    "EnvFromSource": "configMapRef prefix secretRef",
    "ConfigMapEnvSource": "name optional",
    "SecretEnvSource": "name optional",
    "LocalObjectReference": "name",
    "ObjectFieldSelector": "apiVersion fieldPath",
    "Probe": (
        "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket"
        " terminationGracePeriodSeconds timeoutSeconds"
    ),
    "Lifecycle": "postStart preStop stopSignal",
    "LifecycleHandler": "exec httpGet sleep",
    "SleepAction": "seconds",
    "ExecAction": "command",
    "FileKeySelector": "key optional path volumeName",
    "ResourceFieldSelector": "containerName divisor resource",
    "GRPCAction": "port service",
    "HTTPGetAction": "host httpHeaders path port scheme",
    "HTTPHeader": "name value",
    "TCPSocketAction": "host port",
    "ResourceRequirements": "limits requests",
    "SecurityContext": (
        "allowPrivilegeEscalation appArmorProfile capabilities privileged procMount readOnlyRootFilesystem runAsGroup"
        " runAsNonRoot runAsUser seLinuxOptions seccompProfile"
    ),
    "PodSecurityContext": (
        "appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxOptions seccompProfile"
        " supplementalGroups supplementalGroupsPolicy sysctls"
    ),
    "AppArmorProfile": "localhostProfile type",
    "Capabilities": "add drop",
    "SELinuxOptions": "level role type user",
    "SeccompProfile": "localhostProfile type",
    "Sysctl": "name value",
    "PodDNSConfig": "nameservers options searches",
    "PodDNSConfigOption": "name value",
    "HostAlias": "hostnames ip",
    "Volume": "configMap downwardAPI emptyDir hostPath image name nfs projected secret",
    "ConfigMapVolumeSource": "defaultMode defaultUser items name optional",
    "SecretVolumeSource": "defaultMode defaultUser items optional secretName",
    "KeyToPath": "key mode path user",
    "DownwardAPIVolumeSource": "defaultMode defaultUser items",
    "DownwardAPIVolumeFile": "fieldRef mode path resourceFieldRef user",
    "ProjectedVolumeSource": "defaultMode defaultUser sources",
    "VolumeProjection": "configMap downwardAPI secret",
    "ConfigMapProjection": "items name optional",
    "DownwardAPIProjection": "items",
    "SecretProjection": "items name optional",
    "EmptyDirVolumeSource": "medium mode sizeLimit",
    "HostPathVolumeSource": "path type",
    "ImageVolumeSource": "pullPolicy reference",
    "NFSVolumeSource": "path readOnly server",
    "VolumeMount": "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr",
}
"""The honoured fields, by type. Values that are not honoured of a field that is (a medium, a policy) stand in RULES."""

SECRET = frozenset(
    {
        *("Container.env", "Container.command", "Container.args", "ExecAction.command", "HTTPHeader.value"),
        *("ConfigMap.binaryData", "ConfigMap.data", "Secret.data", "Secret.stringData"),
    }
)
"""Fields of which no value may stand in a message (foundation 24); an HTTP header may hold a password."""
