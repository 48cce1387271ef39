"""The table of controls: which one holds at which level, since which version, and instead of which other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.policy.pod_security import host, privileges, profiles, volumes
from podstead.policy.pod_security.levels import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.policy.pod_security.faults import Fault

    Judge = Callable[[v1.Pod], Iterator[Fault]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control by the name it has in the standard.

    `revisions` are the minor versions of Kubernetes from which each form of it holds, rising. The one of the restricted
    level stands in for that of the baseline with the same name.
    """

    name: str
    level: Level
    revisions: tuple[tuple[int, Judge], ...]

    def judge(self, minor: int) -> Judge | None:
        """Return its form in a version, None where that version does not have it."""
        known = [judge for since, judge in self.revisions if since <= minor]
        return known[-1] if known else None


def _baseline(name: str, *revisions: tuple[int, Judge]) -> Control:
    return Control(name=name, level=Level.BASELINE, revisions=revisions)


def _restricted(name: str, *revisions: tuple[int, Judge]) -> Control:
    return Control(name=name, level=Level.RESTRICTED, revisions=revisions)


HOST_PATH_VOLUMES = "HostPath Volumes"
VOLUME_TYPES = "Volume Types"

CONTROLS = (
    _baseline("HostProcess", (0, host.host_process)),
    _baseline("Host Namespaces", (0, host.host_namespaces)),
    _baseline("Privileged Containers", (0, privileges.privileged)),
    _baseline("Capabilities", (0, privileges.added_capabilities)),
    _baseline(HOST_PATH_VOLUMES, (0, host.host_path_volumes)),
    _baseline("Host Ports", (0, host.host_ports)),
    _baseline("Host Probes / Lifecycle Hooks", (34, host.host_probes)),
    _baseline("AppArmor", (0, profiles.app_armor)),
    _baseline(
        "SELinux",
        (0, profiles.se_linux(profiles.SELINUX_TYPES)),
        (31, profiles.se_linux(profiles.SELINUX_TYPES_31)),
    ),
    _baseline("/proc Mount Type", (0, privileges.proc_mount), (35, privileges.proc_mount_of_the_node)),
    _baseline("Seccomp", (0, profiles.seccomp_annotations), (19, profiles.seccomp)),
    _baseline(
        "Sysctls",
        (0, profiles.sysctls(profiles.SYSCTLS)),
        (27, profiles.sysctls(profiles.SYSCTLS_27)),
        (29, profiles.sysctls(profiles.SYSCTLS_29)),
        (32, profiles.sysctls(profiles.SYSCTLS_32)),
        (37, profiles.sysctls(profiles.SYSCTLS_37)),
    ),
    _restricted(VOLUME_TYPES, (0, volumes.volume_types)),
    _restricted(
        "Privilege Escalation", (8, privileges.privilege_escalation), (25, privileges.privilege_escalation_on_linux)
    ),
    _restricted(
        "Running as Non-root", (0, privileges.running_as_non_root), (35, privileges.running_as_non_root_of_the_node)
    ),
    _restricted("Running as Non-root user", (23, privileges.non_root_user), (35, privileges.non_root_user_of_the_node)),
    _restricted("Seccomp", (19, profiles.restricted_seccomp), (25, profiles.restricted_seccomp_on_linux)),
    _restricted(
        "Capabilities", (22, privileges.restricted_capabilities), (25, privileges.restricted_capabilities_on_linux)
    ),
    _restricted("/proc Mount Type", (35, privileges.proc_mount)),
)
"""In the order of the standard's own page."""

REPLACED = {VOLUME_TYPES: HOST_PATH_VOLUMES}
"""A control of the restricted level that stands in for one of another name: it says the same and more."""


def controls_of(level: Level, minor: int) -> Iterator[tuple[str, Judge]]:
    """Yield the controls of a level in a version, each by its name with the form that it has there."""
    if level is Level.PRIVILEGED:
        return
    forms = [(control, judge) for control in CONTROLS if (judge := control.judge(minor)) is not None]
    stricter = {REPLACED.get(control.name, control.name) for control, _ in forms if control.level is Level.RESTRICTED}
    for control, judge in forms:
        if level is Level.BASELINE:
            if control.level is Level.BASELINE:
                yield control.name, judge
        elif control.level is Level.RESTRICTED or control.name not in stricter:
            yield control.name, judge
