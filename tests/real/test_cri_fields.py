"""Every field that a manifest can reach arrives where it should: seen from inside a container of a real runtime."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.state.runtime import DNS, Mount
from tests.contract.subject import Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.identity import ContainerID
    from podstead.state.runtime import SandboxRequest
    from tests.support.nodes import PrivateNode

pytestmark = pytest.mark.real

SLEEP = ("sleep", "1000")


@pytest.fixture
async def subject(private_node: PrivateNode) -> AsyncIterator[Subject]:
    directory = tempfile.mkdtemp(prefix="ps-", dir="/tmp")
    async with private_node.client() as client:
        made = Subject(
            client=client,
            image=private_node.image,
            cgroup_root=private_node.cgroup_parent,
            log_root=directory,
            handler=private_node.running.probe.runtime,
        )
        yield made
        await made.close()
    shutil.rmtree(directory)


async def run(
    subject: Subject, sandbox: SandboxRequest, container: v1.Container, *mounts: Mount, user: int | None = None
) -> ContainerID:
    """Run a container of this manifest that sleeps."""
    made = await subject.client.run_sandbox(sandbox)
    request = await subject.container(sandbox, made)
    started = await subject.client.create_container(
        replace(request, container=container, command=SLEEP, mounts=mounts, run_as_user=user)
    )
    await subject.client.start_container(started)
    return started


def with_pod(sandbox: SandboxRequest, container: v1.Container, **spec: object) -> SandboxRequest:
    """Return the sandbox's request for a pod of this container."""
    pod = v1.Pod(
        metadata=sandbox.pod.metadata,
        spec=v1.PodSpec(containers=(container,), host_network=sandbox.pod.spec.host_network, **spec),  # type: ignore[arg-type]  # fields by name
    )
    return replace(sandbox, pod=pod)


async def shell(subject: Subject, container: ContainerID, script: str) -> str:
    """Return what a script prints inside."""
    done = await subject.client.exec_sync(container, ("sh", "-c", script), 10)
    return done.stdout.decode()


async def status_of_1(subject: Subject, container: ContainerID) -> dict[str, str]:
    """Return /proc/1/status of a container."""
    text = await shell(subject, container, "cat /proc/1/status")
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


async def test_a_confined_container(subject: Subject) -> None:
    container = v1.Container(
        name="confined",
        working_dir="/www",
        security_context=v1.SecurityContext(
            run_as_user=1234,
            run_as_group=1235,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=v1.Capabilities(drop=("ALL",)),
            seccomp_profile=v1.SeccompProfile(type="RuntimeDefault"),
        ),
    )
    shared = v1.PodSecurityContext(fs_group=7, supplemental_groups=(8,))
    sandbox = with_pod(subject.sandbox(), container, security_context=shared)
    running = await run(subject, sandbox, container)
    status = await status_of_1(subject, running)
    assert status["Uid"].split() == ["1234"] * 4
    assert status["Gid"].split() == ["1235"] * 4
    assert {"7", "8"} <= set(status["Groups"].split())
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapBnd"], 16)) == ("1", "2", 0)
    assert await shell(subject, running, "pwd; touch /tmp/x 2>/dev/null || echo refused") == "/www\nrefused\n"


async def test_an_unconfined_container(subject: Subject) -> None:
    container = v1.Container(name="free", security_context=v1.SecurityContext(privileged=True, proc_mount="Unmasked"))
    running = await run(subject, with_pod(subject.sandbox(), container), container, user=0)
    status = await status_of_1(subject, running)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("0", "0")
    assert int(status["CapEff"], 16) & 1 << 21  # CAP_SYS_ADMIN
    assert await shell(subject, running, "touch /proc/sys/kernel/hostname && echo writable") == "writable\n"


async def test_capabilities_are_added_and_paths_masked(subject: Subject) -> None:
    security = v1.SecurityContext(capabilities=v1.Capabilities(add=("SYS_TIME",), drop=("CHOWN",)))
    container = v1.Container(name="some", security_context=security)
    running = await run(subject, with_pod(subject.sandbox(), container), container)
    effective = int((await status_of_1(subject, running))["CapEff"], 16)
    assert (bool(effective & 1 << 25), bool(effective & 1)) == (True, False)
    assert await shell(subject, running, "cat /proc/timer_list; touch /proc/sys/kernel/hostname 2>&1 | wc -l") == "1\n"


