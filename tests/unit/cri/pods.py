"""Requests that the tests of this room vary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from podstead.cri._pb import cri_pb2 as pb
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import DNS, ContainerRequest, SandboxRequest

if TYPE_CHECKING:
    from tests.simulators.cri_runtime import SimulatedRuntime

UID = PodUID("6c9b1d5e-0000-4000-8000-000000000001")


def pod(*containers: v1.Container, metadata: dict[str, Any] | None = None, **spec: Any) -> v1.Pod:
    """Return a pod of these containers."""
    return v1.Pod(
        metadata=v1.ObjectMeta(name="web-node1", namespace="default", **(metadata or {})),
        spec=v1.PodSpec(containers=containers or (v1.Container(name="main"),), **spec),
    )


def sandbox_request(of: v1.Pod | None = None, **changes: Any) -> SandboxRequest:
    """Return the request of a pod's first sandbox."""
    request = SandboxRequest(
        key=PodKey("default", "web-node1"),
        uid=UID,
        instance="instance-1",
        attempt=0,
        revision=RevisionID("00112233445566aa"),
        pod=of or pod(),
        hostname="web-node1",
        log_directory="/var/log/pods/default_web-node1_uid",
        cgroup_parent="/podstead-1/pod1",
        dns=DNS(servers=("10.0.0.10",), searches=("a.example", "b.example"), options=("ndots:5",)),
        runtime_handler="crun",
    )
    return replace(request, **changes)


def container_request(
    container: v1.Container | None = None, of: v1.Pod | None = None, **changes: Any
) -> ContainerRequest:
    """Return the request of a pod's first container."""
    chosen = container or v1.Container(name="main")
    request = ContainerRequest(
        sandbox=sandbox_request(of or pod(chosen)),
        sandbox_id=SandboxID("sandbox-1"),
        container=chosen,
        attempt=4,
        restart_count=3,
        image_id="sha256:abc",
        command=("/bin/server",),
        args=("--port", "80"),
        env=(("B", "2"), ("A", "grüß")),
        mounts=(),
        log_path="main/3.log",
        oom_score_adj=938,
    )
    return replace(request, **changes)


async def running_container(runtime: SimulatedRuntime) -> ContainerID:
    """Run a container in a simulated runtime and return its id."""
    runtime.add_image("busybox")
    meta = pb.PodSandboxMetadata(name="p", namespace="n", uid="u")
    made = await runtime.call("RunPodSandbox", pb.RunPodSandboxRequest(config=pb.PodSandboxConfig(metadata=meta)))
    config = pb.ContainerConfig(metadata=pb.ContainerMetadata(name="c"), image=pb.ImageSpec(image="busybox"))
    request = pb.CreateContainerRequest(pod_sandbox_id=made.pod_sandbox_id, config=config)
    created = await runtime.call("CreateContainer", request)
    await runtime.call("StartContainer", pb.StartContainerRequest(container_id=created.container_id))
    return ContainerID(created.container_id)
