# ruff: noqa: ASYNC240 - files of a temporary directory answer at once
"""Paths of the node as a container is about to see them: what was judged is what is mounted."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.volumes import layout, leads
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.mountinfo import MountPoint
from podstead.volumes.mounts import SubPaths
from podstead.volumes.payload import ContentSources
from podstead.volumes.protection import Protected, Protection, Reach, Veil, resolved
from podstead.volumes.trouble import VolumeTrouble
from tests.unit.volumes.world import UID, MountTable, Objects, host, mounting, prepared

if TYPE_CHECKING:
    from podstead.config.paths import Paths


def pod_at(path: Path, kind: str | None = None, **mount: object) -> v1.Pod:
    return mounting(host(path, kind), v1.VolumeMount(name="h", mount_path="/h", **mount))  # type: ignore[arg-type]  # test data


async def bound(home: PodVolumes, pod: v1.Pod) -> SubPaths | VolumeTrouble:
    ready = await prepared(home, pod)
    return await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "srv/data"
    made.mkdir(parents=True)
    return made


async def test_the_runtime_is_given_a_place_that_only_the_agent_writes(
    home: PodVolumes, table: MountTable, paths: Paths, data: Path
) -> None:
    found = await bound(home, pod_at(data))
    assert isinstance(found, SubPaths)
    target = layout.host_paths(paths, UID) / "h/c/0"
    assert found.bound == {0: target}
    assert table.bound == {target: data}
    assert table.grafts == {target: (True, False, False)}
    pod = pod_at(data)
    assert await home.release(pod.spec.containers[0], pod, UID) is None
    assert table.bound == {}
    assert not target.exists(), "a start that comes too late finds nothing rather than an empty directory"


@pytest.mark.attack("swapped-host-path")
async def test_a_path_that_is_exchanged_after_its_check_leads_nowhere(
    home: PodVolumes, tmp_path: Path, data: Path
) -> None:
    (tmp_path / "manifests").mkdir()
    pod = pod_at(data, "DirectoryOrCreate")
    ready = await prepared(home, pod)
    data.rmdir()
    data.symlink_to(tmp_path / "manifests")
    found = await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {})
    assert isinstance(found, VolumeTrouble)
    assert found.reason == "SelfProtection"
    assert found.message == (
        f"container c, volume h: cannot mount the host path: it is, or lies in, {tmp_path}/manifests"
        " (the manifest directory), which no pod may mount: choose another path"
    )
    data.unlink()
    data.symlink_to(tmp_path / "manifests/new")
    assert "nothing" in (await home.bind_sub_paths(pod.spec.containers[0], pod, UID, ready, {})).message  # type: ignore[union-attr]  # it fails
    assert list((tmp_path / "manifests").iterdir()) == []


@pytest.mark.attack("swapped-host-path")
async def test_a_path_that_leads_elsewhere_than_at_first_is_asked_about(
    paths: Paths, table: MountTable, objects: Objects, tmp_path: Path, data: Path
) -> None:
    """Over the agent's restart too; what leads where it led is asked of nobody."""
    asked: list[tuple[str, Path, bool]] = []
    answers = iter(["leads away", ""])

    def moved(path: str, real: Path, writable: bool) -> str:
        asked.append((path, real, writable))
        return next(answers)

    def volumes() -> PodVolumes:
        return PodVolumes(paths, table, VolumeNode(sources=ContentSources(objects=objects), moved=moved))

    pod, elsewhere = pod_at(data), tmp_path / "elsewhere"
    for _ in range(2):
        assert isinstance(await bound(volumes(), pod), SubPaths)
    assert asked == []

    elsewhere.mkdir()
    data.rmdir()
    data.symlink_to(elsewhere)
    found = await bound(volumes(), pod)
    assert isinstance(found, VolumeTrouble)
    assert (found.reason, found.message) == (
        "PolicyViolation",
        "container c, volume h: cannot mount the host path: it leads away",
    )
    for _ in range(2):  # it was allowed to, and so it led there before
        assert isinstance(await bound(volumes(), pod), SubPaths)
    assert asked == [(str(data), elsewhere, True)] * 2


