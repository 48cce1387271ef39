"""The kubelet's cases that show only when the whole agent works: files, admission, images, what is lost outside.

Each test is one case of docs/conformance.md; those that other tests show already are marked there.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.cri._pb import cri_pb2 as pb
from tests.functional.manifests import IMAGE, manifest
from tests.functional.node import NODE, SimulatedNode
from tests.simulators.cri_runtime import Moment
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime

# Longer than any wait of the source that could still bring a change about.
QUIET_SECONDS = 1.6
CHANGES = ("RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "CreateContainer", "StartContainer", "StopContainer")


def changes(node: SimulatedNode) -> Counter[str]:
    """How often each call that changes something was made."""
    return Counter(call for call in node.runtime.calls if call in CHANGES)


def verdict(node: SimulatedNode, name: str) -> str:
    """The verdict on a file, with its reason."""
    found = {report.path.rpartition("/")[2]: report for report in node.parts.board.files()}
    report = found.get(name)
    return f"{report.verdict} {report.reason}".strip() if report else ""


async def untouched(node: SimulatedNode, before: Counter[str]) -> None:
    """Assert that nothing is done to the runtime for a while."""
    await asyncio.sleep(QUIET_SECONDS)
    assert changes(node) == before


@pytest.mark.conformance("S2")
async def test_a_comment_a_mode_and_a_time_change_nothing(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    before = changes(node)
    node.write("web.yaml", "# a comment\n" + manifest("web"))
    (node.directory / "web.yaml").chmod(0o600)
    os.utime(node.directory / "web.yaml")
    await untouched(node, before)


@pytest.mark.conformance("S5")
async def test_a_broken_file_keeps_the_last_good_revision(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", "kind: [")
    await node.until("it is refused", lambda: verdict(node, "web.yaml").startswith("Rejected"))
    assert node.alive("web") == [first]
    node.write("web.yaml", manifest("web"))
    await node.until("it is accepted", lambda: verdict(node, "web.yaml") == "Accepted")
    assert node.alive("web") == [first]


@pytest.mark.conformance("S6")
async def test_one_file_as_the_source(root: Path, runtime: SimulatedRuntime) -> None:
    node = SimulatedNode(root, runtime)
    assert node.settings.source is not None
    file = node.directory / "web.yaml"
    node.settings = replace(node.settings, source=replace(node.settings.source, path=file))
    node.write("web.yaml", manifest("web"))
    await node.start()
    first = await node.running_pod("web")
    node.write("web.yaml", "kind: [")
    await node.until("it is refused", lambda: verdict(node, "web.yaml").startswith("Rejected"))
    assert node.alive("web") == [first]
    await node.stop()


@pytest.mark.conformance("S7")
async def test_a_directory_that_comes_later(root: Path, runtime: SimulatedRuntime) -> None:
    node = SimulatedNode(root, runtime)
    node.directory.rmdir()
    await node.start()
    await node.until("the first look is done", lambda: node.parts.sync is not None and node.parts.sync.looked)
    node.directory.mkdir()
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await node.stop()


@pytest.mark.conformance("S8")
async def test_two_files_of_one_pod(node: SimulatedNode) -> None:
    node.write("b.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("a.yaml", manifest("web"))
    node.write("c.yaml", manifest("web", hostname="other"))
    for name in ("a.yaml", "c.yaml"):
        await node.until(f"{name} is refused", lambda name=name: verdict(node, name) == "Rejected DuplicatePod")  # type: ignore[misc]  # bound now
    assert (verdict(node, "b.yaml"), node.alive("web")) == ("Accepted", [first])


@pytest.mark.conformance("S9")
async def test_a_file_of_ten_mebibytes(node: SimulatedNode) -> None:
    node.write("big.yaml", manifest("big") + "\n#" + "x" * (10 << 20))
    await node.until("it is refused", lambda: verdict(node, "big.yaml") == "Rejected TooLarge")


@pytest.mark.conformance("S17", "S18")
@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 3, "Failed"), ("Never", 0, "Succeeded"), ("OnFailure", 0, "Succeeded")]
)
async def test_a_pod_that_has_ended(node: SimulatedNode, policy: str, code: int, phase: str) -> None:
    node.write("job.yaml", manifest("job", restartPolicy=policy))
    first = await node.running_pod("job")
    node.runtime.exit_container(first.id, code)
    await node.until(f"it is {phase}", lambda: node.phase("job") == phase)
    await node.until("its sandbox is stopped", lambda: not node.sandboxes("job", ready=True))
    await untouched(node, changes(node))


@pytest.mark.conformance("S27")
async def test_two_pods_with_one_host_port(node: SimulatedNode) -> None:
    ports = {"ports": [{"containerPort": 8080}]}
    node.write("a.yaml", manifest("a", container=ports))
    await node.running_pod("a")
    node.write("b.yaml", manifest("b", container=ports))
    await node.until("it says why", lambda: node.stuck("b") == "NodePorts")
    assert (node.phase("b"), verdict(node, "b.yaml")) == ("Pending", "Accepted")
    node.remove("a.yaml")
    await node.running_pod("b")


@pytest.mark.conformance("S28")
async def test_more_than_the_node_has(node: SimulatedNode) -> None:
    node.write("big.yaml", manifest("big", container={"resources": {"requests": {"memory": "64Gi"}}}))
    await node.until("it says what lacks", lambda: node.stuck("big") == "OutOfmemory")
    assert (node.phase("big"), verdict(node, "big.yaml")) == ("Pending", "Accepted")
    node.write("big.yaml", manifest("big"))
    await node.running_pod("big")


@pytest.mark.conformance("S30")
async def test_a_pull_that_fails(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", image="registry.test/missing:1"))
    seen: list[str] = []

    def said() -> bool:
        reason = node.waiting("web")
        if reason and reason not in seen:
            seen.append(reason)
        return reason == "ImagePullBackOff"

    await node.until("it backs off", said)
    assert seen[-2:] == ["ErrImagePull", "ImagePullBackOff"]
    assert node.events("BackOff")


@pytest.mark.conformance("S32")
async def test_a_host_path_that_is_missing(node: SimulatedNode, tmp_path: Path) -> None:
    file = tmp_path / "settings"
    volume = {"name": "v", "hostPath": {"path": str(file), "type": "File"}}
    mounted = {"volumeMounts": [{"name": "v", "mountPath": "/settings"}]}
    node.write("web.yaml", manifest("web", container=mounted, volumes=[volume]))
    await node.until("an event says so", lambda: node.events("FailedMount"))
    assert node.waiting("web") == "ContainerCreating"
    file.touch()
    await node.running_pod("web", 10.0)


@pytest.mark.conformance("S34")
async def test_an_image_of_root_that_must_not_be(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", container={"securityContext": {"runAsNonRoot": True}}))
    await node.until("it says so", lambda: node.waiting("web") == "CreateContainerConfigError")
    assert not node.containers("web")


@pytest.mark.conformance("S35")
async def test_a_sysctl_that_is_not_allowed(node: SimulatedNode) -> None:
    unsafe = {"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}
    node.write("web.yaml", manifest("web", securityContext=unsafe))
    await node.until("it says so", lambda: node.stuck("web") == "SysctlForbidden")
    assert (node.phase("web"), node.sandboxes("web")) == ("Pending", [])
    await node.stop()
    node.limited(allowed_unsafe_sysctls=("kernel.msg*",))
    await node.start()
    made = (await node.running_pod("web")).sandbox.config.linux.sysctls
    assert dict(made) == {"kernel.msgmax": "65536"}


@pytest.mark.conformance("S37")
async def test_a_running_container_that_is_removed_outside(root: Path, runtime: SimulatedRuntime) -> None:
    node = SimulatedNode(root, runtime)
    node.settings = replace(node.settings, runtime=replace(node.settings.runtime, relist_seconds=0.5))
    await node.start()
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.vanish(first.id)
    await node.another("web", first)
    await node.until("it is counted", lambda: node.restarts("web") == 1)
    await node.stop()


@pytest.mark.conformance("S38")
async def test_cluster_dns_that_there_is_not(root: Path, runtime: SimulatedRuntime) -> None:
    node = SimulatedNode(root, runtime)
    resolv = root / "resolv.conf"
    resolv.write_text("nameserver 192.0.2.53\nsearch example.com\n", encoding="utf-8")
    node.limited(resolv_conf=str(resolv))
    await node.start()
    node.write("web.yaml", manifest("web", host_network=False))
    dns = (await node.running_pod("web")).sandbox.config.dns_config
    assert (list(dns.servers), list(dns.searches)) == (["192.0.2.53"], ["example.com"])
    assert node.events("MissingClusterDNS")
    await node.stop()


@pytest.mark.conformance("S40")
async def test_the_nodes_suffix(node: SimulatedNode) -> None:
    name = "w" * 62
    node.write("web.yaml", manifest(name, host_network=False))
    made = await node.running_pod(name)
    config = made.sandbox.config
    assert config.hostname == "w" * 62
    assert config.metadata.name == config.labels["io.kubernetes.pod.name"] == f"{name}-{NODE}"
    assert f"default_{name}-{NODE}_{config.metadata.uid}" in config.log_directory
    assert made.state == pb.CONTAINER_RUNNING


@pytest.mark.conformance("S4")
async def test_a_removed_file_gives_its_pod_the_grace(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(term_seconds=0.3)
    node.write("web.yaml", manifest("web", image=IMAGE, terminationGracePeriodSeconds=7))
    await node.running_pod("web")
    graces: list[int] = []

    def note(moment: Moment, _method: str, request: object) -> None:
        if moment is Moment.BEFORE and isinstance(request, pb.StopContainerRequest):
            graces.append(request.timeout)

    node.runtime.hook = note
    before = changes(node)
    node.remove("web.yaml")
    await node.gone("web")
    after = changes(node) - before
    assert (after["StopContainer"], after["StopPodSandbox"], after["RemovePodSandbox"]) == (1, 1, 1)
    assert graces == [7]
