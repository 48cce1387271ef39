"""Controls on the kernel's means of confinement: AppArmor, SELinux, seccomp, and the sysctls that a pod may set."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from podstead.k8s import apparmor
from podstead.policy.pod_security.faults import Fault, on_windows, places, pod_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.k8s import core_v1 as v1

CONFINED = frozenset({"RuntimeDefault", "Localhost"})
SELINUX_TYPES = frozenset({"container_t", "container_init_t", "container_kvm_t"})
SELINUX_TYPES_31 = SELINUX_TYPES | {"container_engine_t"}
SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
SYSCTLS_27 = SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
SYSCTLS_29 = SYSCTLS_27 | {
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
}
SYSCTLS_32 = SYSCTLS_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
SYSCTLS_37 = SYSCTLS_32 | {"net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle"}

SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
"""Where profiles stood before 1.19 gave them a field."""
_UNCONFINED = "must be unset, RuntimeDefault or Localhost"


def app_armor(pod: v1.Pod) -> Iterator[Fault]:
    """AppArmor: a profile may be chosen, not left off; by the field or by its older annotation."""
    profiles = [("spec.securityContext", pod_context(pod).app_armor_profile)]
    profiles += [(place.context_path, place.context.app_armor_profile) for place in places(pod)]
    for path, profile in profiles:
        if profile is not None and profile.type not in CONFINED:
            yield Fault(field=f"{path}.appArmorProfile.type", problem=_UNCONFINED)
    for key, value in sorted(pod.metadata.annotations.items()):
        known = value in {"", "runtime/default"} or value.startswith(apparmor.LOCALHOST)
        if key.startswith(apparmor.ANNOTATION) and not known:
            yield Fault(field=f"metadata.annotations[{key}]", problem="must be runtime/default or localhost/PROFILE")


def _se_linux(types: frozenset[str], pod: v1.Pod) -> Iterator[Fault]:
    labels = [("spec.securityContext", pod_context(pod).se_linux_options)]
    labels += [(place.context_path, place.context.se_linux_options) for place in places(pod)]
    for path, options in labels:
        if options is None:
            continue
        if options.type and options.type not in types:
            listed = ", ".join(sorted(types))
            yield Fault(field=f"{path}.seLinuxOptions.type", problem=f"must be unset or one of {listed}")
        for name, value in (("user", options.user), ("role", options.role)):
            if value:
                yield Fault(field=f"{path}.seLinuxOptions.{name}", problem="must be unset")


def se_linux(types: frozenset[str]) -> Callable[[v1.Pod], Iterator[Fault]]:
    """SELinux: a container's label is of one of these types, its user and role are the runtime's."""
    return partial(_se_linux, types)


def seccomp_annotations(pod: v1.Pod) -> Iterator[Fault]:
    """Seccomp of the baseline before 1.19: no annotation says that the profile be left off."""
    annotations = pod.metadata.annotations
    keys = [SECCOMP_POD, *(SECCOMP_CONTAINER + place.container.name for place in places(pod))]
    for key in keys:
        value = annotations.get(key)
        if value is None or value in {"runtime/default", "docker/default"} or value.startswith("localhost/"):
            continue
        yield Fault(field=f"metadata.annotations[{key}]", problem="must be runtime/default or localhost/PROFILE")


def seccomp(pod: v1.Pod) -> Iterator[Fault]:
    """Seccomp of the baseline: a profile may be chosen, not left off."""
    profiles = [("spec.securityContext", pod_context(pod).seccomp_profile)]
    profiles += [(place.context_path, place.context.seccomp_profile) for place in places(pod)]
    for path, profile in profiles:
        if profile is not None and profile.type not in CONFINED:
            yield Fault(field=f"{path}.seccompProfile.type", problem=_UNCONFINED)


def restricted_seccomp(pod: v1.Pod) -> Iterator[Fault]:
    """Seccomp of the restricted level: every container has a profile, its own or the pod's."""
    yield from seccomp(pod)
    general = pod_context(pod).seccomp_profile
    if general is not None:
        return
    for place in places(pod):
        if place.context.seccomp_profile is None:
            yield Fault(
                field=f"{place.context_path}.seccompProfile.type",
                problem="must be RuntimeDefault or Localhost, here or in spec.securityContext",
            )


def restricted_seccomp_on_linux(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.25 on, when a pod can say that it is no Linux pod."""
    return iter(()) if on_windows(pod) else restricted_seccomp(pod)


def _sysctls(allowed: frozenset[str], pod: v1.Pod) -> Iterator[Fault]:
    for index, sysctl in enumerate(pod_context(pod).sysctls):
        if sysctl.name not in allowed:
            yield Fault(
                field=f"spec.securityContext.sysctls[{index}].name",
                problem=f"must be one of {', '.join(sorted(allowed))}",
            )


def sysctls(allowed: frozenset[str]) -> Callable[[v1.Pod], Iterator[Fault]]:
    """Sysctls: only those that are the pod's own and that no other pod feels."""
    return partial(_sysctls, allowed)