@pytest.mark.attack("swapped-host-path")
def test_a_place_that_may_only_be_read_is_not_remembered_as_one_to_write(tmp_path: Path) -> None:
    kept, path = tmp_path / "kept", "/srv/data"

    def look(real: str, *, writable: bool) -> None:
        leads.check(kept, path, Path(real), writable=writable, moved=lambda _, __, writes: "no" if writes else "")

    look("/srv/data", writable=False)
    look("/srv/data", writable=True)
    look("/etc", writable=False)
    with pytest.raises(leads.MovedError, match="no"):
        look("/etc", writable=True)
    look("/srv/data", writable=True)


@pytest.mark.attack("swapped-host-path")
def test_where_a_path_led_at_its_admission_is_what_the_first_start_is_compared_with(tmp_path: Path) -> None:
    kept, path, asked = tmp_path / "kept", "/srv/data", list[str]()

    def look(real: str, admitted: str | None, why: str = "no") -> None:
        def moved(_path: str, now: Path, _writable: bool) -> str:
            asked.append(str(now))
            return why

        leads.check(kept, path, Path(real), writable=True, moved=moved, admitted=admitted)

    with pytest.raises(leads.MovedError, match="no"):
        look("/etc", "/srv/data")
    assert not kept.exists(), "it is asked about again"
    look("/srv/data", "/srv/data")
    assert asked == ["/etc"]
    look("/mnt/data", "/mnt/data")  # another content, judged when the path led there
    assert asked == ["/etc"]
    look("/srv/data", "/mnt/data")
    assert asked == ["/etc"], "and what leads where it led stays admitted"
    look("/opt", "/mnt/data", why="")
    look("/opt", "/mnt/data")
    assert asked == ["/etc", "/opt"]


@pytest.mark.parametrize("damage", ["", "[]", "{", "\x00"])
async def test_a_damaged_memory_of_where_paths_led_keeps_no_pod_from_starting(
    home: PodVolumes, paths: Paths, data: Path, damage: str
) -> None:
    await bound(home, pod_at(data))
    kept = layout.leads(paths, UID)
    assert str(data) in kept.read_text()
    kept.write_text(damage)
    assert isinstance(await bound(home, pod_at(data)), SubPaths)
    assert str(data) in kept.read_text()


async def test_a_parent_is_shown_read_only_and_through_a_veil(home: PodVolumes, table: MountTable, data: Path) -> None:
    parent = data.parents[1]
    table.shared.append(parent)
    found = await bound(home, pod_at(parent, read_only=True))
    assert isinstance(found, SubPaths)
    assert list(table.grafts.values()) == [(True, False, True)]
    both = await bound(home, pod_at(parent, read_only=True, mount_propagation="Bidirectional"))
    assert isinstance(both, VolumeTrouble)
    assert "which a Bidirectional mount cannot leave out" in both.message


async def test_propagation_decides_what_is_mounted(home: PodVolumes, table: MountTable, data: Path) -> None:
    table.shared.append(data)
    await bound(home, pod_at(data, mount_propagation="HostToContainer"))
    assert list(table.grafts.values()) == [(True, True, False)]
    node = await bound(home, pod_at(data, mount_propagation="Bidirectional"))
    assert node == SubPaths(), "it must be the node's very mount"
    await bound(home, pod_at(data.parent, sub_path="data"))
    assert list(table.grafts.values()) == [(False, False, False)], "a part comes without what is mounted below it"


async def test_an_older_kernel_is_given_the_path(home: PodVolumes, table: MountTable, data: Path) -> None:
    table.unsupported = True
    assert await bound(home, pod_at(data)) == SubPaths()
    part = await bound(home, pod_at(data.parent, sub_path="data"))
    assert isinstance(part, SubPaths)
    assert list(table.bound.values()) == [data]
    veiled = await bound(home, pod_at(data.parents[1], read_only=True))
    assert isinstance(veiled, VolumeTrouble)
    assert "this kernel (before 5.12) cannot hide it" in veiled.message


