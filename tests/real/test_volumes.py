# ruff: noqa: ASYNC221 - mount(8) of a bind mount answers at once
"""Volumes in memory and teardown with the kernel's own mount table."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.agent.objects import LocalObjects
from podstead.config import paths_for
from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.mounter import MountError, SystemMounter
from podstead.volumes.mounts import Prepared
from podstead.volumes.payload import ContentSources
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


async def test_a_bind_mount_of_a_protected_directory_is_refused(place: Path) -> None:
    manifests, alias, part = place / "manifests", place / "alias", place / "others/part"
    (manifests / "deep").mkdir(parents=True)
    for shown, at in ((manifests, alias), (manifests / "deep", part)):
        at.mkdir(parents=True)
        subprocess.run(["mount", "--bind", str(shown), str(at)], check=True)
    home = PodVolumes(paths_for(place / "root"), SystemMounter(), replace(NODE, protected=(manifests,)))
    for path in (alias, alias / "deep", part, part.parent):
        refused = await home.prepare(pod(v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=str(path)))), UID)
        assert isinstance(refused, VolumeTrouble), path
        assert "which no pod may mount" in refused.message
    (place / "free").mkdir()
    free = v1.HostPathVolumeSource(path=str(place / "free"))
    assert isinstance(await home.prepare(pod(v1.Volume(name="h", host_path=free)), UID), Prepared)


def test_mount_and_umount_say_why_they_fail(place: Path) -> None:
    mounter = SystemMounter()
    with pytest.raises(MountError, match="does not exist"):
        mounter.mount_tmpfs(place / "none", size=0, mode=0o777, gid=None)
    with pytest.raises(MountError, match="not mounted"):
        mounter.unmount(place)
