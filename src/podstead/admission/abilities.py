"""What a pod needs the node to be able to do: user namespaces, AppArmor, strict groups, a runtime class, limits that hold.

Asked of new content only: the runtime would run it without what it asks for, or refuse it in words of its own.
Source: spec/kubelet-static-pods.md 3.13 and 5.6; spec/cri.md 10 for what containerd ignores silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s import apparmor
from podstead.k8s.containers import all_containers
from podstead.k8s.resources import CPU, MEMORY, container_limits
from podstead.state.desired import Blocked
from podstead.state.runtime_classes import RuntimeClasses

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.state.runtime import HandlerFeatures

APPARMOR = "AppArmor"
STRICT_GROUPS = "SupplementalGroupsPolicyNotSupported"
USER_NAMESPACES = "UserNamespacesNotSupported"
RUNTIME_CLASS = "RuntimeClassNotFound"
CONTROLLER = "CgroupControllerMissing"
_NEWER = "containerd 2.0 and CRI-O 1.31 can"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What this node's kernel and runtime can, beside giving room."""

    apparmor: bool = False
    strict_groups: bool = False
    classes: RuntimeClasses = field(default_factory=RuntimeClasses)
    handlers: tuple[HandlerFeatures, ...] = ()
    """Of the runtime; empty where it does not tell, and then any handler may be there."""
    missing_controllers: tuple[str, ...] = ()
    """Cgroup controllers that the kernel does not have, by name: limits of cpu and memory need the one of their name."""

    def handler(self, name: str) -> HandlerFeatures | None:
        """Return what a handler can; None when it is not listed."""
        return next((one for one in self.handlers if one.name == name), None)


def lacking(pod: v1.Pod, node: Abilities) -> Blocked | None:
    """Return what the pod needs and this node cannot do; None when it can do all."""
    checks = (_runtime_class, _user_namespace, _groups, _apparmor, _controllers)
    return next((blocked for check in checks if (blocked := check(pod, node)) is not None), None)


def _runtime_class(pod: v1.Pod, node: Abilities) -> Blocked | None:
    name = pod.spec.runtime_class_name
    if not name:
        return None
    handler = node.classes.handler(pod.spec)
    if handler is None:
        known = ", ".join(sorted(one.name for one in node.classes.classes))
        have = f"it has {known}" if known else "it has none"
        message = f"this node has no runtime class {name}: {have} (runtimeClasses in the node's configuration)"
        return Blocked(reason=RUNTIME_CLASS, message=message)
    if node.handlers and node.handler(handler) is None:
        known = ", ".join(sorted(one.name for one in node.handlers if one.name))
        message = f"runtime class {name} means the handler {handler}, which the runtime does not have: it has {known}"
        return Blocked(reason=RUNTIME_CLASS, message=message)
    return None


def _user_namespace(pod: v1.Pod, node: Abilities) -> Blocked | None:
    if pod.spec.host_users is not False:
        return None
    found = node.handler(node.classes.handler(pod.spec) or "")
    if found is not None and found.user_namespaces:
        return None
    message = (
        "hostUsers: false asks for a user namespace, and this runtime would run the pod without one, as root of the"
        f" node: leave it out, or use a runtime that can ({_NEWER}, with a recent runc or crun)"
    )
    return Blocked(reason=USER_NAMESPACES, message=message)


def _groups(pod: v1.Pod, node: Abilities) -> Blocked | None:
    context = pod.spec.security_context
    if context is None or context.supplemental_groups_policy != "Strict" or node.strict_groups:
        return None
    message = (
        "supplementalGroupsPolicy Strict keeps the image's groups away, and this runtime would let them in:"
        f" write Merge, or use a runtime that can ({_NEWER})"
    )
    return Blocked(reason=STRICT_GROUPS, message=message)


def _apparmor(pod: v1.Pod, node: Abilities) -> Blocked | None:
    name = next(apparmor.confined(pod), None)
    if name is None or node.apparmor:
        return None
    message = f"container {name} asks for an AppArmor profile and this machine has no AppArmor: enable it, or write Unconfined"
    return Blocked(reason=APPARMOR, message=message)


def _controllers(pod: v1.Pod, node: Abilities) -> Blocked | None:
    """Refuse limits that nobody would hold: the kubelet does not start at all on such a machine."""
    for name in (CPU, MEMORY):
        if name not in node.missing_controllers:
            continue
        limited = [c.name for c in all_containers(pod.spec) if container_limits(c).get(name)]
        if limited or (pod.spec.resources is not None and name in pod.spec.resources.limits):
            who = f"container {limited[0]}" if limited else "the pod"
            message = f"{who} has a limit of {name}, and {missing_controller(name)}; or leave the limit out"
            return Blocked(reason=CONTROLLER, message=message)
    return None


def missing_controller(name: str) -> str:
    """Return the sentence about a controller that the kernel does not have, and what to do."""
    return (
        f"this machine's kernel runs without the cgroup controller {name}:"
        f" boot it with cgroup_enable={name} and without cgroup_disable={name}"
    )
