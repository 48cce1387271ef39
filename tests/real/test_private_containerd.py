"""The private containerd for real: started, adopted, killed and started again, ended without a trace."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.config.images import ImageSettings
from podstead.config.paths import paths_for
from podstead.containerd.leftovers import shim_pids
from podstead.containerd.mounts import read_mounts
from podstead.containerd.oci_image import ImageFile
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.containerd.process import lock_holder, peer_pid
from podstead.errors import OperatorError, RuntimeFault
from podstead.state.observed import ContainerState
from tests.support.images import build_busybox_image
from tests.support.netns import run, two_hosts
from tests.support.nodes import PrivateNode, leftovers_of, make_node
from tests.support.pods import running_pod
from tests.support.runtimes import chosen_oci
from tests.unit.containerd import archives

if TYPE_CHECKING:
    from podstead.cri.client import CRIClient
    from podstead.identity import ContainerID

pytestmark = pytest.mark.real

ANOTHER = ImageFile(path="another", content=b"so that removing this image does not remove the session's tags")


async def start_time(runtime: CRIClient, container: ContainerID) -> tuple[int, str]:
    """Return the pid of a container and the moment its process began, which no other process shares."""
    pid = await runtime.container_pid(container)
    return pid, _start_ticks(pid)


def _start_ticks(pid: int) -> str:
    """Return field 22 of proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


async def test_the_session_node_answers_and_is_ready(private_node: PrivateNode) -> None:
    async with private_node.client() as runtime:
        info = await runtime.info()
        sandbox = await runtime.image(private_node.running.sandbox_image)
        busybox = await runtime.image(private_node.image)
    assert (info.name, info.ready, info.network_ready) == ("containerd", True, True)
    assert sandbox is not None
    assert sandbox.tags == (private_node.running.sandbox_image,)
    assert busybox is not None
    assert busybox.tags == (private_node.image,)


def test_containerd_has_nothing_to_say_against_its_configuration(private_node: PrivateNode) -> None:
    """Version 2 of the configuration is migrated by containerd 2, and what it does not know it ignores: it says both."""
    start, booted, _ = private_node.containerd.log.read_text(encoding="utf-8").partition(
        "containerd successfully booted"
    )
    assert booted
    assert [line for line in start.splitlines() if "level=info" not in line] == []


async def test_every_handler_runs_pods_and_pause_lives_beside_host_pids(private_node: PrivateNode) -> None:
    assert private_node.running.probe.runtime in private_node.running.probe.handlers
    async with private_node.client() as runtime:
        for handler in private_node.running.probe.handlers:
            for host_pid in (False, True):
                name = f"handler-{handler}-{host_pid}".lower()
                async with running_pod(
                    runtime, private_node, name, host_network=True, handler=handler, host_pid=host_pid
                ) as pod:
                    said = await runtime.exec_sync(pod.container, ("echo", handler), 10)
                    status = await runtime.sandbox_status(pod.sandbox)
                assert (said.exit_code, said.stdout) == (0, handler.encode() + b"\n")
                assert status.ready


async def test_lock_and_socket_name_the_same_process(private_node: PrivateNode) -> None:
    run_directory = private_node.paths.containerd_run
    pid = private_node.running.pid
    assert lock_holder(run_directory / "containerd.lock") == pid
    assert peer_pid(private_node.running.socket) == pid
    assert os.getsid(pid) == pid != os.getsid(0)  # a session of its own: no terminal's or agent's end reaches it
    adopted = await private_node.containerd.ensure_running()
    assert (adopted.adopted, adopted.pid) == (True, pid)


async def test_a_second_launch_is_refused_by_the_lock(private_node: PrivateNode) -> None:
    with pytest.raises(OperatorError, match="holds the lock"):
        private_node.containerd._process.start(("/bin/true",), environment={}, mount_namespace=None, net_namespace=None)


