"""What an edit of each field of a Pod disturbs: the restart table as data (foundation 14, design "Minimal disruption").

A row names a field by its JSON path, `[]` standing for any item of a list; `.**` at the end covers everything below.
A field without a row counts as `Effect.POD`, and a test walks the whole generated model to see that none is without.
`compare` narrows some rows by what else the two pods say; each such row tells so in its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Effect(StrEnum):
    """What a changed field asks for, from least to most."""

    NOTHING = "nothing"
    """The running pod already agrees with the new content, or takes it up when a container next starts."""
    PROBER = "prober"
    """The prober takes the new probes; no process is touched."""
    RESIZE = "resize"
    """Other limits for a running container, in place; CONTAINER where the runtime cannot."""
    CONTAINER = "container"
    """The container concerned is stopped and started; sandbox, address and the other containers live on."""
    POD = "pod"
    """The whole pod is stopped and a new sandbox made."""
    REFUSED = "refused"
    """No accepted manifest has the field; should one appear all the same, the whole pod is restarted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: the fields at or below `path` have this effect. `why` is a note for the reader of the table."""

    path: str
    effect: Effect
    why: str = ""


def _rows(parent: str, effect: Effect, names: str, why: str = "") -> tuple[Rule, ...]:
    """Return one row for each blank-separated name below `parent`."""
    return tuple(Rule(path=f"{parent}{name}", effect=effect, why=why) for name in names.split())


_METADATA = (
    *_rows("", Effect.REFUSED, "apiVersion kind", "anything but a v1 Pod is refused"),
    *_rows("metadata.", Effect.POD, "name namespace", "another name is another pod"),
    Rule(
        path="metadata.annotations",
        effect=Effect.NOTHING,
        why="an env fieldRef to it, or an AppArmor annotation: that container. Files of downwardAPI volumes follow at once",
    ),
    Rule(
        path="metadata.labels",
        effect=Effect.NOTHING,
        why="an env fieldRef to it: that container. Files of downwardAPI volumes follow at once",
    ),
    *_rows(
        "metadata.",
        Effect.NOTHING,
        "creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation"
        " managedFields.** ownerReferences.** resourceVersion selfLink uid",
        "the agent has its own",
    ),
    Rule(path="status.**", effect=Effect.NOTHING, why="the agent makes the status"),
)

_AS_MADE = "a container is stopped as the revision that made it says: in force from its next start"

_CONTAINERS = (
    Rule(
        path="spec.containers[]",
        effect=Effect.CONTAINER,
        why="added or removed: that container; the pod if it has a hostPort in a network of its own",
    ),
    *_rows(
        "spec.containers[].",
        Effect.CONTAINER,
        "name args command env.** envFrom.** image lifecycle.postStart.** securityContext.** stdin stdinOnce"
        " terminationMessagePath terminationMessagePolicy tty volumeMounts.** workingDir",
    ),
    Rule(
        path="spec.containers[].resources.**",
        effect=Effect.RESIZE,
        why=(
            "cpu and memory; that container for less memory, a limit that goes, huge pages, a resizePolicy of RestartContainer,"
            " an env that reads it; the pod if the QoS class changes; nothing for other resources"
        ),
    ),
    *_rows("spec.containers[].", Effect.PROBER, "livenessProbe.** readinessProbe.** startupProbe.**"),
    *_rows(
        "spec.containers[].ports[].",
        Effect.PROBER,
        "containerPort name protocol",
        "informative; probes look ports up by name",
    ),
    *_rows(
        "spec.containers[].ports[].",
        Effect.POD,
        "hostIP hostPort",
        "port mappings live in the sandbox; nothing with hostNetwork",
    ),
    *_rows("spec.containers[].", Effect.NOTHING, "imagePullPolicy", "asked when an image is next needed"),
    *_rows(
        "spec.containers[].",
        Effect.NOTHING,
        "restartPolicy restartPolicyRules.** resizePolicy.**",
        "asked when the container next stops",
    ),
    *_rows("spec.containers[].lifecycle.", Effect.NOTHING, "preStop.** stopSignal", _AS_MADE),
    *_rows("spec.containers[].", Effect.REFUSED, "volumeDevices.**", "needs API objects"),
)

_ANEW = "the pod is initialised anew; a sidecar's: as that of any container"

_INIT_CONTAINERS = (
    Rule(path="spec.initContainers[]", effect=Effect.POD, why="added, removed or moved: the pod is initialised anew"),
    *_rows(
        "spec.initContainers[].",
        Effect.POD,
        "name args command env.** envFrom.** image lifecycle.postStart.** resources.** securityContext.** stdin stdinOnce"
        " terminationMessagePath terminationMessagePolicy tty volumeMounts.** workingDir",
        _ANEW,
    ),
    *_rows(
        "spec.initContainers[].",
        Effect.PROBER,
        "livenessProbe.** readinessProbe.** startupProbe.**",
        "sidecars only",
    ),
    Rule(
        path="spec.initContainers[].restartPolicy",
        effect=Effect.POD,
        why="what is a sidecar and what is not: the pod is initialised anew",
    ),
    *_rows("spec.initContainers[].ports[].", Effect.PROBER, "containerPort name protocol"),
    *_rows(
        "spec.initContainers[].ports[].",
        Effect.POD,
        "hostIP hostPort",
        "port mappings live in the sandbox; nothing with hostNetwork",
    ),
    *_rows(
        "spec.initContainers[].",
        Effect.NOTHING,
        "imagePullPolicy restartPolicyRules.** resizePolicy.**",
        "asked when the container next starts or stops",
    ),
    *_rows("spec.initContainers[].lifecycle.", Effect.NOTHING, "preStop.** stopSignal", _AS_MADE),
    *_rows("spec.initContainers[].", Effect.REFUSED, "volumeDevices.**", "needs API objects"),
)

_SHARED = "the containers that mount it; the pod if an init container or every one of several others does"
_VOLUMES = (
    Rule(path="spec.volumes[]", effect=Effect.CONTAINER, why=_SHARED),
    Rule(path="spec.volumes[].name", effect=Effect.CONTAINER, why=_SHARED),
    Rule(
        path="spec.volumes[].emptyDir.sizeLimit",
        effect=Effect.NOTHING,
        why="the volume as it is gets the new limit",
    ),
    *_rows(
        "spec.volumes[].emptyDir.",
        Effect.POD,
        "medium mode",
        "a pod's emptyDirs are fresh together; nothing if no container uses the volume",
    ),
    Rule(path="spec.volumes[].hostPath.path", effect=Effect.CONTAINER, why=_SHARED),
    Rule(path="spec.volumes[].hostPath.type", effect=Effect.NOTHING, why="checked when a container next starts"),
    Rule(path="spec.volumes[].image.reference", effect=Effect.CONTAINER, why=_SHARED),
    Rule(path="spec.volumes[].image.pullPolicy", effect=Effect.NOTHING, why="asked when the image is next needed"),
    *_rows(
        "spec.volumes[].",
        Effect.CONTAINER,
        "configMap.** downwardAPI.** projected.** secret.**",
        f"{_SHARED}. What the files show, an object or a label, is followed without a restart",
    ),
    Rule(path="spec.volumes[].nfs.**", effect=Effect.CONTAINER, why=_SHARED),
    *_rows(
        "spec.volumes[].",
        Effect.REFUSED,
        "azureFile.** csi.** ephemeral.** glusterfs.** persistentVolumeClaim.**",
        "needs API objects",
    ),
    *_rows(
        "spec.volumes[].",
        Effect.REFUSED,
        "awsElasticBlockStore.** azureDisk.** cephfs.** cinder.** fc.** flexVolume.** flocker.** gcePersistentDisk.**"
        " gitRepo.** iscsi.** photonPersistentDisk.** portworxVolume.** quobyte.** rbd.** scaleIO.** storageos.**"
        " vsphereVolume.**",
        "no such volume is made",
    ),
)

_SPEC = (
    *_rows(
        "spec.",
        Effect.POD,
        "dnsConfig.** dnsPolicy hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride runtimeClassName"
        " setHostnameAsFQDN shareProcessNamespace subdomain",
        "set when the sandbox is made",
    ),
    *_rows("spec.", Effect.POD, "overhead resources.**", "the pod's cgroup and QoS class"),
    *_rows(
        "spec.securityContext.",
        Effect.POD,
        "appArmorProfile.** fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy"
        " seLinuxOptions.** seccompProfile.** supplementalGroups supplementalGroupsPolicy sysctls.**",
        "the sandbox has it too",
    ),
    Rule(path="spec.securityContext.windowsOptions.**", effect=Effect.NOTHING, why="means nothing on Linux"),
    Rule(
        path="spec.hostAliases.**",
        effect=Effect.CONTAINER,
        why="every container without a mount at /etc/hosts: the file is written when a container starts",
    ),
    *_rows(
        "spec.",
        Effect.NOTHING,
        "priority priorityClassName",
        "every container if system-node-critical comes or goes, which sets oom_score_adj",
    ),
    *_rows(
        "spec.",
        Effect.NOTHING,
        "activeDeadlineSeconds preemptionPolicy readinessGates.** restartPolicy terminationGracePeriodSeconds",
        "asked when it matters next",
    ),
    Rule(path="spec.imagePullSecrets.**", effect=Effect.NOTHING, why="asked when an image is next pulled"),
    *_rows(
        "spec.",
        Effect.NOTHING,
        "affinity.** nodeName nodeSelector os.** schedulerName schedulingGroup.** tolerations.**"
        " topologySpreadConstraints.**",
        "placement: the pod is here already",
    ),
    *_rows(
        "spec.",
        Effect.NOTHING,
        "automountServiceAccountToken enableServiceLinks evictionResponders.**",
        "means nothing without an API server",
    ),
    *_rows(
        "spec.",
        Effect.REFUSED,
        "ephemeralContainers.** resourceClaims.** schedulingGates.** serviceAccount serviceAccountName",
        "needs an API server",
    ),
)

RESTART_TABLE: tuple[Rule, ...] = (*_METADATA, *_CONTAINERS, *_INIT_CONTAINERS, *_VOLUMES, *_SPEC)
"""Every row, in the order of the printed table."""

_BY_PATH = {rule.path: rule for rule in RESTART_TABLE}
_SUBTREE = ".**"


@cache
def rule_of(pattern: str) -> Rule | None:
    """Return the row that covers a field (`spec.containers[].env[].value`), None when none does."""
    if pattern in _BY_PATH:
        return _BY_PATH[pattern]
    above = pattern
    while above:
        found = _BY_PATH.get(above.removesuffix("[]") + _SUBTREE)
        if found is not None:
            return found
        above = above.rpartition(".")[0]
    return None


def effect_of(pattern: str) -> Effect:
    """Return the effect of a changed field; a field without a row restarts the pod, which is always right."""
    rule = rule_of(pattern)
    return Effect.POD if rule is None else rule.effect


def as_markdown(seen: Mapping[str, str]) -> str:
    """Return the table for the documentation, one row a line, ending with a newline.

    `seen` is what an edit was observed to restart, by path, with a remark in brackets where a path has several.
    """
    lines = ["| field | an edit restarts | seen | note |", "|---|---|---|---|"]
    for rule in RESTART_TABLE:
        found = [(name, what) for name, what in seen.items() if name.partition(" (")[0] == rule.path]
        texts = (f"{what}{name.removeprefix(rule.path)}" for name, what in found)
        lines.append(f"| `{rule.path}` | {rule.effect} | {'; '.join(texts)} | {rule.why} |")
    return "\n".join(lines) + "\n"
