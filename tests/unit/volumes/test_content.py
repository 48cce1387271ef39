"""Volumes whose files the agent writes: brought up to date, kept, and never on a disk where they are secret."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from podstead.k8s import core_v1 as v1
from podstead.state.objects import ObjectKind
from podstead.volumes.content import SECRET_BYTES
from tests.unit.volumes.world import UID, config, host, labels, mode_of, pod_with, prepared, secret, trouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.volumes.home import PodVolumes
    from tests.unit.volumes.world import MountTable, Objects

CONFIG_MAP, SECRET = ObjectKind.CONFIG_MAP, ObjectKind.SECRET


def labelled(pod: v1.Pod, **values: str) -> v1.Pod:
    return replace(pod, metadata=replace(pod.metadata, labels=values))


async def test_labels_are_followed_once_they_are_in_force(home: PodVolumes, paths: Paths) -> None:
    pod = pod_with(labels())
    path = (await prepared(home, pod)).volumes["d"]
    assert path == paths.pods / UID / "volumes/kubernetes.io~downward-api/d"
    assert (path / "labels").read_text() == 'app="web"'
    edited = labelled(pod, app="shop")
    assert (await prepared(home, edited, in_force=False)).volumes["d"] == path
    assert (path / "labels").read_text() == 'app="web"', "a candidate changes nothing under the one that runs"
    await prepared(home, edited)
    assert (path / "labels").read_text() == 'app="shop"'


async def test_a_candidate_makes_what_is_not_there_yet(home: PodVolumes) -> None:
    path = (await prepared(home, pod_with(labels()), in_force=False)).volumes["d"]
    assert (path / "labels").read_text() == 'app="web"'


async def test_they_are_read_only_and_the_pods_own(home: PodVolumes, objects: Objects) -> None:
    objects.put(CONFIG_MAP, "app", a="1")
    ready = await prepared(home, pod_with(labels(), config()))
    assert ready.readonly == ready.owned == {"d", "m"}


async def test_objects_are_followed(home: PodVolumes, objects: Objects) -> None:
    objects.put(CONFIG_MAP, "app", a="1", b="2")
    path = (await prepared(home, pod_with(config()))).volumes["m"]
    inode = (path / "..data").lstat().st_ino
    await prepared(home, pod_with(config()))
    assert (path / "..data").lstat().st_ino == inode, "nothing is touched that is as it must be"
    objects.put(CONFIG_MAP, "app", a="3")
    await prepared(home, pod_with(config()))
    assert sorted(p.name for p in path.iterdir() if not p.name.startswith("..")) == ["a"]
    assert (path / "a").read_text() == "3"


async def test_trouble_with_one_volume_keeps_no_other_back(home: PodVolumes, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pod = pod_with(host(tmp_path / "file", "File"), labels())
    path = (await prepared(home, pod)).volumes["d"]
    (tmp_path / "file").unlink()
    assert "type File wants" in await trouble(home, labelled(pod, app="shop"))
    assert (path / "labels").read_text() == 'app="shop"'


async def test_a_missing_object_waits_with_a_sentence(home: PodVolumes, objects: Objects) -> None:
    message = await trouble(home, pod_with(config()))
    assert message == (
        "cannot make volume 'm': there is no ConfigMap default/app: "
        "write it as a file (kind: ConfigMap) into /etc/podstead/objects"
    )
    objects.put(CONFIG_MAP, "app", a="1")
    await prepared(home, pod_with(config()))


async def test_files_stay_when_their_object_is_lost(home: PodVolumes, objects: Objects) -> None:
    """As under the kubelet: a pod that runs, or crashes and comes back, does so with the files it had."""
    objects.put(CONFIG_MAP, "app", a="1")
    path = (await prepared(home, pod_with(config()))).volumes["m"]
    objects.remove(CONFIG_MAP, "app")
    ready = await prepared(home, pod_with(config()))
    assert ready.volumes["m"] == path
    (warning,) = ready.warnings
    assert warning.startswith("volume 'm' keeps the files it had: there is no ConfigMap default/app")
    assert (path / "a").read_text() == "1"
    assert "there is no ConfigMap default/other" in await trouble(home, pod_with(config("other")))
    assert "there is no ConfigMap default/other" in await trouble(home, pod_with(config("other")), in_force=False)


async def test_secrets_lie_in_memory(home: PodVolumes, objects: Objects, table: MountTable) -> None:
    objects.put(SECRET, "keys", password="hunter2")
    projection = v1.VolumeProjection(secret=v1.SecretProjection(name="keys"))
    both = v1.Volume(name="p", projected=v1.ProjectedVolumeSource(sources=(projection,)))
    ready = await prepared(home, pod_with(secret(), both))
    mounted = {point.path: point.fs_type for point in table.points}
    assert mounted == {ready.volumes["s"]: "tmpfs", ready.volumes["p"]: "tmpfs"}
    assert table.options[ready.volumes["s"]] == (SECRET_BYTES, 0o755, None)
    await prepared(home, pod_with(secret(), both))
    assert len(table.points) == 2
    assert await home.teardown(UID) is None
    assert table.points == []


async def test_a_secret_is_not_written_where_no_memory_can_be_mounted(
    home: PodVolumes, objects: Objects, table: MountTable, paths: Paths
) -> None:
    objects.put(SECRET, "keys", password="hunter2")
    table.refuse = "mount: permission denied"
    assert "mount: permission denied" in await trouble(home, pod_with(secret()))
    assert not any("hunter2" in p.read_text() for p in paths.root.rglob("*") if p.is_file())


@pytest.mark.root
async def test_fs_group_may_read(home: PodVolumes, objects: Objects) -> None:
    objects.put(SECRET, "keys", password="hunter2")
    volume = secret("keys", default_mode=0o400)
    path = (await prepared(home, pod_with(volume, fs_group=4711))).volumes["s"]
    file = path / "..data/password"
    assert (file.stat().st_gid, mode_of(file)) == (4711, 0o440)
    assert (path.stat().st_gid, mode_of(path)) == (4711, 0o2755)


async def test_a_fifo_in_place_of_a_volume_is_trouble_not_a_hang(home: PodVolumes, paths: Paths) -> None:
    path = paths.pods / UID / "volumes/kubernetes.io~downward-api/d"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert "cannot make volume 'd'" in await trouble(home, pod_with(labels()))
