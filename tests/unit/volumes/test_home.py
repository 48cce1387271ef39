"""A pod's directory: prepared, reset, torn down; with a simulated mount table."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.state.objects import ObjectKind
from podstead.threads import PathThreads, StuckError
from podstead.volumes import files, mounter
from podstead.volumes.home import PodVolumes, message_limit, wants_log
from podstead.volumes.hostname import PodHostname
from podstead.volumes.mounter import MountError, SystemMounter
from podstead.volumes.mountinfo import MountPoint
from podstead.volumes.protection import Protected
from podstead.volumes.trouble import VolumeTrouble
from tests.unit.volumes.world import UID, config, empty, host, mode_of, pod_with, prepared, secret, trouble

if TYPE_CHECKING:
    from podstead.config.paths import Paths
    from tests.unit.volumes.world import MountTable, Objects


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
        message = await trouble(home, pod_with(host(path, "DirectoryOrCreate")), reason="SelfProtection")
        assert "which no pod may mount" in message
    assert list(manifests.iterdir()) == []
    await prepared(home, pod_with(host(tmp_path / "manifests-2", "DirectoryOrCreate")))


async def test_another_name_of_a_protected_file_is_that_file(home: PodVolumes, paths: Paths, tmp_path: Path) -> None:
    paths.root.mkdir()
    (paths.root / "instance.json").touch()
    home_of_one = replace(home._node, protected=(Protected(path=paths.root / "instance.json", noun="a file"),))
    (tmp_path / "link").hardlink_to(paths.root / "instance.json")
    guarded = PodVolumes(paths, home._mounter, home_of_one)
    message = await trouble(guarded, pod_with(host(tmp_path / "link", "File")), reason="SelfProtection")
    assert message.endswith(
        f"lies in, {paths.root}/instance.json (a file), which no pod may mount: choose another path"
    )


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


async def test_messages_of_attempts_long_gone_are_removed(home: PodVolumes, paths: Paths) -> None:
    for attempt in (0, 1, 2, 17, 18, 18):
        await home.make_message_file(UID, "c", attempt)
    assert sorted(p.name for p in (paths.pods / UID / "containers/c").iterdir()) == ["00000002", "00000011", "00000012"]


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


async def test_only_what_is_mounted_where_we_mount_it_is_ours(
    home: PodVolumes, table: MountTable, paths: Paths, tmp_path: Path
) -> None:
    base = paths.pods / UID
    ours = {
        base / "volumes/kubernetes.io~empty-dir/e": "hugetlbfs",
        base / "volumes/kubernetes.io~secret/s": "tmpfs",
        base / "volumes/kubernetes.io~nfs/n.12345678": "nfs4",
        base / "volume-subpaths/e/c/0": "ext4",
    }
    foreign = {
        base / "volumes/kubernetes.io~empty-dir/e": "ext4",
        base / "volumes/kubernetes.io~nfs/n.12345678": "tmpfs",
        base / "volumes/kubernetes.io~other/o": "tmpfs",
        base / "volumes/kubernetes.io~secret/s/deep": "tmpfs",
        base / "volume-subpaths/e/c": "ext4",
        base / "etc-hosts": "ext4",
    }
    for path, fs_type in foreign.items():
        table.points = [MountPoint(path, fs_type)]
        assert isinstance(await home.teardown(UID), VolumeTrouble), path
    base.mkdir(parents=True)
    table.points = [MountPoint(path, fs_type) for path, fs_type in ours.items()]
    assert await home.teardown(UID) is None
    assert (table.points, base.exists()) == ([], False)


async def test_leftovers_are_the_directories_of_nobody(home: PodVolumes, paths: Paths) -> None:
    assert await home.leftovers(lambda _: False) == ()
    await prepared(home, pod_with(empty()))
    (paths.pods / "other").mkdir()
    assert await home.leftovers(lambda uid: uid == UID) == (PodUID("other"),)
    assert await home.teardown(PodUID("other")) is None
    assert await home.leftovers(lambda uid: uid == UID) == ()


async def test_what_no_content_uses_is_removed(home: PodVolumes, paths: Paths, objects: Objects) -> None:
    objects.put(ObjectKind.SECRET, "keys", password="hunter2")
    objects.put(ObjectKind.CONFIG_MAP, "app", a="1")
    before = pod_with(empty(), empty("spare", medium="Memory"), secret(), config(), nfs_volume("/one"))
    made = await prepared(home, before)
    after = pod_with(empty(), config(), nfs_volume("/two"))
    kept = await prepared(home, after)
    assert await home.tidy(UID, lambda: None) is None
    assert await home.tidy(UID, lambda: [*before.spec.volumes, *after.spec.volumes]) is None
    assert all(path.is_dir() for path in (*made.volumes.values(), *kept.volumes.values()))
    assert await home.tidy(UID, lambda: after.spec.volumes) is None
    left = {path for path in (*made.volumes.values(), *kept.volumes.values()) if path.exists()}
    assert left == set(kept.volumes.values())
    assert {path.name for path in (paths.pods / UID / "plugins").rglob("*") if path.is_dir()} >= {"m"}
    assert not (paths.pods / UID / "plugins/kubernetes.io~secret/s").exists()


# NFS


def nfs_volume(path: str, server: str = "files.example", *, read_only: bool = False) -> v1.Volume:
    return v1.Volume(name="n", nfs=v1.NFSVolumeSource(server=server, path=path, read_only=read_only or None))


async def test_an_export_is_mounted_once_and_detached_at_the_end(home: PodVolumes, table: MountTable) -> None:
    path = (await prepared(home, pod_with(nfs_volume("/data")))).volumes["n"]
    assert path.parent.name == "kubernetes.io~nfs"
    assert table.bound[path] == Path("files.example:/data rw")
    await prepared(home, pod_with(nfs_volume("/data")))
    assert len(table.points) == 1
    other = (await prepared(home, pod_with(nfs_volume("/data", "fd00::1", read_only=True)))).volumes["n"]
    assert other != path, "an edit mounts the new export beside the one in use"
    assert table.bound[other] == Path("[fd00::1]:/data ro")
    table.refuse = "umount: not responding"
    assert await home.teardown(UID) is None
    assert sorted(table.detached) == sorted([path, other]), "a dead server holds no teardown up"


async def test_an_export_that_cannot_be_had_says_why(home: PodVolumes, table: MountTable) -> None:
    table.refuse = "mount.nfs: Connection refused"
    assert await trouble(home, pod_with(nfs_volume("/data"))) == (
        "cannot mount volume 'n' from files.example:/data: mount.nfs: Connection refused"
    )


def test_a_node_without_the_program_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounter, "HELPER_PATH", str(tmp_path))
    with pytest.raises(MountError, match="install the package nfs-common"):
        SystemMounter().mount_nfs(tmp_path, "s:/x", read_only=True)


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    for name, text in (("mount.nfs", ""), ("mount", f'echo "$@" > {told}\nexec sleep 60')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(mounter, "HELPER_PATH", str(tmp_path))
    monkeypatch.setattr(mounter, "COMMAND_SECONDS", 3.0)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MountError, match="mount did not answer within"):
        SystemMounter().mount_nfs(tmp_path / "n", "files.example:/x", read_only=True)
    assert told.read_text() == f"-t nfs -o ro -- files.example:/x {tmp_path}/n\n"


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
    async with asyncio.timeout(60):
        while threads._stuck:  # noqa: ASYNC110 - a thread left behind tells nobody when it ends
            await asyncio.sleep(0.005)
    assert await threads.run("a", lambda: 7) == 7


async def test_errors_come_through() -> None:
    def fails() -> None:
        raise TimeoutError("the file system's own")

    with pytest.raises(TimeoutError, match="own"):
        await PathThreads().run("a", fails)
