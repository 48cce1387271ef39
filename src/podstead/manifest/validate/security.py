"""Rules for the security contexts of pod and containers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import apparmor
from podstead.k8s import core_v1 as v1
from podstead.k8s.capabilities import ALL, CAPABILITIES, plain
from podstead.k8s.sysctls import dotted
from podstead.manifest.problems import ProblemKind
from podstead.manifest.validate.findings import path_fault, quoted

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

ID_MAX = 2**31 - 1
SYSCTL_MAX = 253
PROFILE_TYPES = ("RuntimeDefault", "Unconfined", "Localhost")
PROC_MOUNTS = ("Default", "Unmasked")

_SYSCTL = re.compile(r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*")
_IPC_SYSCTL = re.compile(r"kernel\.(?:sem|shm.*|msg.*)|fs\.mqueue\..*")

_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"


def validate_pod_security(pod: v1.Pod, found: Findings) -> None:
    """Judge the pod's security context and its sharing of the node's namespaces."""
    spec, context, here = pod.spec, pod.spec.security_context or v1.PodSecurityContext(), "spec.securityContext"
    found.within(f"{here}.runAsUser", context.run_as_user, 0, ID_MAX)
    found.within(f"{here}.runAsGroup", context.run_as_group, 0, ID_MAX)
    found.within(f"{here}.fsGroup", context.fs_group, 0, ID_MAX)
    for index, group in enumerate(context.supplemental_groups):
        found.within(f"{here}.supplementalGroups[{index}]", group, 0, ID_MAX)
    found.one_of(f"{here}.supplementalGroupsPolicy", context.supplemental_groups_policy, ("Merge", "Strict"))
    found.one_of(f"{here}.fsGroupChangePolicy", context.fs_group_change_policy, ("OnRootMismatch", "Always"))
    _validate_profiles(context, here, found)
    _validate_sysctls(context, spec, found)
    if spec.share_process_namespace and spec.host_pid:
        found.invalid("spec.shareProcessNamespace", "not allowed beside hostPID; remove one of the two")
    if spec.host_users is False:
        for name, shared in (
            ("hostPID", spec.host_pid),
            ("hostIPC", spec.host_ipc),
            ("hostNetwork", spec.host_network),
        ):
            if shared:
                found.forbidden(f"spec.{name}", "not allowed with hostUsers: false; remove one of the two")
    _validate_annotations(pod, found)


def validate_container_security(container: v1.Container, path: str, pod: v1.Pod, found: Findings) -> None:
    """Judge the security context of one container."""
    context = container.security_context
    if context is None:
        return
    here = f"{path}.securityContext"
    found.within(f"{here}.runAsUser", context.run_as_user, 0, ID_MAX)
    found.within(f"{here}.runAsGroup", context.run_as_group, 0, ID_MAX)
    _validate_profiles(context, here, found)
    found.one_of(f"{here}.procMount", context.proc_mount, PROC_MOUNTS)
    if context.proc_mount == "Unmasked" and pod.spec.host_users is not False:
        found.invalid(f"{here}.procMount", "Unmasked needs a user namespace; write hostUsers: false in the spec")
    _validate_capabilities(context.capabilities or v1.Capabilities(), f"{here}.capabilities", found)
    if context.allow_privilege_escalation is not False:
        return
    added = () if context.capabilities is None else context.capabilities.add
    if context.privileged:
        found.invalid(f"{here}.allowPrivilegeEscalation", "false contradicts privileged: true; remove one of the two")
    if "CAP_SYS_ADMIN" in added:
        found.invalid(
            f"{here}.allowPrivilegeEscalation", "false contradicts the capability CAP_SYS_ADMIN; remove one of the two"
        )


def _validate_capabilities(capabilities: v1.Capabilities, path: str, found: Findings) -> None:
    """Remark on names that mean nothing: a slip in `drop` would leave the container what it shall not have."""
    for field, names, nothing in (
        ("add", capabilities.add, "nothing is given"),
        ("drop", capabilities.drop, "nothing is taken away"),
    ):
        for index, name in enumerate(names):
            if plain(name) not in CAPABILITIES and plain(name) != ALL:
                told = f"Linux has no capability {quoted(name)}: {nothing}{_meant(plain(name))}"
                found.warn(ProblemKind.NOT_SUPPORTED, f"{path}.{field}[{index}]", told)


def _meant(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 1 MiB that only a slip needs

    near = get_close_matches(name[:32], sorted(CAPABILITIES), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _validate_profiles(context: v1.PodSecurityContext | v1.SecurityContext, path: str, found: Findings) -> None:
    for name, profile in (
        ("seccompProfile", context.seccomp_profile),
        ("appArmorProfile", context.app_armor_profile),
    ):
        if profile is None:
            continue
        here = f"{path}.{name}"
        if not profile.type:
            found.required(f"{here}.type", f"expected one of {', '.join(PROFILE_TYPES)}")
        else:
            found.one_of(f"{here}.type", profile.type, PROFILE_TYPES)
        _validate_localhost(profile, f"{here}.localhostProfile", found)


def _validate_localhost(profile: v1.SeccompProfile | v1.AppArmorProfile, path: str, found: Findings) -> None:
    if profile.type != "Localhost":
        if profile.localhost_profile is not None:
            found.invalid(path, "only for type Localhost; remove it or change the type")
    elif not profile.localhost_profile:
        found.required(path, "type Localhost needs it")
    elif isinstance(profile, v1.SeccompProfile):
        found.named(path, profile.localhost_profile, path_fault(profile.localhost_profile))
    elif profile.localhost_profile != profile.localhost_profile.strip():
        found.invalid(path, f"got {quoted(profile.localhost_profile)}, remove the blanks at its ends")


def _validate_sysctls(context: v1.PodSecurityContext, spec: v1.PodSpec, found: Findings) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        here = f"spec.securityContext.sysctls[{index}].name"
        name = dotted(sysctl.name)
        if not sysctl.name:
            found.required(here, "expected the name of a sysctl")
            continue
        if len(sysctl.name) > SYSCTL_MAX or _SYSCTL.fullmatch(sysctl.name) is None:
            fault = f"must be lower-case letters, digits, '-', '_' and '.', at most {SYSCTL_MAX} characters"
            found.named(here, sysctl.name, fault)
        elif name in seen:
            found.duplicate(here, f"{quoted(sysctl.name)} is set already")
        elif spec.host_network and name.startswith("net."):
            found.forbidden(here, f"{quoted(sysctl.name)} would be the node's with hostNetwork; set it on the node")
        elif spec.host_ipc and _IPC_SYSCTL.fullmatch(name):
            found.forbidden(here, f"{quoted(sysctl.name)} would be the node's with hostIPC; set it on the node")
        seen.add(name)


def _validate_annotations(pod: v1.Pod, found: Findings) -> None:
    """Refuse the annotations of old where they contradict the fields that replaced them."""
    given = pod.metadata.annotations
    pod_context = pod.spec.security_context or v1.PodSecurityContext()
    _compare(given.get(_SECCOMP_POD), pod_context.seccomp_profile, "spec.securityContext.seccompProfile", found)
    for kind, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            context = container.security_context or v1.SecurityContext()
            path = f"spec.{kind}[{index}].securityContext"
            seccomp = given.get(_SECCOMP_CONTAINER + container.name)
            _compare(seccomp, context.seccomp_profile, f"{path}.seccompProfile", found)
            older = given.get(apparmor.ANNOTATION + container.name)
            _compare(older, context.app_armor_profile, f"{path}.appArmorProfile", found)


def _compare(
    annotation: str | None, profile: v1.SeccompProfile | v1.AppArmorProfile | None, path: str, found: Findings
) -> None:
    if annotation is None or profile is None:
        return
    meant = {
        "unconfined": "Unconfined",
        "runtime/default": "RuntimeDefault",
        "docker/default": "RuntimeDefault",
        f"localhost/{profile.localhost_profile}": "Localhost",
    }.get(annotation)
    if meant != profile.type:
        found.forbidden(path, "it contradicts the older annotation for the same profile; remove the annotation")
