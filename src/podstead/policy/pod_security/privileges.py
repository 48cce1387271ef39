"""Controls on what a container's processes may do: privileges, capabilities, users, and the masks over /proc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.capabilities import ALL
from podstead.policy.pod_security.faults import Fault, in_own_users, on_windows, places, pod_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1

BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What a runtime gives every container anyway, without NET_RAW."""
RESTRICTED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})


def privileged(pod: v1.Pod) -> Iterator[Fault]:
    """Privileged Containers: none."""
    for place in places(pod):
        if place.context.privileged:
            yield Fault(
                field=f"{place.context_path}.privileged",
                problem="must be unset or false: a privileged container is root on the node",
            )


def added_capabilities(pod: v1.Pod) -> Iterator[Fault]:
    """Capabilities of the baseline: only those of a default container may be added."""
    return _added(pod, BASELINE_CAPABILITIES)


def restricted_capabilities(pod: v1.Pod) -> Iterator[Fault]:
    """Capabilities of the restricted level: ALL dropped, NET_BIND_SERVICE perhaps added."""
    for place in places(pod):
        capabilities = place.context.capabilities
        if capabilities is None or ALL not in capabilities.drop:
            yield Fault(field=f"{place.context_path}.capabilities.drop", problem='must hold "ALL"')
    yield from _added(pod, RESTRICTED_CAPABILITIES)


def restricted_capabilities_on_linux(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.25 on, when a pod can say that it is no Linux pod."""
    return iter(()) if on_windows(pod) else restricted_capabilities(pod)


def _added(pod: v1.Pod, allowed: frozenset[str]) -> Iterator[Fault]:
    for place in places(pod):
        capabilities = place.context.capabilities
        for index, name in enumerate(capabilities.add if capabilities is not None else ()):
            if name not in allowed:
                listed = ", ".join(sorted(allowed))
                yield Fault(
                    field=f"{place.context_path}.capabilities.add[{index}]", problem=f"may only be one of {listed}"
                )


def privilege_escalation(pod: v1.Pod) -> Iterator[Fault]:
    """Privilege Escalation: no program may gain more than its parent had."""
    for place in places(pod):
        if place.context.allow_privilege_escalation is not False:
            yield Fault(field=f"{place.context_path}.allowPrivilegeEscalation", problem="must be false")


def privilege_escalation_on_linux(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.25 on, when a pod can say that it is no Linux pod."""
    return iter(()) if on_windows(pod) else privilege_escalation(pod)


def running_as_non_root(pod: v1.Pod) -> Iterator[Fault]:
    """Running as Non-root: said by the pod for all, or by each container; and nobody says the opposite."""
    general = pod_context(pod).run_as_non_root
    if general is False:
        yield Fault(
            field="spec.securityContext.runAsNonRoot", problem="must be true, or unset and true in each container"
        )
    for place in places(pod):
        own = place.context.run_as_non_root
        if own is False:
            yield Fault(field=f"{place.context_path}.runAsNonRoot", problem="must be true, or unset and the pod's true")
        elif own is None and general is None:
            yield Fault(
                field=f"{place.context_path}.runAsNonRoot", problem="must be true, here or in spec.securityContext"
            )


def running_as_non_root_of_the_node(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.35 on: root of a user namespace of its own is nobody on the node."""
    return iter(()) if in_own_users(pod) else running_as_non_root(pod)


def non_root_user(pod: v1.Pod) -> Iterator[Fault]:
    """Running as Non-root user: no uid is written as 0."""
    contexts = [("spec.securityContext", pod_context(pod).run_as_user)]
    contexts += [(place.context_path, place.context.run_as_user) for place in places(pod)]
    for path, user in contexts:
        if user == 0:
            yield Fault(field=f"{path}.runAsUser", problem="must not be 0")


def non_root_user_of_the_node(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.35 on: root of a user namespace of its own is nobody on the node."""
    return iter(()) if in_own_users(pod) else non_root_user(pod)


def proc_mount(pod: v1.Pod) -> Iterator[Fault]:
    """/proc Mount Type: the runtime's masks stay on."""
    for place in places(pod):
        if place.context.proc_mount not in {None, "", "Default"}:
            yield Fault(field=f"{place.context_path}.procMount", problem="must be unset or Default")


def proc_mount_of_the_node(pod: v1.Pod) -> Iterator[Fault]:
    """The same from 1.35 on, for the baseline: a user namespace of its own may see its /proc as it is."""
    return iter(()) if in_own_users(pod) else proc_mount(pod)
