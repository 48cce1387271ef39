"""Sub-paths: within the volume whatever a container does to it, and mounted from what was opened."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.state.objects import ObjectKind
from podstead.volumes.binding import CONFIG_ERROR
from podstead.volumes.mounts import Prepared, SubPaths
from podstead.volumes.subpaths import SubPathError, expanded, open_beneath
from podstead.volumes.trouble import VolumeTrouble
from tests.unit.volumes.world import UID, Objects, config, empty, host, mode_of, mounting, prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.paths import Paths
    from podstead.volumes.home import PodVolumes
    from tests.unit.volumes.world import MountTable


def place_of(root: Path, sub_path: str, *, make: bool = False) -> Path:
    """Return where a sub-path leads to."""
    descriptor = open_beneath(root, sub_path, make=make)
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    finally:
        os.close(descriptor)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    (made / "releases/5").mkdir(parents=True)
    (made / "file").write_text("x")
    return made


# The walk


@pytest.mark.parametrize("way", ["releases/5", "./releases//5/", "current", "other/5", "deep/up/releases/5"])
def test_links_within_the_volume_are_followed(volume: Path, way: str) -> None:
    (volume / "current").symlink_to("releases/5")
    (volume / "other").symlink_to("./releases/../releases")
    (volume / "deep").mkdir()
    (volume / "deep/up").symlink_to("..")
    assert place_of(volume, way) == volume / "releases/5"


@pytest.mark.parametrize("target", ["/etc", "/", "..", "releases/../../x", "../volume/releases"])
def test_a_link_out_of_the_volume_is_refused(volume: Path, target: str) -> None:
    (volume / "away").symlink_to(target)
    with pytest.raises(SubPathError, match="leads out of the volume"):
        place_of(volume, "away", make=True)
    with pytest.raises(SubPathError, match="leads out of the volume"):
        place_of(volume, "away/x", make=True)


def test_the_links_of_proc_lead_nowhere() -> None:
    with pytest.raises(SubPathError, match="leads out of the volume"):
        place_of(Path("/proc"), "self/root/etc")
    with pytest.raises(SubPathError, match="leads out of the volume"):
        place_of(Path("/proc"), "self/cwd")


def test_a_loop_of_links_ends(volume: Path) -> None:
    (volume / "a").symlink_to("b")
    (volume / "b").symlink_to("a")
    with pytest.raises(SubPathError, match="form a loop"):
        place_of(volume, "a")


def test_what_is_absent_is_made_with_the_mode_of_the_volume(volume: Path) -> None:
    volume.chmod(0o2770)
    before = os.umask(0o077)
    try:
        assert place_of(volume, "new/deep", make=True) == volume / "new/deep"
    finally:
        os.umask(before)
    assert (mode_of(volume / "new"), mode_of(volume / "new/deep")) == (0o2770, 0o2770)
    with pytest.raises(SubPathError, match="nothing of this name"):
        place_of(volume, "absent")


def test_a_file_is_a_sub_path_too_but_nothing_is_below_it(volume: Path) -> None:
    assert place_of(volume, "file") == volume / "file"
    with pytest.raises(SubPathError, match="is a file, not a directory"):
        place_of(volume, "file/x", make=True)


def test_a_fifo_holds_nobody_up(volume: Path) -> None:
    os.mkfifo(volume / "fifo")
    assert place_of(volume, "fifo") == volume / "fifo"


def test_no_descriptor_is_left_open(volume: Path) -> None:
    (volume / "away").symlink_to("/etc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for way in ("releases/5", "away", "new/x", "file/y"):
        with contextlib.suppress(SubPathError):
            place_of(volume, way, make=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# The kernel's own answer

OPENAT2 = 437
"""Its number on every architecture (openat2(2), Linux 5.6)."""
BENEATH = 0x08 | 0x02
"""RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS."""


class OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def by_the_kernel(root: Path, way: str) -> int | None:
    """Return the inode that openat2 finds within a directory, None where it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    how = OpenHow(os.O_PATH | os.O_CLOEXEC, 0, BENEATH)
    top = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        while True:
            found = libc.syscall(OPENAT2, top, way.encode(), ctypes.byref(how), ctypes.sizeof(how))
            if found >= 0 or ctypes.get_errno() != errno.EAGAIN:  # somebody renamed something, anywhere
                break
        assert found >= 0 or ctypes.get_errno() != errno.ENOSYS, "this test needs Linux 5.6"
    finally:
        os.close(top)
    if found < 0:
        return None
    try:
        return os.fstat(found).st_ino
    finally:
        os.close(found)


