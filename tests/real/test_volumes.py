# ruff: noqa: ASYNC220, ASYNC221 - mount(8) of a bind mount and sleep(1) begin at once
"""Volumes in memory and teardown with the kernel's own mount table."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.agent.objects import LocalObjects
from podstead.config.paths import paths_for
from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.mounter import MountError, SystemMounter
from podstead.volumes.mountinfo import holding
from podstead.volumes.mounts import Prepared
from podstead.volumes.payload import ContentSources
from podstead.volumes.protection import Protected, Protection, Veil
from podstead.volumes.removal import RemovalRefusedError, remove_tree
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real
UID = PodUID("uid-1")
NODE = VolumeNode(sources=ContentSources(objects=LocalObjects()))


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose mounts are gone after the test."""
    path = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield path
    for point in SystemMounter().mount_points(path):
        subprocess.run(["umount", str(point.path)], check=True)
    remove_tree(path)


def pod(*volumes: v1.Volume) -> v1.Pod:
    mounts = tuple(v1.VolumeMount(name=volume.name, mount_path=f"/{volume.name}") for volume in volumes)
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(
            containers=(v1.Container(name="c", volume_mounts=mounts),),
            volumes=volumes,
            security_context=v1.PodSecurityContext(fs_group=4711),
        ),
    )


async def test_a_memory_volume_is_a_bounded_tmpfs_until_teardown(place: Path) -> None:
    home = PodVolumes(paths_for(place / "with blank"), SystemMounter(), NODE)
    volume = v1.Volume(name="fast", empty_dir=v1.EmptyDirVolumeSource(medium="Memory", size_limit="1Mi"))
    made = await home.prepare(pod(volume), UID)
    assert isinstance(made, Prepared)
    path = made.volumes["fast"]
    status = path.stat()
    assert (status.st_gid, status.st_mode & 0o7777) == (4711, 0o2777)
    assert os.statvfs(path).f_blocks * os.statvfs(path).f_frsize == 1 << 20
    (path / "data").write_bytes(b"x" * 1000)
    assert await home.prepare(pod(volume), UID) == made
    assert [(m.path, m.fs_type) for m in SystemMounter().mount_points(place)] == [(path, "tmpfs")]
    assert (path / "data").stat().st_size == 1000
    assert await home.teardown(UID) is None
    assert SystemMounter().mount_points(place) == ()
    assert not (place / "with blank/pods" / UID).exists()


async def test_a_bind_mount_left_behind_is_never_entered(place: Path) -> None:
    home = PodVolumes(paths_for(place / "root"), SystemMounter(), NODE)
    made = await home.prepare(pod(v1.Volume(name="e", empty_dir=v1.EmptyDirVolumeSource())), UID)
    assert isinstance(made, Prepared)
    outside, inside = place / "outside", made.volumes["e"] / "in"
    outside.mkdir()
    (outside / "kept").write_text("x")
    inside.mkdir()
    subprocess.run(["mount", "--bind", str(outside), str(inside)], check=True)
    left = await home.teardown(UID)
    assert isinstance(left, VolumeTrouble)
    assert str(inside) in left.message
    # Even where the mount table is not asked, the mount id of the same file system tells.
    with pytest.raises(RemovalRefusedError):
        remove_tree(made.volumes["e"])
    assert (outside / "kept").read_text() == "x"
    subprocess.run(["umount", str(inside)], check=True)
    assert await home.teardown(UID) is None
    assert (outside / "kept").read_text() == "x"


@pytest.mark.attack("mounted-directory")
async def test_a_bind_mount_of_a_protected_directory_is_refused(place: Path) -> None:
    manifests, alias, part = place / "manifests", place / "alias", place / "others/part"
    (manifests / "deep").mkdir(parents=True)
    for shown, at in ((manifests, alias), (manifests / "deep", part)):
        at.mkdir(parents=True)
        subprocess.run(["mount", "--bind", str(shown), str(at)], check=True)
    guarded = replace(NODE, protected=(Protected(path=manifests, noun="the manifests"),))
    home = PodVolumes(paths_for(place / "root"), SystemMounter(), guarded)
    for path in (alias, alias / "deep", part, part.parent):
        refused = await home.prepare(pod(v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=str(path)))), UID)
        assert isinstance(refused, VolumeTrouble), path
        assert refused.reason == "SelfProtection"
        assert "which no pod may mount" in refused.message
    (place / "free").mkdir()
    free = v1.HostPathVolumeSource(path=str(place / "free"))
    assert isinstance(await home.prepare(pod(v1.Volume(name="h", host_path=free)), UID), Prepared)