async def test_killed_containerd_comes_back_with_its_pods_and_addresses(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as hosts, make_node(net_namespace=hosts.node) as node:
        async with node.client() as runtime:
            async with (
                running_pod(runtime, node, "host", host_network=True) as host,
                running_pod(runtime, node, "own", ("httpd", "-f", "-h", "/www")) as own,
            ):
                before = [await start_time(runtime, pod.container) for pod in (host, own)]
                running = node.running
                for attempt in range(2):
                    os.kill(running.pid, signal.SIGKILL)
                    again = await node.start_again()
                    assert not again.running.adopted
                    assert again.running.pid != running.pid
                    running = again.running
                    containers = {c.id: c.state for c in await runtime.containers()}
                    assert containers == {
                        host.container: ContainerState.RUNNING,
                        own.container: ContainerState.RUNNING,
                    }, attempt
                    assert [await start_time(runtime, pod.container) for pod in (host, own)] == before
                    status = await runtime.sandbox_status(own.sandbox)
                    assert (status.ready, status.ips) == (True, (own.ip,))
                    page = run("nsenter", f"--net={hosts.node}", "busybox", "wget", "-qO-", f"http://{own.ip}/")
                    assert page == "podstead test\n"
                async with running_pod(runtime, node, "third") as third:
                    assert third.ip not in {"", own.ip}
            assert await runtime.sandboxes() == []


async def test_a_changed_configuration_restarts_containerd_and_no_pod() -> None:
    with make_node() as node:
        async with node.client() as runtime, running_pod(runtime, node, "stays", host_network=True) as pod:
            before = await start_time(runtime, pod.container)
            changed = PrivateContainerd(
                ContainerdSettings(
                    paths=node.paths,
                    images=ImageSettings(https_proxy="http://user:secret@127.0.0.1:1", no_proxy="localhost"),
                    cgroup_parent=node.cgroup_parent,
                    oci_runtime=chosen_oci(),
                )
            )
            running = await changed.ensure_running()
            await changed.wait_ready(runtime.version)
            assert (running.adopted, running.pid != node.running.pid) == (False, True)
            assert b"HTTPS_PROXY=http://user:secret@127.0.0.1:1" in environment_of(running.pid)
            assert "secret" not in (node.paths.containerd / "config.toml").read_text()
            assert await start_time(runtime, pod.container) == before
            assert (await changed.ensure_running()).adopted


async def test_another_oci_runtime_leaves_pods_alone_and_nothing_behind() -> None:
    """Where one of the two needs a mount namespace of its own, its containerd finds the mounts of the other's pods."""
    with make_node(oci_runtime="runc") as node:
        async with node.client() as runtime, running_pod(runtime, node, "stays", host_network=True) as pod:
            before = await start_time(runtime, pod.container)
            settings = ContainerdSettings(
                paths=node.paths, images=ImageSettings(), cgroup_parent=node.cgroup_parent, oci_runtime="crun"
            )
            running = await PrivateContainerd(settings).ensure_running()
            await PrivateContainerd(settings).wait_ready(runtime.version)
            assert (running.adopted, running.probe.runtime) == (False, "crun")
            assert await start_time(runtime, pod.container) == before
            async with running_pod(runtime, node, "new", host_network=True, handler="crun") as new:
                assert await runtime.container_pid(new.container)
        await node.containerd.stop()
        assert leftovers_of(node) == []


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


async def test_several_instances_live_side_by_side(private_node: PrivateNode) -> None:
    with make_node() as other:
        async with (
            other.client() as theirs,
            private_node.client() as ours,
            running_pod(theirs, other, "same", host_network=True) as one,
            running_pod(ours, private_node, "same", host_network=True) as two,
        ):
            assert [c.id for c in await theirs.containers()] == [one.container]
            assert two.container in [c.id for c in await ours.containers(instance=private_node.instance)]
    assert leftovers_of(other) == []
    assert await private_node.containerd.running_pid() == private_node.running.pid


async def test_a_sandbox_image_that_no_registry_gives_is_stood_in_for() -> None:
    name = "registry.invalid/google_containers/pause:3.2"
    with make_node(sandbox_image=name) as node:
        async with node.client() as client, running_pod(client, node, "web", host_network=True):
            assert await client.image(name) is not None


async def test_stop_leaves_nothing_even_of_running_pods() -> None:
    with make_node() as node:
        async with node.client() as runtime:
            context = running_pod(runtime, node, "left", host_network=True)
            await context.__aenter__()
            assert len(shim_pids(node.running.socket)) == 1
            await node.containerd.stop()
            assert leftovers_of(node) == []
            assert await node.containerd.running_pid() is None
            await node.containerd.stop()  # safe to repeat
    assert not node.paths.root.exists()


def test_mounts_made_later_below_the_root_reach_containers() -> None:
    with make_node() as node:
        late = node.paths.root / "late"
        late.mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", str(late))
        try:
            (late / "seen").write_text("yes")
            mounts = Path(f"/proc/{node.running.pid}/mountinfo").read_text()
            assert f" {late} " in mounts
            assert Path(f"/proc/{node.running.pid}/root{late}/seen").read_text() == "yes"
        finally:
            run("umount", str(late))
    assert not any(node.paths.root in (entry.mount_point, *entry.mount_point.parents) for entry in read_mounts())


async def test_a_stranger_on_the_socket_is_not_adopted(tmp_path: Path) -> None:
    with make_node() as node:
        await node.containerd.stop()
        node.running.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(str(node.running.socket))
            stranger.listen()
            with pytest.raises(OperatorError, match=f"process {os.getpid()} listens there"):
                await node.containerd.ensure_running()
        node.running.socket.unlink()


async def test_a_containerd_that_ends_is_told_with_its_last_words() -> None:
    with make_node() as node:
        await node.containerd.stop()
        images = node.paths.containerd / "root"
        images.rename(images.with_name("kept"))
        images.write_text("in the way")

        async def start() -> None:
            await node.containerd.ensure_running()
            await node.containerd.wait_ready(timeout_seconds=10)

        with pytest.raises(OperatorError, match=r"ended.*not a directory"):
            await start()


async def test_a_containerd_that_never_gets_ready_is_told_after_the_time() -> None:
    with make_node() as node:
        await node.containerd.stop()
        database = node.paths.containerd / "root" / "io.containerd.metadata.v1.bolt"
        database.rename(database.with_name("kept"))
        database.write_text("in the way")  # its socket answers all the same, CRI never does
        await node.containerd.ensure_running()
        async with node.client() as runtime:
            with pytest.raises(OperatorError, match=r"not ready after 0\.5 s: .*; its log is"):
                await node.containerd.wait_ready(runtime.version, timeout_seconds=0.5)


def test_a_long_root_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    root = tmp_path / ("d" * 90)
    settings = ContainerdSettings(paths=paths_for(root), images=ImageSettings(), cgroup_parent="/podstead-long")
    with pytest.raises(OperatorError, match="choose a shorter --root-dir"):
        asyncio.run(PrivateContainerd(settings).ensure_running())
    assert not root.exists()


async def test_import_gives_names_and_leaves_no_route(private_node: PrivateNode, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    names = ("docker.io/library/mysql:5.7.39", "registry.example:5000/team/app:v1")
    built = build_busybox_image(archive, "docker.io/library/other:1", extra=(ANOTHER,))
    certs = private_node.paths.containerd / "certs.d"
    seen: list[str] = []
    async with private_node.client() as runtime:

        async def pull(name: str) -> str:
            (host,) = (child.name for child in certs.iterdir())
            seen.append((certs / host / "hosts.toml").read_text())
            return await runtime.pull_image(name)

        (imported,) = await private_node.containerd.importer.import_image(archive, pull=pull, names=names)
        assert (imported.id, imported.digest, imported.names) == (built.id, built.manifest_digest, names)
        for name in names:
            image = await runtime.image(name)
            assert image is not None
            assert image.id == built.id
        assert await runtime.image("docker.io/library/other:1") is None
        assert list(certs.iterdir()) == []
        assert all("http://127.0.0.1:" in text and "_default" not in text for text in seen)
        assert len(seen) == len(names)
        with pytest.raises(RuntimeFault, match=r"127\.0\.0\.1:1"):  # no route is left: the real host is asked
            await runtime.pull_image("127.0.0.1:1/team/app:v1")
        await runtime.remove_image(built.id)


async def test_import_works_from_another_network_namespace(isolated_node: PrivateNode, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    build_busybox_image(archive, "docker.io/library/elsewhere:1", extra=(ANOTHER,))
    async with isolated_node.client() as runtime:
        (imported,) = await isolated_node.containerd.importer.import_image(archive, pull=runtime.pull_image)
        assert imported.names == ("docker.io/library/elsewhere:1",)
        await runtime.remove_image("docker.io/library/elsewhere:1")


@pytest.mark.parametrize("kind", ["docker", "index"])
async def test_other_kinds_of_archives_arrive(private_node: PrivateNode, tmp_path: Path, kind: str) -> None:
    index = ""
    archive, name = tmp_path / "image.tar", f"registry.example/kind/{kind}:1"
    if kind == "docker":
        image_id = archives.docker_archive(archive)
    else:
        built = archives.oci_archive(tmp_path / "plain.tar")
        index = archives.nested_index(archive, tmp_path / "plain.tar", built)
        image_id = built.id
    async with private_node.client() as runtime:
        (imported,) = await private_node.containerd.importer.import_image(
            archive, pull=runtime.pull_image, names=(name,)
        )
        image = await runtime.image(name)
        assert image is not None
        assert image.id == imported.id == image_id
        if kind == "index":  # a manifest that pins the index's digest finds the image
            assert imported.digest == index
            assert await runtime.image(f"registry.example/kind/{kind}@{index}") == image
        await runtime.remove_image(name)