def by_us(root: Path, way: str) -> int | None:
    try:
        found = open_beneath(root, way, make=False)
    except SubPathError:
        return None
    try:
        return os.fstat(found).st_ino
    finally:
        os.close(found)


WORDS = st.lists(st.sampled_from(["a", "b", "c", ".", "..", ""]), min_size=1, max_size=5).map("/".join)
TREES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a/a", "a/b", "b/c", "a/a/b"]), st.sampled_from(["", "dir"]) | WORDS, max_size=7
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, WORDS.filter(lambda way: way != "" and way[0] != "/"))
def test_it_finds_what_the_kernel_finds(tmp_path: Path, tree: dict[str, str], way: str) -> None:
    root = Path(tempfile.mkdtemp(dir=tmp_path))
    for path, kind in sorted(tree.items()):
        with contextlib.suppress(OSError):  # below a file, or below nothing
            if kind == "dir":
                (root / path).mkdir()
            elif kind == "":
                (root / path).touch()
            elif not any((root / above).is_symlink() for above in Path(path).parents):
                (root / path).symlink_to(kind)
    assert by_us(root, way) == by_the_kernel(root, way)


ATTACK = """
import os, sys
os.chdir(sys.argv[1])
while True:
    for one, other in (("swap", "spare"), ("link", "swap"), ("swap", "link"), ("spare", "swap")):
        os.rename(one, other)
"""


@pytest.fixture
def attacker(volume: Path, tmp_path: Path) -> Iterator[None]:
    """A process that makes `swap` a directory and a link to `outside` in turn, as fast as it can."""
    (tmp_path / "outside/data").mkdir(parents=True)
    (volume / "swap/data").mkdir(parents=True)
    (volume / "link").symlink_to(tmp_path / "outside")
    process = subprocess.Popen([sys.executable, "-c", ATTACK, str(volume)])
    yield
    process.kill()
    process.wait(10)


@pytest.mark.usefixtures("attacker")
def test_a_container_that_swaps_directories_and_links_gets_nowhere(volume: Path, tmp_path: Path) -> None:
    """The attack of CVE-2017-1002101 and CVE-2021-25741: a directory becomes a link while it is being mounted."""
    outside = (tmp_path / "outside/data").stat().st_ino
    fooled, inside, refused = 0, 0, 0
    end = time.monotonic() + 20
    while min(fooled, inside, refused) < 20 and time.monotonic() < end:
        with contextlib.suppress(OSError):
            fooled += (volume / "swap/data").stat().st_ino == outside  # what a mount by path would meet
        try:
            found = open_beneath(volume, "swap/data", make=False)
        except SubPathError as error:
            refused += "leads out" in str(error)
        else:
            assert os.fstat(found).st_ino != outside
            os.close(found)
            inside += 1
    assert min(fooled, inside, refused) >= 20, "the race was not met"


# Expansion


def mount(sub_path: str = "", expr: str = "") -> v1.VolumeMount:
    return v1.VolumeMount(name="e", mount_path="/e", sub_path=sub_path or None, sub_path_expr=expr or None)


@pytest.mark.parametrize(
    ("expr", "found"), [("$(NAME)/logs", "web/logs"), ("a-$(NAME)", "a-web"), ("$$(NAME)", "$(NAME)"), ("x", "x")]
)
def test_expressions_are_filled_in(expr: str, found: str) -> None:
    assert expanded(mount(expr=expr), {"NAME": "web"}) == found


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ("$(GONE)", "'GONE', which is no variable"),
        ("$(EMPTY)", "leave an empty path"),
        ("$(ROOT)", "relative and without '..'"),
        ("$(UP)/x", "relative and without '..'"),
    ],
)
def test_expressions_that_are_no_path(expr: str, why: str) -> None:
    env = {"EMPTY": "", "ROOT": "/secret-etc", "UP": "secret/../.."}
    with pytest.raises(SubPathError, match=why) as raised:
        expanded(mount(expr=expr), env)
    assert "secret" not in str(raised.value)


def test_a_mount_without_one_is_the_whole_volume() -> None:
    assert expanded(mount(), {}) == ""
    assert expanded(mount("a/b"), {}) == "a/b"


# Binding


