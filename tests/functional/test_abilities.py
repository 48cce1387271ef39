"""What a pod asks of the runtime and the kernel: it waits where they cannot, and gets it where they can."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.runtime import RuntimeClass
from podstead.cri._pb import cri_pb2 as pb
from podstead.store.changes import EVENTS, NODES
from tests.functional.manifests import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.node import SimulatedNode
    from tests.simulators.cri_world import SimulatedSandbox

CAN = pb.RuntimeHandlerFeatures(user_namespaces=True, recursive_read_only_mounts=True)
STRICT: dict[str, Any] = {"securityContext": {"supplementalGroupsPolicy": "Strict", "supplementalGroups": [7]}}


def sandbox_of(node: SimulatedNode, name: str) -> SimulatedSandbox:
    """Return the ready sandbox of a pod."""
    (found,) = node.sandboxes(name, ready=True)
    return node.runtime.sandbox(found)


async def waits(node: SimulatedNode, name: str, reason: str) -> str:
    """Wait until a pod is Pending for this reason, without anything in the runtime; returns the message."""
    await node.until(f"{name} waits for {reason}", lambda: node.events(reason) and node.phase(name) == "Pending")
    assert not node.sandboxes(name)
    (blocked,) = {node.session(name).blocked}
    assert blocked is not None
    assert blocked.reason == reason
    return blocked.message


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (STRICT, "SupplementalGroupsPolicyNotSupported"),
        ({"hostUsers": False, "hostNetwork": False}, "UserNamespacesNotSupported"),
        ({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, "AppArmor"),
        ({"runtimeClassName": "kata"}, "RuntimeClassNotFound"),
        ({"securityContext": {"sysctls": [{"name": "vm.swappiness", "value": "1"}]}}, "SysctlForbidden"),
    ],
)
async def test_a_pod_waits_for_what_the_node_cannot_do(node: SimulatedNode, spec: dict[str, Any], reason: str) -> None:
    node.write("web.yaml", manifest("web", **spec))
    message = await waits(node, "web", reason)
    assert message in node.events(reason)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")


async def test_a_pod_starts_when_the_runtime_has_learned_it(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", **STRICT))
    await waits(node, "web", "SupplementalGroupsPolicyNotSupported")
    await node.stop()
    node.runtime.strict_groups = True  # an upgrade of containerd
    await node.start()
    await node.running_pod("web")
    security = sandbox_of(node, "web").config.linux.security_context
    assert (security.supplemental_groups_policy, list(security.supplemental_groups)) == (pb.Strict, [7])


async def test_nothing_runs_with_less_when_the_runtime_has_forgotten_it(node: SimulatedNode) -> None:
    node.runtime.strict_groups = True
    await node.stop()
    await node.start()
    node.write("web.yaml", manifest("web", **STRICT))
    await node.running_pod("web")
    await node.stop()
    node.runtime.reboot()
    node.runtime.strict_groups = False
    await node.start()
    await node.until("said", lambda: any("write Merge" in text for text in node.events("FailedCreatePodSandBox")))
    assert not node.sandboxes("web", ready=True)


async def test_a_class_is_a_handler_and_a_change_of_it_a_new_sandbox(node: SimulatedNode) -> None:
    await node.stop()
    overhead = (("cpu", "250m"), ("memory", "64Mi"))
    classes = (RuntimeClass(name="slow", handler="runc", overhead=overhead), RuntimeClass(name="quick", handler="crun"))
    node.settings = replace(node.settings, runtime=replace(node.settings.runtime, classes=classes))
    await node.start()
    node.write("web.yaml", manifest("web", runtimeClassName="slow"))
    await node.running_pod("web")
    first = sandbox_of(node, "web")
    assert first.runtime_handler == "runc"
    assert first.config.linux.overhead.memory_limit_in_bytes == 64 << 20
    node.write("web.yaml", manifest("web", runtimeClassName="quick"))
    await node.until("another sandbox", lambda: node.sandboxes("web", ready=True) not in ([], [first.id]))
    container = await node.running_pod("web")
    assert sandbox_of(node, "web").runtime_handler == "crun"
    assert container.config.annotations["podstead.io/runtime-handler"] == "crun"


async def test_a_class_that_means_another_handler_today_changes_nothing_that_runs(node: SimulatedNode) -> None:
    def meaning(handler: str) -> None:
        classes = (RuntimeClass(name="ours", handler=handler),)
        node.settings = replace(node.settings, runtime=replace(node.settings.runtime, classes=classes))

    await node.stop()
    meaning("runc")
    await node.start()
    node.write("web.yaml", manifest("web", runtimeClassName="ours"))
    before = await node.running_pod("web")
    await node.stop()
    meaning("crun")
    await node.start()
    await node.until("known", lambda: node.phase("web") == "Running")
    node.runtime.exit_container(before.id, 1)
    await node.another("web", before)
    (after,) = node.alive("web")
    assert after.sandbox is before.sandbox
    assert after.config.annotations["podstead.io/runtime-handler"] == "runc"


async def test_a_user_namespace_has_the_same_ids_for_the_pods_whole_life(node: SimulatedNode, root: Path) -> None:
    root.chmod(0o711)  # noqa: ASYNC240 - a test's own directory; what is in a user namespace must pass it, as /var/lib
    node.runtime.can = {"": CAN}
    await node.stop()
    await node.start()
    for name in ("web", "other"):
        node.write(f"{name}.yaml", manifest(name, host_network=False, hostUsers=False))
        await node.running_pod(name)
    users = {name: ids_of(sandbox_of(node, name).config.linux.security_context) for name in ("web", "other")}
    assert users["web"] != users["other"]
    (before,) = node.alive("web")
    await node.stop()
    await node.start()
    await node.until("known", lambda: node.phase("web") == "Running")
    node.runtime.exit_container(before.id, 1)
    await node.another("web", before)
    (after,) = node.alive("web")
    assert ids_of(after.config.linux.security_context) == users["web"]
    hosts = next(m for m in after.config.mounts if m.container_path == "/etc/hosts")
    assert [one.host_id for one in hosts.uid_mappings] == [users["web"]]


def ids_of(
    security: pb.LinuxSandboxSecurityContext | pb.LinuxContainerSecurityContext,
) -> int:
    """Return the first id of the node that a user namespace has."""
    users = security.namespace_options.userns_options
    assert users.mode == pb.POD
    (mapping,) = users.uids
    assert list(users.gids) == [mapping]
    assert (mapping.container_id, mapping.length) == (0, 65536)
    return mapping.host_id


async def test_the_node_shows_what_its_runtime_can(node: SimulatedNode) -> None:
    node.runtime.can = {"": pb.RuntimeHandlerFeatures(), "runc": CAN}
    node.runtime.strict_groups = True
    await node.stop()
    await node.start()
    await node.until("the node is shown", lambda: node.ground.state.ready)
    (shown,) = node.ground.stores.objects.list(NODES).items
    assert shown.status is not None
    assert shown.status.features is not None
    assert shown.status.features.supplemental_groups_policy
    assert [(h.name, h.features and h.features.user_namespaces) for h in shown.status.runtime_handlers] == [
        ("", False),
        ("runc", True),
    ]
    assert shown.metadata is not None
    assert shown.metadata.annotations["podstead.io/runtime-classes"] == "runc=runc"


async def test_a_seccomp_profile_that_is_not_there_is_said_before_the_runtime_is_asked(node: SimulatedNode) -> None:
    profile: dict[str, Any] = {
        "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "web.json"}}
    }
    node.write("web.yaml", manifest("web", **profile))
    await node.until("it waits", lambda: node.waiting("web") == "CreateContainerConfigError")
    assert "CreateContainer" not in node.runtime.calls
    kept = node.settings.paths.root / "seccomp"
    kept.mkdir()
    (kept / "web.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    container = await node.running_pod("web", 30.0)
    assert container.config.linux.security_context.seccomp.localhost_ref == str(kept / "web.json")


@pytest.mark.conformance("S38")
async def test_a_missing_cluster_dns_is_said_once_an_incarnation(node: SimulatedNode) -> None:
    """However often its containers and sandboxes are made again."""
    node.write("web.yaml", manifest("web", host_network=False))
    first = await node.running_pod("web")
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    node.runtime.kill_sandbox(node.sandboxes("web")[0])
    await node.until("another sandbox", lambda: len(node.sandboxes("web", ready=True)) == 1, 10.0)
    await node.running_pod("web", 10.0)
    said = [e for e in node.ground.stores.objects.list(EVENTS).items if e.reason == "MissingClusterDNS"]
    assert [e.count for e in said] == [1]
    assert "dnsPolicy ClusterFirst uses the node's resolv.conf" in (said[0].message or "")