@pytest.mark.parametrize("shared", [False, True])
async def test_process_namespaces(subject: Subject, *, shared: bool) -> None:
    container = v1.Container(name="main")
    sandbox = with_pod(subject.sandbox(), container, share_process_namespace=shared)
    running = await run(subject, sandbox, container)
    first = await shell(subject, running, "tr '\\0' ' ' </proc/1/cmdline")
    assert first.startswith("sleep") is not shared


async def test_a_network_of_its_own(subject: Subject) -> None:
    container = v1.Container(name="main")
    security = v1.PodSecurityContext(sysctls=(v1.Sysctl(name="net.ipv4.ip_local_port_range", value="2000 3000"),))
    sandbox = with_pod(subject.sandbox(host_network=False, name="named"), container, security_context=security)
    dns = DNS(servers=("10.0.0.10",), searches=("a.example",), options=("ndots:5",))
    running = await run(subject, replace(sandbox, dns=dns), container)
    script = "hostname; cat /etc/resolv.conf; cat /proc/sys/net/ipv4/ip_local_port_range"
    assert await shell(subject, running, script) == (
        "named\nsearch a.example\nnameserver 10.0.0.10\noptions ndots:5\n2000\t3000\n"
    )


async def test_mounts(subject: Subject) -> None:
    directory = Path(subject.log_root)
    (directory / "kept").mkdir()
    running = await run(
        subject,
        subject.sandbox(),
        v1.Container(name="main"),
        Mount(container_path="/rw", host_path=str(directory / "kept")),
        Mount(container_path="/ro", host_path=str(directory / "kept"), readonly=True),
    )
    await shell(subject, running, "echo hello >/rw/file")
    assert (directory / "kept" / "file").read_text() == "hello\n"
    assert await shell(subject, running, "cat /ro/file; rm /ro/file 2>/dev/null || echo refused") == "hello\nrefused\n"


async def test_resources_reach_the_cgroup_and_change_in_place(subject: Subject) -> None:
    resources = v1.ResourceRequirements(limits={"cpu": "500m", "memory": "64Mi"}, requests={"cpu": "250m"})
    container = v1.Container(name="main", resources=resources)
    sandbox = with_pod(subject.sandbox(), container)
    running = await run(subject, sandbox, container)
    assert cgroup_values(sandbox, running) == (256, 50_000, 64 << 20)
    assert await shell(subject, running, "cat /proc/1/oom_score_adj") == "500\n"


def cgroup_values(sandbox: SandboxRequest, container: ContainerID) -> tuple[int, int, int]:
    """Return shares, quota and memory limit of a container from cgroup v1, or their like from v2."""
    inside = f"{sandbox.cgroup_parent.lstrip('/')}/{container}"
    unified = Path("/sys/fs/cgroup") / inside
    if unified.is_dir():
        weight = int((unified / "cpu.weight").read_text())
        quota = int((unified / "cpu.max").read_text().split()[0])
        return 2 + (weight - 1) * 262_142 // 9_999, quota, int((unified / "memory.max").read_text())
    top = Path("/sys/fs/cgroup")
    return (
        int((top / "cpu" / inside / "cpu.shares").read_text()),
        int((top / "cpu" / inside / "cpu.cfs_quota_us").read_text()),
        int((top / "memory" / inside / "memory.limit_in_bytes").read_text()),
    )


async def test_a_log_is_written_where_it_was_asked_for(subject: Subject) -> None:
    sandbox = subject.sandbox()
    made = await subject.client.run_sandbox(sandbox)
    request = await subject.container(sandbox, made)
    container = await subject.client.create_container(replace(request, command=("sh", "-c", "echo out; echo err >&2")))
    await subject.client.start_container(container)
    await subject.exited(container)
    lines = (Path(sandbox.log_directory) / "obeys" / "0.log").read_text().splitlines()
    assert sorted(line.split(" ", 1)[1] for line in lines) == ["stderr F err", "stdout F out"]
