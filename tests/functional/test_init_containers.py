"""Init containers, sidecars, restart rules, deadlines and ends that are kept, on the real loops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from podstead.server.printers.pods import pod_cells
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from tests.functional.node import SimulatedNode


def setup(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": IMAGE, **fields}


def sidecar(name: str, **fields: Any) -> dict[str, Any]:
    return setup(name, restartPolicy="Always", **fields)


def rule(action: str, *codes: int) -> dict[str, Any]:
    return {"action": action, "exitCodes": {"operator": "In", "values": list(codes)}}


def names(node: SimulatedNode) -> list[str]:
    """The containers that run, by name, once the API shows the same."""
    return node.serving("web")


def made(node: SimulatedNode) -> list[str]:
    """Every container that is there, in the order in which they were started."""
    return [c.config.metadata.name for c in sorted(node.containers("web"), key=lambda c: c.started_at)]


def status(node: SimulatedNode) -> v1.PodStatus:
    pod = node.pod("web")
    assert pod is not None
    assert pod.status is not None
    return pod.status


def word(node: SimulatedNode) -> str:
    """What kubectl writes in the STATUS column."""
    pod = node.pod("web")
    return pod_cells(pod, 0.0).texts[2] if pod is not None else ""


@pytest.mark.conformance("S21")
async def test_sidecars_start_before_and_stop_after_in_reverse(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.05)
    node.write("web.yaml", manifest("web", initContainers=[sidecar("s"), setup("i"), sidecar("t")]))
    await node.until("all run", lambda: names(node) == ["s", "t", "web"] and node.phase("web") == "Running")
    assert made(node) == ["s", "i", "t", "web"]
    containers = node.containers("web")
    node.remove("web.yaml")
    await node.gone("web")
    order = [c.config.metadata.name for c in sorted(containers, key=lambda c: c.finished_at)]
    assert order == ["i", "web", "t", "s"]


async def test_sidecars_share_the_pods_grace(node: SimulatedNode) -> None:
    """A regular container that takes all of it leaves its sidecars two seconds, which they do not need."""
    node.runtime.programs["web"] = Program(on_term=None)
    node.write("web.yaml", manifest("web", initContainers=[sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"])
    node.remove("web.yaml")
    await asyncio.sleep(1.0)
    assert names(node) == ["s", "web"], "the sidecar serves on"
    await node.gone("web", 4.0)


@pytest.mark.conformance("S20")
async def test_a_failed_init_container_ends_a_pod_that_never_restarts(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.0, exit_code=3)
    node.write("web.yaml", manifest("web", restartPolicy="Never", initContainers=[setup("i")]))
    await node.until("failed", lambda: node.phase("web") == "Failed")
    assert made(node) == ["i"], "the main container is never made"
    assert word(node) == "Init:Error"
    await node.until("its sandbox is stopped", lambda: not node.sandboxes("web", ready=True))


async def test_a_failing_init_container_is_tried_again(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.0, exit_code=1)
    node.write("web.yaml", manifest("web", initContainers=[setup("i")]))
    await node.until("it backs off", lambda: word(node) == "Init:CrashLoopBackOff")
    assert status(node).init_container_statuses[0].restart_count == 1
    assert node.phase("web") == "Pending"
    assert node.events("BackOff")


async def test_what_waits_for_an_init_container_has_its_image_meanwhile(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=30.0)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, initContainers=[setup("i")]))
    await node.until("it runs", lambda: names(node) == ["i"] and word(node) == "Init:0/1")
    await node.until("the image is known", lambda: OTHER_IMAGE in node.session("web").images)


@pytest.mark.conformance("S36")
async def test_a_killed_sandbox_is_initialised_anew(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.02)
    node.write("web.yaml", manifest("web", initContainers=[setup("i"), sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"] and node.phase("web") == "Running")
    (main,) = [c for c in node.alive("web") if c.config.metadata.name == "web"]
    node.runtime.kill_shim(main.sandbox.id)
    await node.until("all run again", lambda: names(node) == ["s", "web"] and node.phase("web") == "Running")
    attempts = {c.config.metadata.name: c.config.metadata.attempt for c in node.alive("web")}
    assert attempts["web"] == 1
    assert [c.config.metadata.attempt for c in node.containers("web") if c.config.metadata.name == "i"] == [0, 1]
    assert node.events("SandboxChanged")
    counts = {
        s.name: s.restart_count for s in (*status(node).init_container_statuses, *status(node).container_statuses)
    }
    assert counts == {"i": 1, "s": 1, "web": 1}


@pytest.mark.conformance("S37")
async def test_a_lost_sidecar_and_a_lost_init_container(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.02)
    node.write("web.yaml", manifest("web", initContainers=[setup("i"), sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"] and node.phase("web") == "Running")
    for container in node.containers("web"):
        if container.config.metadata.name in {"i", "s"}:
            await node.runtime.world.kill(container)
            node.runtime.world.remove_container(container)
    await node.until("the sidecar is back", lambda: names(node) == ["s", "web"], 15.0)
    assert not [c for c in node.containers("web") if c.config.metadata.name == "i"], "it is not run again"
    await node.until("it counts", lambda: status(node).init_container_statuses[1].restart_count == 1)


@pytest.mark.conformance("S19")
async def test_a_rule_restarts_on_its_exit_code_only(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(exit_after_seconds=0.05, exit_code=42)
    container = {"restartPolicy": "Never", "restartPolicyRules": [rule("Restart", 42)]}
    node.write("web.yaml", manifest("web", container=container))
    await node.until("it was restarted", lambda: node.pod("web") and node.restarts("web") == 1)
    node.runtime.programs["web"] = Program(exit_after_seconds=0.0, exit_code=3)
    memory = node.session("web").history
    assert memory.of("web").restart_count == 1
    await node.until("the next one ends the pod", lambda: node.phase("web") == "Failed", 15.0)
    assert node.restarts("web") == 2


async def test_a_rule_starts_everything_over(node: SimulatedNode) -> None:
    node.runtime.programs["i"] = Program(exit_after_seconds=0.02)
    container = {"restartPolicy": "Never", "restartPolicyRules": [rule("RestartAllContainers", 88)]}
    node.write("web.yaml", manifest("web", container=container, initContainers=[setup("i"), sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"])
    before = {c.id for c in node.containers("web")}
    (main,) = [c for c in node.alive("web") if c.config.metadata.name == "web"]
    node.runtime.exit_container(main.id, 88)
    await node.until(
        "all run anew",
        lambda: names(node) == ["s", "web"] and not before & {c.id for c in node.containers("web")},
    )
    assert len(node.sandboxes("web")) == 1, "the sandbox stays"
    assert made(node) == ["i", "s", "web"]
    await node.until("each counts", lambda: {s.restart_count for s in status(node).container_statuses} == {1})


@pytest.mark.conformance("S17")
async def test_a_finished_pod_stays_finished_over_crashes_and_lost_records(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(exit_after_seconds=0.02, exit_code=3)
    node.write("web.yaml", manifest("web", restartPolicy="Never", initContainers=[sidecar("s")]))
    await node.until("failed", lambda: node.phase("web") == "Failed")
    await node.until("its sandbox is stopped", lambda: not node.sandboxes("web", ready=True))
    await node.crash()
    world = node.runtime.world
    for container in list(world.containers.values()):
        world.remove_container(container)
    world.sandboxes.clear()
    world.names.clear()
    started = node.runtime.calls.count("RunPodSandbox")
    await node.start()
    await node.until("it is shown", lambda: node.phase("web") == "Failed")
    await asyncio.sleep(0.5)
    assert node.runtime.calls.count("RunPodSandbox") == started
    node.runtime.programs["web"] = Program()
    node.write("web.yaml", manifest("web", restartPolicy="Never", container={"command": ["x"]}))
    await node.running_pod("web")


async def test_a_deadline_counts_on_over_a_crash_of_the_agent(node: SimulatedNode) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    node.write("web.yaml", manifest("web", activeDeadlineSeconds=6, initContainers=[sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"])
    await node.crash()
    await asyncio.sleep(max(0.0, begun + 5.0 - loop.time()))
    again = loop.time()
    await node.start()
    await node.until("it is over", lambda: node.phase("web") == "Failed", 4.0)
    assert loop.time() - begun > 5.0
    assert loop.time() - again < 4.9, "it began anew with the agent"
    assert status(node).reason == "DeadlineExceeded"
    assert node.events("DeadlineExceeded")
    assert not node.alive("web")


async def test_a_finished_pod_holds_nothing_of_the_node(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(exit_after_seconds=0.02)
    ports = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
    node.write("web.yaml", manifest("web", host_network=False, restartPolicy="OnFailure", container=ports))
    await node.until("done", lambda: node.phase("web") == "Succeeded")
    node.write("next.yaml", manifest("next", host_network=False, container=ports))
    await node.running_pod("next")


async def test_an_edit_of_a_sidecar_restarts_that_one(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", initContainers=[sidecar("s")]))
    await node.until("all run", lambda: names(node) == ["s", "web"])
    before = {c.config.metadata.name: c.id for c in node.alive("web")}
    node.write("web.yaml", manifest("web", initContainers=[sidecar("s", image=OTHER_IMAGE)]))
    await node.until(
        "another one runs",
        lambda: names(node) == ["s", "web"] and before["s"] not in {c.id for c in node.alive("web")},
    )
    after = {c.config.metadata.name: c.id for c in node.alive("web")}
    assert after["web"] == before["web"]
    assert len(node.sandboxes("web")) == 1