@pytest.mark.attack("mounted-directory")
async def test_the_devices_and_processes_of_the_node_lead_nowhere(place: Path) -> None:
    """The disk under a protected directory, another process' root, and what the agent itself has open."""
    manifests = place / "manifests"
    manifests.mkdir()
    guarded = replace(NODE, protected=(Protected(path=manifests, noun="the manifests"),))
    home = PodVolumes(paths_for(place / "root"), SystemMounter(), guarded)
    point = holding(SystemMounter().table(), manifests)
    assert point is not None
    opened = os.open(manifests, os.O_PATH)
    other = subprocess.Popen(["sleep", "60"], cwd="/")  # its root stands for that of process 1
    paths = [
        f"/proc/{other.pid}/root{place}",
        f"/proc/self/root{manifests}",
        f"/proc/self/fd/{opened}",
        f"/proc/{other.pid}/cwd{place}",
    ]
    if point.source.startswith("/dev/"):
        paths.append(point.source)
    for path in paths:
        volume = v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=path))
        refused = await home.prepare(pod(volume), UID)
        assert isinstance(refused, VolumeTrouble), path
        assert refused.reason == "SelfProtection", refused.message
    os.close(opened)
    other.kill()
    other.wait()


@pytest.fixture
def tree(place: Path) -> Path:
    """A directory of a shared mount, with a file system mounted in it."""
    at = place / "node"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "t", str(at)], check=True)
    subprocess.run(["mount", "--make-shared", str(at)], check=True)
    for name in ("data/below", "secret/deep", "late"):
        (at / name).mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "t", str(at / "data/below")], check=True)
    (at / "data/below/file").write_text("x")
    (at / "secret/key").write_text("hidden")
    return at


def grafted(path: Path, target: Path, *, follows: bool = False, veil: Veil | None = None) -> None:
    target.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_PATH)
    SystemMounter().graft(descriptor, target, recursive=True, follows=follows, veil=veil)
    os.close(descriptor)


@pytest.mark.parametrize("follows", [True, False])
def test_a_copy_follows_the_node_and_its_end_leaves_the_node_alone(place: Path, tree: Path, *, follows: bool) -> None:
    copy = place / "copy"
    grafted(tree, copy, follows=follows)
    assert (copy / "data/below/file").read_text() == "x"
    subprocess.run(["mount", "-t", "tmpfs", "t", str(tree / "late")], check=True)
    (tree / "late/new").touch()
    assert (copy / "late/new").exists() is follows
    SystemMounter().detach(copy)
    assert list(copy.iterdir()) == []
    SystemMounter().detach(copy)  # nothing is mounted there: nothing happens
    assert (tree / "data/below/file").read_text() == "x"
    assert [p.path.name for p in SystemMounter().mount_points(tree)] == ["late", "below", "node"]


def test_a_veil_leaves_nothing_of_a_secret_and_lets_nothing_be_written(place: Path, tree: Path) -> None:
    subprocess.run(["mount", "--bind", str(tree / "secret"), str(tree / "late")], check=True)
    protection = Protection((Protected(path=tree / "secret", noun="x"),), SystemMounter().table())
    descriptor = os.open(tree, os.O_PATH)
    veil = protection.judge(descriptor, writable=False)
    os.close(descriptor)
    assert isinstance(veil, Veil)
    copy = place / "copy"
    grafted(tree, copy, follows=True, veil=veil)
    assert (copy / "data/below/file").read_text() == "x"
    assert list((copy / "secret").iterdir()) == []
    assert list((copy / "late").iterdir()) == []
    for path in ("file", "data/below/other", "secret/other"):
        with pytest.raises(OSError, match="Read-only"):
            (copy / path).write_text("x")
    SystemMounter().detach(copy)
    assert (tree / "secret/key").read_text() == "hidden"


@pytest.mark.attack("swapped-host-path")
async def test_a_container_that_swaps_its_directory_for_a_link_gets_nowhere(place: Path) -> None:
    """A thread exchanges directory and link as fast as it can, while the mount is made again and again."""
    manifests, shared = place / "manifests", place / "shared"
    for made in (manifests, shared / "data"):
        made.mkdir(parents=True)
    (shared / "link").symlink_to(manifests)
    guarded = replace(NODE, protected=(Protected(path=manifests, noun="the manifests"),))
    home = PodVolumes(paths_for(place / "root"), SystemMounter(), guarded)
    of_pod = pod(v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=str(shared / "data"), type="Directory")))
    prepared = await home.prepare(of_pod, UID)
    assert isinstance(prepared, Prepared)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for first, second in (("data", "aside"), ("link", "data"), ("data", "link"), ("aside", "data")):
                (shared / first).rename(shared / second)

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for _ in range(150):
            found = await home.bind_sub_paths(of_pod.spec.containers[0], of_pod, UID, prepared, {})
            if isinstance(found, VolumeTrouble):
                outcomes.add(found.reason)
                continue
            (target,) = found.bound.values()
            (target / "planted.yaml").write_text("x")
            outcomes.add("mounted")
    finally:
        over.set()
        thread.join()
    assert list(manifests.iterdir()) == []
    assert {"mounted", "SelfProtection"} <= outcomes, "both sides of the race were seen"
    assert await home.release(of_pod.spec.containers[0], of_pod, UID) is None
    assert SystemMounter().mount_points(place) == ()


def test_mount_and_umount_say_why_they_fail(place: Path) -> None:
    mounter = SystemMounter()
    with pytest.raises(MountError, match="does not exist"):
        mounter.mount_tmpfs(place / "none", size=0, mode=0o777, gid=None)
    with pytest.raises(MountError, match="not mounted"):
        mounter.unmount(place)
