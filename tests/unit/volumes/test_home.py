"""A pod's directory: prepared, reset, torn down; with a simulated mount table."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from podstead.config import Paths, paths_for
from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import Mount
from podstead.threads import PathThreads, StuckError
from podstead.volumes import files, hostpath, layout
from podstead.volumes.emptydir import tmpfs_size
from podstead.volumes.home import PodVolumes, message_limit, wants_log
from podstead.volumes.hostname import PodHostname
from podstead.volumes.mounter import MountError, MountPoint, points_below
from podstead.volumes.mounts import Prepared, mounts_for
from podstead.volumes.trouble import VolumeTrouble

UID = PodUID("6b1f0d7e-0000-4000-8000-000000000001")


class MountTable:
    """A mount table in memory."""

    def __init__(self) -> None:
        self.points: list[MountPoint] = []
        self.options: dict[Path, tuple[int, int, int | None]] = {}
        self.refuse = ""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        if self.refuse:
            raise MountError(self.refuse)
        self.points.append(MountPoint(path.resolve(), "tmpfs"))
        self.options[path.resolve()] = (size, mode, gid)

    def unmount(self, path: Path) -> None:
        if self.refuse:
            raise MountError(self.refuse)
        self.points.remove(next(p for p in self.points if p.path == path))

    def mount_points(self, below: Path) -> tuple[MountPoint, ...]:
        return tuple(reversed([p for p in self.points if p.path == below or below in p.path.parents]))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return paths_for(tmp_path / "root")


@pytest.fixture
def table() -> MountTable:
    return MountTable()


@pytest.fixture
def home(paths: Paths, table: MountTable, tmp_path: Path) -> PodVolumes:
    return PodVolumes(paths, table, protected=(paths.root, tmp_path / "manifests"), memory_bytes=1 << 30)


def pod_with(*volumes: v1.Volume, fs_group: int | None = None, memory: str = "", **spec: object) -> v1.Pod:
    limits = {"memory": memory} if memory else {}
    container = v1.Container(
        name="c",
        volume_mounts=tuple(v1.VolumeMount(name=v.name, mount_path=f"/{v.name}") for v in volumes),
        resources=v1.ResourceRequirements(limits=limits),
    )
    security = v1.PodSecurityContext(fs_group=fs_group)
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"),
        spec=v1.PodSpec(containers=(container,), volumes=volumes, security_context=security, **spec),  # type: ignore[arg-type]  # test data
    )


def host(path: Path | str, kind: str | None = None) -> v1.Volume:
    return v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=str(path), type=kind))


def empty(name: str = "e", medium: str | None = None, size: str | None = None, mode: int | None = None) -> v1.Volume:
    return v1.Volume(name=name, empty_dir=v1.EmptyDirVolumeSource(medium=medium, size_limit=size, mode=mode))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def prepared(home: PodVolumes, pod: v1.Pod) -> Prepared:
    result = await home.prepare(pod, UID)
    assert isinstance(result, Prepared), result
    return result


async def trouble(home: PodVolumes, pod: v1.Pod) -> str:
    result = await home.prepare(pod, UID)
    assert isinstance(result, VolumeTrouble)
    assert result.reason == "FailedMount"
    return result.message


# hostPath


async def test_directory_or_create_makes_parents_whatever_the_umask(home: PodVolumes, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        made = await prepared(home, pod_with(host(tmp_path / "opt/mysql/data", "DirectoryOrCreate")))
    finally:
        os.umask(before)
    assert made.volumes == {"h": tmp_path / "opt/mysql/data"}
    assert [mode_of(tmp_path / part) for part in ("opt", "opt/mysql", "opt/mysql/data")] == [0o755] * 3
    (tmp_path / "opt/mysql/data").chmod(0o700)
    await prepared(home, pod_with(host(tmp_path / "opt/mysql/data", "DirectoryOrCreate")))
    assert mode_of(tmp_path / "opt/mysql/data") == 0o700


async def test_file_or_create_wants_the_directory(home: PodVolumes, tmp_path: Path) -> None:
    await prepared(home, pod_with(host(tmp_path / "f", "FileOrCreate")))
    assert mode_of(tmp_path / "f") == 0o644
    (tmp_path / "f").write_text("kept")
    await prepared(home, pod_with(host(tmp_path / "f", "FileOrCreate")))
    assert (tmp_path / "f").read_text() == "kept"
    message = await trouble(home, pod_with(host(tmp_path / "none/f", "FileOrCreate")))
    assert f"its directory {tmp_path}/none does not exist" in message
    assert not (tmp_path / "none").exists()


@pytest.mark.conformance("S32")
async def test_types_are_checked(home: PodVolumes, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    (tmp_path / "to-d").symlink_to("d")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        right = {"Directory": "d", "File": "f", "Socket": "s", "CharDevice": "/dev/null"}
        for kind, name in right.items():
            made = await prepared(home, pod_with(host(tmp_path / name, kind)))
            assert made.volumes == {"h": tmp_path / name}
        for kind, name in [
            ("Directory", "f"),
            ("DirectoryOrCreate", "f"),
            ("File", "d"),
            ("FileOrCreate", "d"),
            ("Socket", "fifo"),
            ("CharDevice", "f"),
            ("BlockDevice", "/dev/null"),
        ]:
            assert f"as type {kind} wants" in await trouble(home, pod_with(host(tmp_path / name, kind)))
    for kind in ("Directory", "File", "Socket"):
        assert "it does not exist" in await trouble(home, pod_with(host(tmp_path / "none", kind)))
    assert "is unknown" in await trouble(home, pod_with(host(tmp_path / "d", "Folder")))
    assert (await prepared(home, pod_with(host(tmp_path / "to-d", "Directory")))).volumes == {"h": tmp_path / "d"}
    assert (await prepared(home, pod_with(host(tmp_path / "none")))).volumes == {"h": tmp_path / "none"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("path", ["relative", "", "/a/../etc"])
async def test_paths_must_be_whole(home: PodVolumes, path: str) -> None:
    assert "must be absolute" in await trouble(home, pod_with(host(path)))


async def test_a_loop_of_links(home: PodVolumes, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "loop" in await trouble(home, pod_with(host(tmp_path / "a", "Directory")))


async def test_protected_paths_are_refused_whatever_the_way(home: PodVolumes, paths: Paths, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    paths.root.mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "manifests")
    (tmp_path / "up").symlink_to(tmp_path)
    for path in [
        manifests,
        manifests / "new",
        tmp_path,
        tmp_path / "alias",
        tmp_path / "up",
        tmp_path / "up/manifests/x",
        paths.root / "state",
        Path("/"),
    ]:
        message = await trouble(home, pod_with(host(path, "DirectoryOrCreate")))
        assert "which no pod may mount" in message
    assert list(manifests.iterdir()) == []
    await prepared(home, pod_with(host(tmp_path / "manifests-2", "DirectoryOrCreate")))


def test_overlap_is_told_by_identity_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "bound/deep").mkdir(parents=True)
    real = hostpath._identity
    same = real(tmp_path / "manifests")
    # A bind mount of the manifest directory elsewhere: another name, the same device and inode.
    monkeypatch.setattr(hostpath, "_identity", lambda path: same if path == tmp_path / "bound" else real(path))
    assert hostpath.overlaps(tmp_path / "bound", tmp_path / "manifests")
    assert hostpath.overlaps(tmp_path / "bound/deep", tmp_path / "manifests")
    assert not hostpath.overlaps(tmp_path / "other", tmp_path / "manifests")


# emptyDir


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
    half = layout.empty_dirs(paths, UID) / ".e"
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
    assert table.options[path] == (32 << 20, 0o2777, 4711)
    assert await home.teardown(UID) is None
    assert table.points == []
    assert not path.exists()


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
    assert "medium 'HugePages' is not supported" in await trouble(home, pod_with(empty(medium="HugePages")))
    table.refuse = "mount: permission denied"
    assert "in memory: mount: permission denied" in await trouble(home, pod_with(empty(medium="Memory")))
    nfs = v1.Volume(name="n", nfs=v1.NFSVolumeSource(server="s", path="/"))
    assert "only hostPath and emptyDir" in await trouble(home, pod_with(nfs))


async def test_volumes_that_nothing_mounts_are_left_alone(home: PodVolumes, tmp_path: Path) -> None:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(containers=(v1.Container(name="c"),), volumes=(host(tmp_path / "x", "Directory"),)),
    )
    assert (await prepared(home, pod)).volumes == {}


# Mounts of a container


def test_mounts_of_a_container(tmp_path: Path) -> None:
    container = v1.Container(
        name="c",
        volume_mounts=(
            v1.VolumeMount(name="a", mount_path="/a", read_only=True),
            v1.VolumeMount(name="b", mount_path="b/c", mount_propagation="HostToContainer"),
            v1.VolumeMount(name="b", mount_path="/d", mount_propagation="Bidirectional"),
        ),
    )
    ready = Prepared(volumes={"a": Path("/host/a"), "b": Path("/host/b")})
    assert mounts_for(container, ready, etc_hosts=tmp_path / "hosts", termination_file=tmp_path / "t") == (
        Mount(container_path="/a", host_path="/host/a", readonly=True),
        Mount(container_path="/b/c", host_path="/host/b", propagation="rslave"),
        Mount(container_path="/d", host_path="/host/b", propagation="rshared"),
        Mount(container_path="/etc/hosts", host_path=str(tmp_path / "hosts")),
        Mount(container_path="/dev/termination-log", host_path=str(tmp_path / "t")),
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
    made = mounts_for(container, Prepared(volumes={"a": Path("/a")}), etc_hosts=Path("/h"), termination_file=Path("/t"))
    assert [mount.host_path for mount in made] == ["/a", "/a"]


# Small files


async def test_hosts_are_written_in_place(home: PodVolumes, paths: Paths) -> None:
    name = PodHostname(hostname="web", short="web")
    path = await home.write_hosts(pod_with(), UID, name, ("10.88.0.2",))
    assert path == paths.pods / UID / "etc-hosts"
    assert isinstance(path, Path)
    assert path.read_text().endswith("10.88.0.2\tweb\n")
    inode = path.stat().st_ino
    path.write_text("longer than before\n" * 100)
    await home.write_hosts(pod_with(), UID, name, ("10.88.0.3",))
    assert path.read_text().endswith("10.88.0.3\tweb\n")
    assert path.read_text().startswith("# Kubernetes-managed hosts file.\n127.0.0.1")
    assert (path.stat().st_ino, mode_of(path)) == (inode, 0o644)
    await home.write_hosts(pod_with(host_network=True), UID, name, ())
    assert path.read_text().startswith("# Kubernetes-managed hosts file (host network).\n")
    path.unlink()
    path.symlink_to("/etc/hostname")
    result = await home.write_hosts(pod_with(), UID, name, ())
    assert isinstance(result, VolumeTrouble)


async def test_termination_messages(home: PodVolumes, paths: Paths) -> None:
    path = await home.make_message_file(UID, "c", 11)
    assert path == paths.pods / UID / "containers/c/0000000b"
    assert isinstance(path, Path)
    assert mode_of(path) == 0o666
    assert await home.read_message(pod_with(), UID, "c", 11) == ""
    path.write_bytes(b"a" * 5000 + b"\xffend")
    message = await home.read_message(pod_with(), UID, "c", 11)
    assert len(message) == files.MAX_MESSAGE
    assert message.endswith("a\ufffdend")
    assert await home.read_message(pod_with(), UID, "c", 12) == ""
    path.unlink()
    os.mkfifo(path)
    assert await home.read_message(pod_with(), UID, "c", 11) == ""


def test_the_share_of_a_container_and_the_log_behind_it() -> None:
    many = v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(containers=tuple(v1.Container(name=f"c{n}") for n in range(6))),
    )
    assert message_limit(many) == 2048
    falls_back = v1.Container(name="c", termination_message_policy="FallbackToLogsOnError")
    assert wants_log(falls_back, 1, "")
    assert not wants_log(falls_back, 0, "")
    assert not wants_log(falls_back, 1, "said")
    assert not wants_log(v1.Container(name="c"), 1, "")


# Teardown


async def test_teardown_stops_at_a_foreign_mount_before_touching_anything(
    home: PodVolumes, table: MountTable, paths: Paths
) -> None:
    path = (await prepared(home, pod_with(empty()))).volumes["e"]
    (path / "data").write_text("x")
    table.points.append(MountPoint(path / "mnt", "nfs4"))
    left = await home.teardown(UID)
    assert isinstance(left, VolumeTrouble)
    assert left.reason == "FailedRemoval"
    assert f"something is mounted on {path / 'mnt'}" in left.message
    assert (path / "data").read_text() == "x"
    table.points.clear()
    assert await home.teardown(UID) is None
    assert not (paths.pods / UID).exists()
    assert await home.teardown(UID) is None


async def test_a_busy_mount_is_reported(home: PodVolumes, table: MountTable) -> None:
    path = (await prepared(home, pod_with(empty(medium="Memory")))).volumes["e"]
    table.refuse = "umount: target is busy"
    left = await home.teardown(UID)
    assert isinstance(left, VolumeTrouble)
    assert (left.reason, path.exists()) == ("FailedUnmount", True)
    assert "target is busy" in left.message


def test_mountinfo_is_read_with_its_escapes() -> None:
    text = (
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n"
        "2 1 0:5 / /a/b\\040c rw - tmpfs tmpfs rw\n"
        "3 1 0:5 /x /a/b\\040c/d rw shared:2 master:3 - nfs4 s:/x rw\n"
        "4 1 0:5 / /a/bc rw - tmpfs tmpfs rw\nodd\n"
    )
    assert points_below(text, Path("/a/b c")) == (
        MountPoint(Path("/a/b c/d"), "nfs4"),
        MountPoint(Path("/a/b c"), "tmpfs"),
    )


# Paths that do not answer


async def test_a_path_that_does_not_answer_is_left_behind() -> None:
    threads, gate = PathThreads(max_stuck=2), threading.Event()
    try:
        with pytest.raises(StuckError, match="no answer within"):
            await threads.run("a", gate.wait, 0.02)
        with pytest.raises(StuckError, match="earlier call"):
            await threads.run("a", lambda: 1)
        assert await threads.run("b", lambda: 1) == 1
        with pytest.raises(StuckError, match="no answer within"):
            await threads.run("b", gate.wait, 0.02)
        with pytest.raises(StuckError, match="of 2 pods do not answer"):
            await threads.run("c", lambda: 1)
    finally:
        gate.set()
    async with asyncio.timeout(5):
        while threads._stuck:  # noqa: ASYNC110 - a thread left behind tells nobody when it ends
            await asyncio.sleep(0.005)
    assert await threads.run("a", lambda: 7) == 7


async def test_errors_come_through() -> None:
    def fails() -> None:
        raise TimeoutError("the file system's own")

    with pytest.raises(TimeoutError, match="own"):
        await PathThreads().run("a", fails)
