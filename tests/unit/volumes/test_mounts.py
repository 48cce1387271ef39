"""What a container mounts, and how the kernel's mount table is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.state.runtime import Mount
from podstead.volumes import mounter, mountinfo
from podstead.volumes.mounter import SystemMounter
from podstead.volumes.mountinfo import MountPoint, Origin, holding
from podstead.volumes.mounts import ContainerFiles, Prepared, SubPaths, mounts_for
from podstead.volumes.protection import Place, Protected, View

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_mounts_of_a_container(tmp_path: Path) -> None:
    container = v1.Container(
        name="c",
        volume_mounts=(
            v1.VolumeMount(name="a", mount_path="/a", read_only=True),
            v1.VolumeMount(name="b", mount_path="b/c", mount_propagation="HostToContainer"),
            v1.VolumeMount(name="b", mount_path="/d", mount_propagation="Bidirectional"),
        ),
    )
    ready = Prepared(volumes={"a": Path("/host/a"), "b": Path("/host/b")}, owned=frozenset({"a"}))
    own = ContainerFiles(etc_hosts=tmp_path / "hosts", termination_file=tmp_path / "t")
    assert mounts_for(container, ready, own) == (
        Mount(container_path="/a", host_path="/host/a", readonly=True, relabel=True),
        Mount(container_path="/b/c", host_path="/host/b", propagation="rslave"),
        Mount(container_path="/d", host_path="/host/b", propagation="rshared"),
        Mount(container_path="/etc/hosts", host_path=str(tmp_path / "hosts"), relabel=True),
        Mount(container_path="/dev/termination-log", host_path=str(tmp_path / "t"), relabel=True),
    )


def test_the_containers_own_mounts_go_first() -> None:
    container = v1.Container(
        name="c",
        termination_message_path="/msg",
        volume_mounts=(
            v1.VolumeMount(name="a", mount_path="/etc/hosts"),
            v1.VolumeMount(name="a", mount_path="/msg/"),
        ),
    )
    own = ContainerFiles(etc_hosts=Path("/h"), termination_file=Path("/t"))
    made = mounts_for(container, Prepared(volumes={"a": Path("/a")}), own)
    assert [mount.host_path for mount in made] == ["/a", "/a"]


def test_sub_paths_and_images_by_the_index_of_their_mount() -> None:
    container = v1.Container(
        name="c",
        volume_mounts=(
            v1.VolumeMount(name="a", mount_path="/whole"),
            v1.VolumeMount(name="a", mount_path="/part", sub_path="p"),
            v1.VolumeMount(name="i", mount_path="/image"),
            v1.VolumeMount(name="i", mount_path="/folder", sub_path="etc"),
        ),
    )
    ready = Prepared(volumes={"a": Path("/a")}, images={"i": "data:1"})
    own = ContainerFiles(
        sub_paths=SubPaths(bound={1: Path("/bound/1")}, of_images={3: "etc"}), image_ids={"data:1": "sha256:1"}
    )
    assert mounts_for(container, ready, own) == (
        Mount(container_path="/whole", host_path="/a"),
        Mount(container_path="/part", host_path="/bound/1"),
        Mount(container_path="/image", readonly=True, image="sha256:1"),
        Mount(container_path="/folder", readonly=True, image="sha256:1", image_sub_path="etc"),
    )


def test_read_only_is_what_the_volume_or_the_mount_says_and_recursive_where_it_can_be() -> None:
    mounts = (
        v1.VolumeMount(name="m", mount_path="/files"),
        v1.VolumeMount(name="a", mount_path="/a", read_only=True, recursive_read_only="IfPossible"),
        v1.VolumeMount(name="a", mount_path="/b", read_only=True, recursive_read_only="Disabled"),
        v1.VolumeMount(name="a", mount_path="/c", read_only=True),
    )
    volumes = {"m": Path("/m"), "a": Path("/a")}
    container = v1.Container(name="c", volume_mounts=mounts)
    for able in (True, False):
        ready = Prepared(volumes=volumes, readonly=frozenset({"m"}), recursive_read_only=able)
        made = mounts_for(container, ready, ContainerFiles())
        assert [mount.readonly for mount in made] == [True] * 4
        assert [mount.recursive_readonly for mount in made] == [False, able, False, False]


MOUNTINFO = (
    "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n"
    "2 1 0:5 / /a/b\\040c rw - tmpfs tmpfs rw\n"
    "3 1 0:5 /x /a/b\\040c/d rw shared:2 master:3 - nfs4 s:/x rw\n"
    "4 1 0:5 / /a/bc rw - tmpfs tmpfs rw\nodd\n"
)


def test_mountinfo_is_read_with_its_escapes() -> None:
    assert mountinfo.below(mountinfo.parse(MOUNTINFO), Path("/a/b c")) == (
        MountPoint(Path("/a/b c/d"), "nfs4", device="0:5", shared=True, root=Path("/x"), source="s:/x", identifier=3),
        MountPoint(Path("/a/b c"), "tmpfs", device="0:5", source="tmpfs", identifier=2),
    )


BINDS = (
    "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
    "2 1 8:1 /var/agent/state /mnt/part rw - ext4 /dev/sda rw\n"
    "3 1 8:1 /srv/web /mnt/web rw - ext4 /dev/sda rw\n"
    "4 1 8:1 / /mnt/disk rw - ext4 /dev/sda rw\n"
    "5 1 0:9 /var/agent /mnt/other rw - tmpfs tmpfs rw\n"
)


def origin(points: Sequence[MountPoint], path: Path) -> Origin:
    """What a real path shows, whatever it is called."""
    point = holding(points, path)
    assert point is not None
    return Origin(point.device, point.root / path.relative_to(point.path))


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/mnt/part", True),  # a bind mount of a part of it
        ("/mnt/part/records", True),
        ("/mnt", True),  # what is mounted below comes along
        ("/mnt/disk", True),  # the file system that it lies in, a second time
        ("/mnt/disk/var", True),
        ("/mnt/disk/srv", False),
        ("/mnt/web", False),
        ("/mnt/other", False),  # the same path in another file system
        ("/srv", False),
        ("/var", True),
        ("/var/agent/x", True),
        ("/var/agents", False),
    ],
)
def test_a_path_is_what_it_shows(path: str, reached: bool) -> None:
    points = mountinfo.parse(BINDS)
    agent, shown = (origin(points, Path(p)) for p in ("/var/agent", path))
    place = Place(
        of=Protected(path=Path("/var/agent"), noun="x"), path=Path("/var/agent"), origin=agent, readable=False
    )
    view = View(path=Path(path), origin=shown, below=tuple(p for p in points if p.path.is_relative_to(Path(path))))
    assert (view.is_in(place) or view.holds(place)) is reached


def test_a_path_lies_on_the_deepest_mount() -> None:
    points = mountinfo.parse(MOUNTINFO)
    shared = {path: mountinfo.holding(points, Path(path)) for path in ("/", "/a", "/a/b c/x", "/a/b c/d/e")}
    assert {path: found is not None and found.shared for path, found in shared.items()} == {
        "/": True,
        "/a": True,
        "/a/b c/x": False,
        "/a/b c/d/e": True,
    }
    assert mountinfo.holding((), Path("/")) is None


def test_a_loop_of_links_lies_on_some_mount(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert SystemMounter().is_shared(tmp_path / "loop") == SystemMounter().is_shared(tmp_path)


@pytest.mark.attack("mount-option")
def test_a_server_is_never_an_option_of_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    for name in ("mount", "mount.nfs"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
        program.chmod(0o755)
    monkeypatch.setattr(mounter, "HELPER_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    SystemMounter().mount_nfs(tmp_path / "v", "-T/data/x:/fstab", read_only=False)

    words = told.read_text().splitlines()
    assert words[words.index("--") + 1 :] == ["-T/data/x:/fstab", str(tmp_path / "v")]
