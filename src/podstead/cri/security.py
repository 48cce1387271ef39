"""Pod and container security contexts as the CRI's (spec/kubelet-static-pods.md 5.6); pure.

A container's field wins over the pod's. Nothing is softened here: what the manifest asks and this code cannot give
raises, because a container with less isolation than asked for is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri._pb import cri_pb2 as pb
from podstead.errors import UnimplementedFault
from podstead.k8s import core_v1 as v1
from podstead.k8s.apparmor import profile_of
from podstead.k8s.capabilities import plain
from podstead.k8s.containers import all_containers
from podstead.state.runtime import ID_RANGE

if TYPE_CHECKING:
    from podstead.cri.node import NodeFacts
    from podstead.state.runtime import ContainerRequest

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_PROFILE_TYPES = {
    "RuntimeDefault": pb.SecurityProfile.RuntimeDefault,
    "Unconfined": pb.SecurityProfile.Unconfined,
    "Localhost": pb.SecurityProfile.Localhost,
}


def namespaces(spec: v1.PodSpec, first_id: int | None = None) -> pb.NamespaceOption:
    """Return whose network, PID, IPC and user namespaces the pod's containers use.

    Raises UnimplementedFault for `hostUsers: false` without ids: the pod would be root of the node.
    """
    if spec.host_users is False and first_id is None:
        raise UnimplementedFault("cannot give the pod a user namespace without ids", reason="Unimplemented")
    ids = id_mappings(first_id)
    pid = pb.NODE if spec.host_pid else pb.POD if spec.share_process_namespace else pb.CONTAINER
    return pb.NamespaceOption(
        network=pb.NODE if spec.host_network else pb.POD,
        pid=pid,
        ipc=pb.NODE if spec.host_ipc else pb.POD,
        userns_options=pb.UserNamespace(mode=pb.POD if ids else pb.NODE, uids=ids, gids=ids),
    )


def id_mappings(first_id: int | None) -> tuple[pb.IDMapping, ...]:
    """Return which ids of the node a pod's are; empty where they are the node's own."""
    return () if first_id is None else (pb.IDMapping(host_id=first_id, container_id=0, length=ID_RANGE),)


def sandbox_security(pod: v1.Pod, first_id: int | None = None) -> pb.LinuxSandboxSecurityContext:
    """Return the sandbox's own security: the pod's user and groups, always the runtime's default seccomp profile."""
    context = pod.spec.security_context or v1.PodSecurityContext()
    out = pb.LinuxSandboxSecurityContext(
        namespace_options=namespaces(pod.spec, first_id),
        privileged=any(_privileged(c) for c in all_containers(pod.spec)),
        seccomp=pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault),
        supplemental_groups=_groups(context),
        supplemental_groups_policy=_groups_policy(context),
    )
    if context.run_as_user is not None:
        out.run_as_user.value = context.run_as_user
        # The CRI refuses a group without a user.
        if context.run_as_group is not None:
            out.run_as_group.value = context.run_as_group
    if context.se_linux_options is not None:
        out.selinux_options.CopyFrom(_selinux(context.se_linux_options))
    return out


def container_security(request: ContainerRequest, node: NodeFacts) -> pb.LinuxContainerSecurityContext:
    """Return a container's security.

    The user is the manifest's, else the request's (taken from the image), else left to the runtime, which then uses
    the image's own.
    """
    pod, container = request.sandbox.pod, request.container
    shared = pod.spec.security_context or v1.PodSecurityContext()
    own = container.security_context or v1.SecurityContext()
    out = pb.LinuxContainerSecurityContext(
        namespace_options=namespaces(pod.spec, request.sandbox.first_id),
        privileged=_privileged(container),
        readonly_rootfs=bool(own.read_only_root_filesystem),
        no_new_privs=own.allow_privilege_escalation is False,
        supplemental_groups=_groups(shared),
        supplemental_groups_policy=_groups_policy(shared),
        seccomp=seccomp_profile(own.seccomp_profile or shared.seccomp_profile, node),
    )
    if own.capabilities is not None:
        out.capabilities.add_capabilities.extend(plain(name) for name in own.capabilities.add)
        out.capabilities.drop_capabilities.extend(plain(name) for name in own.capabilities.drop)
    _set_user(out, request, own, shared)
    selinux = own.se_linux_options or shared.se_linux_options
    if selinux is not None:
        out.selinux_options.CopyFrom(_selinux(selinux))
    apparmor = profile_of(pod, container)
    if apparmor is not None:
        out.apparmor.CopyFrom(_apparmor(apparmor))
    if own.proc_mount != "Unmasked":
        out.masked_paths.extend(MASKED_PATHS)
        out.masked_paths.extend(f"/sys/devices/system/cpu/cpu{n}/thermal_throttle" for n in range(node.cpus))
        out.readonly_paths.extend(READONLY_PATHS)
    return out


def _set_user(
    out: pb.LinuxContainerSecurityContext,
    request: ContainerRequest,
    own: v1.SecurityContext,
    shared: v1.PodSecurityContext,
) -> None:
    asked = own.run_as_user if own.run_as_user is not None else shared.run_as_user
    user = asked if asked is not None else request.run_as_user
    if user is not None:
        out.run_as_user.value = user
    elif request.run_as_username:
        out.run_as_username = request.run_as_username
    group = own.run_as_group if own.run_as_group is not None else shared.run_as_group
    if group is not None:
        out.run_as_group.value = group


def seccomp_profile(profile: v1.SeccompProfile | None, node: NodeFacts) -> pb.SecurityProfile:
    """Return the seccomp profile; none asked for means Unconfined unless the node is set to seccompDefault."""
    if profile is None:
        usual = pb.SecurityProfile.RuntimeDefault if node.seccomp_default else pb.SecurityProfile.Unconfined
        return pb.SecurityProfile(profile_type=usual)
    kind = _PROFILE_TYPES[profile.type]
    reference = f"{node.seccomp_root.rstrip('/')}/{profile.localhost_profile}" if profile.type == "Localhost" else ""
    return pb.SecurityProfile(profile_type=kind, localhost_ref=reference)


def _apparmor(profile: v1.AppArmorProfile) -> pb.SecurityProfile:
    return pb.SecurityProfile(profile_type=_PROFILE_TYPES[profile.type], localhost_ref=profile.localhost_profile or "")


def _privileged(container: v1.Container) -> bool:
    return bool(container.security_context and container.security_context.privileged)


def _groups(context: v1.PodSecurityContext) -> tuple[int, ...]:
    own = (context.fs_group,) if context.fs_group is not None else ()
    return (*own, *context.supplemental_groups)


def _groups_policy(context: v1.PodSecurityContext) -> pb.SupplementalGroupsPolicy:
    return pb.Strict if context.supplemental_groups_policy == "Strict" else pb.Merge


def _selinux(options: v1.SELinuxOptions) -> pb.SELinuxOption:
    return pb.SELinuxOption(
        user=options.user or "", role=options.role or "", type=options.type or "", level=options.level or ""
    )
