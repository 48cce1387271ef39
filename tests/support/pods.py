"""Pods for tests of the real ring, made by bare CRI calls."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from podstead.errors import RuntimeFault
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import DNS, ContainerRequest, SandboxRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.cri.client import CRIClient
    from tests.support.nodes import PrivateNode


@dataclass(frozen=True, kw_only=True)
class RunningPod:
    """A pod with one running container."""

    uid: PodUID
    sandbox: SandboxID
    container: ContainerID
    request: SandboxRequest
    ip: str
    """Empty on the host network."""


@contextlib.asynccontextmanager
async def running_pod(
    runtime: CRIClient,
    node: PrivateNode,
    name: str,
    command: tuple[str, ...] = ("sleep", "3600"),
    *,
    host_network: bool = False,
    ports: tuple[v1.ContainerPort, ...] = (),
    cgroup_parent: str = "",
    handler: str = "",
    host_pid: bool = False,
) -> AsyncIterator[RunningPod]:
    """Run a busybox pod; stop and remove it at the end, also after a restart of containerd in between."""
    uid = PodUID(str(uuid4()))
    container = v1.Container(name="main", image=node.image, command=command, ports=ports)
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name=name, namespace="default", uid=uid),
        spec=v1.PodSpec(containers=(container,), host_network=host_network or None, host_pid=host_pid or None),
    )
    request = SandboxRequest(
        key=PodKey("default", name),
        uid=uid,
        instance=node.instance,
        attempt=0,
        revision=RevisionID("0" * 16),
        pod=pod,
        hostname=name,
        log_directory=str(node.paths.pod_logs / f"default_{name}_{uid}"),
        cgroup_parent=cgroup_parent or f"{node.cgroup_parent}/pod{uid}",
        dns=DNS(servers=("127.0.0.53",)),
        runtime_handler=handler or node.running.probe.runtime,
    )
    sandbox = await runtime.run_sandbox(request)
    try:
        made = await runtime.create_container(
            ContainerRequest(
                sandbox=request,
                sandbox_id=sandbox,
                container=container,
                attempt=0,
                restart_count=0,
                image_id=node.image,
                command=command,
                args=(),
                env=(),
                mounts=(),
                log_path=f"{request.log_directory}/main/0.log",
                oom_score_adj=0,
            )
        )
        await runtime.start_container(made)
        status = await runtime.sandbox_status(sandbox)
        ip = status.ips[0] if status.ips and not host_network else ""
        yield RunningPod(uid=uid, sandbox=sandbox, container=made, request=request, ip=ip)
    finally:
        with contextlib.suppress(RuntimeFault):  # removal stops it by force, and says what is really wrong
            await runtime.stop_sandbox(sandbox)
        await runtime.remove_sandbox(sandbox)
