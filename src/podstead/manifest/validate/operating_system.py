"""Rules that depend on spec.os."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.validate.findings import Findings

SYSTEMS = ("linux", "windows")


def validate_os(pod: v1.Pod, found: Findings) -> None:
    """Judge spec.os.name and refuse the fields that belong to the other system."""
    if pod.spec.os is None:
        return
    found.one_of("spec.os.name", pod.spec.os.name, SYSTEMS)
    if pod.spec.os.name == "linux":
        for path, context in _contexts(pod):
            if context.windows_options is not None:
                found.forbidden(f"{path}.windowsOptions", "means nothing with os.name linux; remove it")
    elif pod.spec.os.name == "windows":
        _refuse_linux_fields(pod, found)


def _contexts(pod: v1.Pod) -> Iterator[tuple[str, v1.PodSecurityContext | v1.SecurityContext]]:
    """Yield each security context of the pod with its path."""
    if pod.spec.security_context is not None:
        yield "spec.securityContext", pod.spec.security_context
    for kind, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            if container.security_context is not None:
                yield f"spec.{kind}[{index}].securityContext", container.security_context


def _refuse_linux_fields(pod: v1.Pod, found: Findings) -> None:
    for name, given in (
        ("hostPID", pod.spec.host_pid),
        ("hostIPC", pod.spec.host_ipc),
        ("hostUsers", pod.spec.host_users is not None),
        ("shareProcessNamespace", pod.spec.share_process_namespace),
    ):
        if given:
            found.forbidden(f"spec.{name}", "means nothing with os.name windows; remove it")
    for path, context in _contexts(pod):
        common = (
            ("appArmorProfile", context.app_armor_profile),
            ("runAsGroup", context.run_as_group),
            ("runAsUser", context.run_as_user),
            ("seLinuxOptions", context.se_linux_options),
            ("seccompProfile", context.seccomp_profile),
        )
        own: tuple[tuple[str, object], ...]
        if isinstance(context, v1.PodSecurityContext):
            own = (
                ("fsGroup", context.fs_group),
                ("fsGroupChangePolicy", context.fs_group_change_policy),
                ("supplementalGroups", context.supplemental_groups or None),
                ("supplementalGroupsPolicy", context.supplemental_groups_policy),
                ("sysctls", context.sysctls or None),
            )
        else:
            own = (
                ("allowPrivilegeEscalation", context.allow_privilege_escalation),
                ("capabilities", context.capabilities),
                ("privileged", context.privileged),
                ("procMount", context.proc_mount),
                ("readOnlyRootFilesystem", context.read_only_root_filesystem),
            )
        for name, value in (*common, *own):
            if value is not None:
                found.forbidden(f"{path}.{name}", "means nothing with os.name windows; remove it")