async def test_a_path_without_a_type_is_made_when_it_is_mounted(home: PodVolumes, data: Path) -> None:
    before = os.umask(0o077)
    try:
        assert isinstance(await bound(home, pod_at(data / "a/b")), SubPaths)
    finally:
        os.umask(before)
    assert [(data / part).stat().st_mode & 0o777 for part in ("a", "a/b")] == [0o755, 0o755]


def test_links_on_the_way_are_protected_with_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "real/etc").mkdir(parents=True)
    (tmp_path / "one").mkdir()
    (tmp_path / "one/etc").symlink_to("../two/etc")
    (tmp_path / "two").symlink_to(tmp_path / "real")
    assert resolved(tmp_path / "one/etc/podstead") == (
        tmp_path / "real/etc/podstead",
        [tmp_path / "one/etc", tmp_path / "two"],
    )
    protection = Protection((Protected(path=tmp_path / "one/etc/podstead", noun="x"),), MountTable().table())
    for path in ("one", "real", "real/etc", "."):
        descriptor = os.open(tmp_path / path, os.O_PATH)
        assert isinstance(protection.judge(descriptor, writable=True), Reach), path
        os.close(descriptor)


def test_what_may_be_read_is_only_kept_from_writers(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    protection = Protection(
        (Protected(path=tmp_path / "usr/lib", noun="the program", readable=True),), MountTable().table()
    )
    above, itself = (os.open(tmp_path / path, os.O_PATH) for path in ("usr", "usr/lib"))
    assert protection.judge(itself, writable=True) == Reach(
        way=f"is, or lies in, {tmp_path}/usr/lib (the program), which no pod may mount for writing"
    )
    assert protection.judge(itself, writable=False) is None
    assert isinstance(protection.judge(above, writable=True), Reach)
    assert protection.judge(above, writable=False) == Veil()
    os.close(above)
    os.close(itself)


def test_a_veil_hides_every_way_to_a_secret(tmp_path: Path) -> None:
    """An alias of it, what is mounted in it, and the place itself; the rest stays."""
    secret = tmp_path / "secret"
    for name in ("secret", "alias", "disk", "other"):
        (tmp_path / name).mkdir()
    real = MountTable().table()
    device, root = next((p.device, p.root) for p in reversed(real) if tmp_path.is_relative_to(p.path))
    inner = root / secret.relative_to("/")
    points = (
        *real,
        MountPoint(tmp_path / "alias", "ext4", device=device, root=inner / "part", identifier=9001),
        MountPoint(secret / "memory", "tmpfs", device="0:901", identifier=9002),
        MountPoint(tmp_path / "disk", "ext4", device=device, root=inner.parent, identifier=9003),
        MountPoint(tmp_path / "other", "tmpfs", device="0:902", identifier=9004),
    )
    protection = Protection((Protected(path=secret, noun="x"),), points)
    descriptor = os.open(tmp_path, os.O_PATH)
    veil = protection.judge(descriptor, writable=False)
    os.close(descriptor)
    assert isinstance(veil, Veil)
    assert [path for _, path in veil.parts] == [Path("disk"), Path("other")]
    assert veil.covers == (Path("secret"), Path("disk/secret"))


async def test_a_socket_in_a_shared_directory_cannot_be_hidden(home: PodVolumes, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/cri.sock").touch()
    node = replace(home._node, protected=(Protected(path=tmp_path / "run/cri.sock", noun="the runtime's socket"),))
    found = await PodVolumes(paths, home._mounter, node).prepare(pod_at(tmp_path / "run", read_only=True), UID)
    assert isinstance(found, VolumeTrouble)
    assert found.message.endswith(
        f"holds {tmp_path}/run/cri.sock (the runtime's socket), which no pod may mount: choose another path"
    )