async def bound(home: PodVolumes, pod: v1.Pod, **env: str) -> SubPaths:
    ready = await prepared(home, pod)
    found = await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, env)
    assert isinstance(found, SubPaths), found
    return found


async def refusal(home: PodVolumes, pod: v1.Pod, **env: str) -> str:
    ready = await prepared(home, pod)
    found = await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, env)
    assert isinstance(found, VolumeTrouble)
    assert found.reason == CONFIG_ERROR
    return found.message


async def test_each_mount_has_its_place(home: PodVolumes, table: MountTable, paths: Paths) -> None:
    pod = mounting(
        empty(),
        v1.VolumeMount(name="e", mount_path="/whole"),
        v1.VolumeMount(name="e", mount_path="/a", sub_path="a"),
        v1.VolumeMount(name="e", mount_path="/b", sub_path_expr="$(NAME)"),
    )
    found = await bound(home, pod, NAME="web")
    base = paths.pods / UID / "volume-subpaths/e/c"
    source = paths.pods / UID / "volumes/kubernetes.io~empty-dir/e"
    assert found.bound == {1: base / "1", 2: base / "2"}
    assert table.bound == {base / "1": source / "a", base / "2": source / "web"}
    assert mode_of(source / "a") == 0o777
    await bound(home, pod, NAME="other")
    assert table.bound == {base / "1": source / "a", base / "2": source / "other"}
    assert len(table.points) == 2, "what an earlier start had is unmounted"
    assert await home.teardown(UID) is None
    assert table.points == []
    assert not base.exists()


async def test_a_file_in_place_of_a_directory_and_back(home: PodVolumes, table: MountTable, paths: Paths) -> None:
    pod = mounting(empty(), v1.VolumeMount(name="e", mount_path="/a", sub_path="a"))
    source = paths.pods / UID / "volumes/kubernetes.io~empty-dir/e/a"
    target = (await bound(home, pod)).bound[0]
    assert stat.S_ISDIR(target.lstat().st_mode)
    source.rmdir()
    source.write_text("x")
    assert (await bound(home, pod)).bound == {0: target}
    assert stat.S_ISREG(target.lstat().st_mode)
    source.unlink()
    await bound(home, pod)
    assert stat.S_ISDIR(target.lstat().st_mode)
    assert table.bound == {target: source}


async def test_a_key_of_an_object_as_a_single_file(home: PodVolumes, table: MountTable, objects: Objects) -> None:
    objects.put(ObjectKind.CONFIG_MAP, "app", my__cnf="[mysqld]")
    pod = mounting(config(), v1.VolumeMount(name="m", mount_path="/etc/my.cnf", sub_path="my.cnf"))
    found = await bound(home, pod)
    assert table.bound[found.bound[0]].read_text() == "[mysqld]"
    absent = mounting(config(), v1.VolumeMount(name="m", mount_path="/x", sub_path="absent"))
    message = await refusal(home, absent)
    assert message == (
        "container c, volume m: cannot mount subPath 'absent': there is nothing of this name in the volume"
    )


@pytest.mark.attack("mounted-directory")
async def test_protected_paths_are_not_reached_by_a_sub_path(home: PodVolumes, tmp_path: Path) -> None:
    """The volume is a parent of both, which may be mounted in parts: a part that is protected may not, nor be made."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "manifests").mkdir()

    def part(name: str) -> v1.Pod:
        return mounting(host(tmp_path), v1.VolumeMount(name="h", mount_path="/m", sub_path=name))

    ready = await prepared(home, part("shared"))
    for name in ("manifests", "manifests/new", "root/state"):
        pod = part(name)
        found = await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {})
        assert isinstance(found, VolumeTrouble)
        assert found.reason == "SelfProtection"
        assert "which no pod may mount" in found.message
    assert list((tmp_path / "manifests").iterdir()) == []
    assert not (tmp_path / "root/state").exists()
    pod = part("shared")
    assert isinstance(await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {}), SubPaths)


async def test_the_sub_path_of_an_image_is_the_runtimes_affair(home: PodVolumes, table: MountTable) -> None:
    pod = mounting(
        v1.Volume(name="i", image=v1.ImageVolumeSource(reference="data:1")),
        v1.VolumeMount(name="i", mount_path="/i", sub_path_expr="$(NAME)"),
    )
    ready = Prepared(images={"i": "data:1"})
    found = await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {"NAME": "etc"})
    assert found == SubPaths(of_images={0: "etc"})
    assert table.points == []
