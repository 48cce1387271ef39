"""Security contexts become the CRI's (spec/kubelet-static-pods.md 5.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from podstead.cri import security
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.node import NodeFacts
from podstead.errors import UnimplementedFault
from podstead.k8s import core_v1 as v1
from tests.unit.cri.pods import container_request, pod

NODE = NodeFacts(seccomp_root="/root/seccomp/", cpus=2)
Profile = pb.SecurityProfile


def made(
    own: v1.SecurityContext | None = None, shared: v1.PodSecurityContext | None = None, **request: Any
) -> pb.LinuxContainerSecurityContext:
    container = v1.Container(name="main", security_context=own)
    of = pod(container, security_context=shared)
    return security.container_security(container_request(container, of, **request), NODE)


@pytest.mark.parametrize(
    ("spec", "network", "pid", "ipc"),
    [
        ({}, pb.POD, pb.CONTAINER, pb.POD),
        ({"host_network": True}, pb.NODE, pb.CONTAINER, pb.POD),
        ({"host_pid": True}, pb.POD, pb.NODE, pb.POD),
        ({"host_ipc": True}, pb.POD, pb.CONTAINER, pb.NODE),
        ({"share_process_namespace": True}, pb.POD, pb.POD, pb.POD),
        ({"host_users": True}, pb.POD, pb.CONTAINER, pb.POD),
    ],
)
def test_namespaces(spec: dict[str, Any], network: int, pid: int, ipc: int) -> None:
    found = security.namespaces(pod(**spec).spec)
    assert (found.network, found.pid, found.ipc, found.userns_options.mode) == (network, pid, ipc, pb.NODE)


def test_a_user_namespace_is_refused_not_forgotten() -> None:
    with pytest.raises(UnimplementedFault, match="without ids"):
        security.namespaces(pod(host_users=False).spec)


def test_a_user_namespace_maps_the_pods_ids() -> None:
    request = container_request(of=pod(host_users=False))
    request = replace(request, sandbox=replace(request.sandbox, first_id=131072))
    mapping = pb.IDMapping(host_id=131072, container_id=0, length=65536)
    for found in (
        security.sandbox_security(request.sandbox.pod, request.sandbox.first_id).namespace_options,
        security.container_security(request, NODE).namespace_options,
    ):
        users = found.userns_options
        assert (users.mode, list(users.uids), list(users.gids)) == (pb.POD, [mapping], [mapping])


def test_nothing_asked_for() -> None:
    found = made()
    assert not found.privileged
    assert not found.no_new_privs
    assert not found.readonly_rootfs
    assert found.seccomp.profile_type == Profile.Unconfined
    assert not found.HasField("run_as_user")
    assert not found.HasField("run_as_group")
    assert not found.HasField("apparmor")
    assert not found.HasField("selinux_options")
    assert not found.HasField("capabilities")
    assert list(found.supplemental_groups) == []


def test_the_containers_field_wins_over_the_pods() -> None:
    own = v1.SecurityContext(run_as_user=1, run_as_group=2, se_linux_options=v1.SELinuxOptions(type="own"))
    shared = v1.PodSecurityContext(run_as_user=8, run_as_group=9, se_linux_options=v1.SELinuxOptions(type="pods"))
    found = made(own, shared)
    assert (found.run_as_user.value, found.run_as_group.value, found.selinux_options.type) == (1, 2, "own")
    inherited = made(None, shared)
    assert (inherited.run_as_user.value, inherited.run_as_group.value) == (8, 9)
    assert inherited.selinux_options.type == "pods"


def test_user_zero_is_a_user() -> None:
    found = made(v1.SecurityContext(run_as_user=0), v1.PodSecurityContext(run_as_user=8))
    assert found.HasField("run_as_user")
    assert found.run_as_user.value == 0


def test_the_images_user_is_used_where_the_manifest_names_none() -> None:
    assert made(run_as_user=33).run_as_user.value == 33
    assert made(v1.SecurityContext(run_as_user=5), run_as_user=33).run_as_user.value == 5
    named = made(run_as_username="www-data")
    assert (named.run_as_username, named.HasField("run_as_user")) == ("www-data", False)
    assert made(v1.SecurityContext(run_as_user=5), run_as_username="www-data").run_as_username == ""


def test_groups() -> None:
    found = made(
        None,
        v1.PodSecurityContext(fs_group=7, supplemental_groups=(8, 9), supplemental_groups_policy="Strict"),
    )
    assert list(found.supplemental_groups) == [7, 8, 9]
    assert found.supplemental_groups_policy == pb.Strict
    assert made(None, v1.PodSecurityContext()).supplemental_groups_policy == pb.Merge


def test_capabilities_privilege_and_root_filesystem() -> None:
    own = v1.SecurityContext(
        capabilities=v1.Capabilities(add=("NET_ADMIN",), drop=("ALL",)),
        privileged=True,
        read_only_root_filesystem=True,
        allow_privilege_escalation=False,
    )
    found = made(own)
    assert list(found.capabilities.add_capabilities) == ["NET_ADMIN"]
    assert list(found.capabilities.drop_capabilities) == ["ALL"]
    assert (found.privileged, found.readonly_rootfs, found.no_new_privs) == (True, True, True)
    assert not made(v1.SecurityContext(allow_privilege_escalation=True)).no_new_privs


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        (None, "RuntimeDefault", (Profile.RuntimeDefault, "")),
        ("Unconfined", "RuntimeDefault", (Profile.Unconfined, "")),
        ("Localhost", None, (Profile.Localhost, "/root/seccomp/team/tight.json")),
        (None, None, (Profile.Unconfined, "")),
    ],
)
def test_seccomp(own: str | None, shared: str | None, expected: tuple[int, str]) -> None:
    def profile(kind: str | None) -> v1.SeccompProfile | None:
        path = "team/tight.json" if kind == "Localhost" else None
        return v1.SeccompProfile(type=kind, localhost_profile=path) if kind else None

    found = made(
        v1.SecurityContext(seccomp_profile=profile(own)), v1.PodSecurityContext(seccomp_profile=profile(shared))
    ).seccomp
    assert (found.profile_type, found.localhost_ref) == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (None, None),
        (v1.AppArmorProfile(type="RuntimeDefault"), (Profile.RuntimeDefault, "")),
        (v1.AppArmorProfile(type="Unconfined"), (Profile.Unconfined, "")),
        (v1.AppArmorProfile(type="Localhost", localhost_profile="tight"), (Profile.Localhost, "tight")),
    ],
)
def test_apparmor(profile: v1.AppArmorProfile | None, expected: tuple[int, str] | None) -> None:
    found = made(v1.SecurityContext(app_armor_profile=profile))
    assert found.HasField("apparmor") is (expected is not None)
    if expected is not None:
        assert (found.apparmor.profile_type, found.apparmor.localhost_ref) == expected


def test_capabilities_are_named_as_the_runtime_does() -> None:
    asked = v1.Capabilities(add=("CAP_SYS_TIME", "net_admin"), drop=("ALL",))
    found = made(v1.SecurityContext(capabilities=asked)).capabilities
    assert (list(found.add_capabilities), list(found.drop_capabilities)) == (["SYS_TIME", "NET_ADMIN"], ["ALL"])


def test_seccomp_where_the_node_confines_by_default() -> None:
    node = NodeFacts(seccomp_default=True)
    assert security.seccomp_profile(None, node).profile_type == Profile.RuntimeDefault
    assert security.seccomp_profile(v1.SeccompProfile(type="Unconfined"), node).profile_type == Profile.Unconfined


def test_masked_and_readonly_paths() -> None:
    found = made()
    assert "/proc/kcore" in found.masked_paths
    assert list(found.masked_paths)[-2:] == [f"/sys/devices/system/cpu/cpu{n}/thermal_throttle" for n in (0, 1)]
    assert list(found.readonly_paths) == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    unmasked = made(v1.SecurityContext(proc_mount="Unmasked"))
    assert (list(unmasked.masked_paths), list(unmasked.readonly_paths)) == ([], [])


def test_the_sandbox_is_confined_whatever_its_containers_ask() -> None:
    privileged = v1.Container(name="main", security_context=v1.SecurityContext(privileged=True))
    shared = v1.PodSecurityContext(
        run_as_user=5, run_as_group=6, seccomp_profile=v1.SeccompProfile(type="Unconfined"), supplemental_groups=(7,)
    )
    found = security.sandbox_security(pod(privileged, security_context=shared))
    assert found.privileged
    assert found.seccomp.profile_type == Profile.RuntimeDefault
    assert (found.run_as_user.value, found.run_as_group.value, list(found.supplemental_groups)) == (5, 6, [7])


def test_a_sandbox_gets_no_group_without_a_user() -> None:
    found = security.sandbox_security(pod(security_context=v1.PodSecurityContext(run_as_group=6)))
    assert not found.HasField("run_as_group")
