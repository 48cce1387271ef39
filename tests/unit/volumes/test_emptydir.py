"""emptyDir volumes: on disk, in memory, in huge pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.daemon.node import huge_pages
from podstead.k8s import core_v1 as v1
from podstead.k8s.volumes import huge_page_size
from podstead.volumes import hugepages, layout
from podstead.volumes.emptydir import tmpfs_size
from podstead.volumes.mountinfo import MountPoint
from podstead.volumes.usage import limits_on_disk
from tests.unit.volumes.world import UID, empty, host, mode_of, pod_with, prepared, trouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.volumes.home import PodVolumes
    from tests.unit.volumes.world import MountTable

MIB = 1 << 20


async def test_empty_dirs_are_made_once_and_reset(home: PodVolumes, paths: Paths) -> None:
    pod = pod_with(empty(), empty("small", mode=0o1750))
    path = (await prepared(home, pod)).volumes["e"]
    assert path == paths.pods / UID / "volumes/kubernetes.io~empty-dir/e"
    assert (mode_of(path), mode_of(path.with_name("small"))) == (0o777, 0o1750)
    (path / "data").write_text("x")
    path.chmod(0o700)
    await prepared(home, pod)
    assert (mode_of(path), (path / "data").read_text()) == (0o700, "x")
    assert await home.reset(UID) is None
    await prepared(home, pod)
    assert (mode_of(path), list(path.iterdir())) == (0o777, [])


async def test_a_crash_while_making_one_leaves_no_half_made(home: PodVolumes, paths: Paths) -> None:
    half = layout.volume(paths, UID, layout.EMPTY_DIR, ".e")
    half.mkdir(parents=True, mode=0o700)
    assert mode_of((await prepared(home, pod_with(empty()))).volumes["e"]) == 0o777


@pytest.mark.root
async def test_fs_group(home: PodVolumes) -> None:
    path = (await prepared(home, pod_with(empty(), fs_group=4711))).volumes["e"]
    assert (mode_of(path), path.stat().st_gid) == (0o2777, 4711)


@pytest.mark.conformance("S31")
async def test_memory_volumes_are_sized_and_mounted_once(home: PodVolumes, table: MountTable) -> None:
    pod = pod_with(empty(medium="Memory", size="64Mi"), fs_group=4711, memory="32Mi")
    path = (await prepared(home, pod)).volumes["e"]
    assert (await prepared(home, pod)).volumes["e"] == path
    assert table.points == [MountPoint(path, "tmpfs")]
    assert table.options[path] == (32 * MIB, 0o2777, 4711)
    assert await home.teardown(UID) is None
    assert table.points == []
    assert not path.exists()


async def test_an_edit_of_the_size_reaches_what_is_mounted(home: PodVolumes, table: MountTable) -> None:
    path = (await prepared(home, pod_with(empty(medium="Memory", size="64Mi")))).volumes["e"]
    larger = pod_with(empty(medium="Memory", size="128Mi"))
    await prepared(home, larger, in_force=False)
    assert table.options[path][0] == 64 * MIB, "a candidate changes nothing under the one that runs"
    assert not (await prepared(home, larger)).warnings
    assert table.options[path][0] == 128 * MIB
    table.used[path] = 100 * MIB
    (warning,) = (await prepared(home, pod_with(empty(medium="Memory", size="10Mi")))).warnings
    assert warning.startswith("volume 'e' keeps its size: it holds")
    assert table.options[path][0] == 128 * MIB


@pytest.mark.conformance("S31")
@pytest.mark.parametrize(
    ("size", "memory", "node", "expected"),
    [
        ("64Mi", "", 1 << 30, 64 << 20),
        (None, "16Mi", 1 << 30, 16 << 20),
        (None, "", 1 << 30, 1 << 30),
        (None, "", 0, 0),
    ],
)
def test_tmpfs_sizes(size: str | None, memory: str, node: int, expected: int) -> None:
    volume = empty(medium="Memory", size=size)
    assert volume.empty_dir is not None
    assert tmpfs_size(volume.empty_dir, pod_with(volume, memory=memory), node) == expected


async def test_what_cannot_be_made_says_why(home: PodVolumes, table: MountTable) -> None:
    table.refuse = "mount: permission denied"
    assert "volume 'e': mount: permission denied" in await trouble(home, pod_with(empty(medium="Memory")))
    other = v1.Volume(name="o", fc=v1.FCVolumeSource())
    assert "volume 'o': its kind is not supported" in await trouble(home, pod_with(other))


async def test_volumes_that_nothing_mounts_are_left_alone(home: PodVolumes, tmp_path: Path) -> None:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(containers=(v1.Container(name="c"),), volumes=(host(tmp_path / "x", "Directory"),)),
    )
    assert (await prepared(home, pod)).volumes == {}


# Huge pages


def with_pages(medium: str, *sizes: str, size: str | None = None) -> v1.Pod:
    limits = {f"hugepages-{name}": "4Mi" for name in sizes}
    mount = v1.VolumeMount(name="e", mount_path="/e")
    container = v1.Container(name="c", volume_mounts=(mount,), resources=v1.ResourceRequirements(limits=limits))
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(containers=(container,), volumes=(empty(medium=medium, size=size),)),
    )


def sizes_of_node(directory: Path, **counts: int) -> Path:
    for kilobytes, count in counts.items():
        place = directory / f"hugepages-{kilobytes.removeprefix('k')}kB"
        place.mkdir()
        (place / "nr_hugepages").write_text(f"{count}\n")
    return directory


def test_the_node_says_what_pages_it_has_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hugepages, "SYSTEM", tmp_path / "none")
    assert hugepages.pages() == {}
    monkeypatch.setattr(hugepages, "SYSTEM", sizes_of_node(tmp_path, k2048=3, k1048576=0))
    (tmp_path / "hugepages-64kB").mkdir()
    assert hugepages.pages() == {2 << 20: 3, 1 << 30: 0}
    assert huge_pages() == {"hugepages-2Mi": 6 << 20, "hugepages-1Gi": 0}


@pytest.mark.parametrize(
    ("medium", "limits", "size"),
    [("HugePages", ["2Mi"], 2 << 20), ("HugePages-1Gi", ["1Gi", "2Mi"], 1 << 30)],
)
def test_the_size_of_the_pages(medium: str, limits: list[str], size: int) -> None:
    assert huge_page_size(medium, with_pages(medium, *limits)) == size


@pytest.mark.parametrize(
    ("medium", "limits", "said"),
    [
        ("HugePages", [], "write resources.limits hugepages-2Mi"),
        ("HugePages", ["2Mi", "1Gi"], "write which, as in HugePages-2Mi"),
        ("HugePages-1Gi", ["2Mi"], "write resources.limits hugepages-1Gi"),
        ("HugePages-x", ["x"], "write resources.limits hugepages-x"),
    ],
)
def test_pages_need_a_limit_of_their_size(medium: str, limits: list[str], said: str) -> None:
    why = huge_page_size(medium, with_pages(medium, *limits))
    assert isinstance(why, str)
    assert said in why


async def test_huge_pages_are_mounted_where_the_node_has_them(
    home: PodVolumes, table: MountTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugepages, "SYSTEM", sizes_of_node(tmp_path, k2048=0, k1048576=1))
    message = await trouble(home, with_pages("HugePages", "2Mi"))
    assert f"write how many into {tmp_path}/hugepages-2048kB/nr_hugepages" in message
    assert "has no huge pages of 67108864 bytes" in await trouble(home, with_pages("HugePages", "64Mi"))
    path = (await prepared(home, with_pages("HugePages-1Gi", "1Gi", size="1Gi"))).volumes["e"]
    assert (table.pages[path], table.options[path]) == (1 << 30, (1 << 30, 0o777, None))
    await prepared(home, with_pages("HugePages-1Gi", "1Gi", size="1Gi"))
    assert len(table.points) == 1
    assert await home.teardown(UID) is None
    assert table.points == []


# Limits on disk


async def test_what_volumes_with_a_limit_hold(home: PodVolumes) -> None:
    pod = pod_with(empty("small", size="64Ki"), empty("free"), empty("memory", medium="Memory", size="1Mi"))
    assert list(limits_on_disk(pod)) == [("small", 64 << 10), ("free", 0)]
    path = (await prepared(home, pod)).volumes["small"]
    (within,) = await home.usage(pod, UID)
    assert (within.volume, within.used < 64 << 10) == ("small", True)
    (path / "deep").mkdir()
    (path / "deep/data").write_bytes(b"x" * (128 << 10))
    (path / "again").hardlink_to(path / "deep/data")
    (beyond,) = await home.usage(pod, UID)
    assert 128 << 10 <= beyond.used < 256 << 10, "a file with two names counts once"
    assert [one.volume for one in await home.usage(pod, UID, all_of_them=True)] == ["small", "free"]
    assert await home.teardown(UID) is None
    assert await home.usage(pod, UID) == ()
