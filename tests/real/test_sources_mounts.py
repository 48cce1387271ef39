"""The manifest source on real mounts: unmounted, mounted again, and a FUSE file system that does not answer."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.mounts import MS_BIND, FuseServer, mount, unmount
from tests.unit.sources.viewer import Viewer, data_of, reason_of, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real


@pytest.fixture
def manifests() -> Iterator[Path]:
    """An empty directory; whatever is mounted on it or on files in it is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    directory = root / "manifests"
    directory.mkdir()
    yield directory
    for _ in range(8):
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]
        ours = [Path(point) for point in points if point.startswith(f"{root}/")]
        if not ours:
            break
        unmount(ours[-1], lazily=True)
    shutil.rmtree(root)


async def test_an_unmounted_directory_loses_nothing(manifests: Path) -> None:
    disk = manifests.parent / "disk"
    disk.mkdir()
    (disk / "a.yaml").write_bytes(b"one")
    mount(str(disk), manifests, flags=MS_BIND)
    async with Viewer(settings(manifests, check_seconds=0.2), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        known = viewer.source.identity
        unmount(manifests)
        away = await viewer.until(lambda snapshot: snapshot.degraded is not None)
        assert away.degraded is not None
        assert "lacks a.yaml" in away.degraded
        mount(str(disk), manifests, flags=MS_BIND)
        back = await viewer.until(lambda snapshot: snapshot.degraded is None)
        assert data_of(back, "a.yaml") == b"one"
        assert viewer.source.identity == known
        assert not viewer.ever_gone("a.yaml")
        (manifests / "a.yaml").write_bytes(b"two")
        await viewer.content("a.yaml", b"two")


@pytest.mark.attack("bind-mount")
async def test_a_directory_mounted_over_it_gives_nothing_and_takes_nothing(manifests: Path) -> None:
    other = manifests.parent / "other"
    other.mkdir()
    (other / "planted.yaml").write_bytes(b"evil")
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests, check_seconds=0.2), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        mount(str(other), manifests, flags=MS_BIND)
        try:
            await viewer.until(lambda snapshot: "lacks a.yaml" in (snapshot.degraded or ""))
            (other / "planted.yaml").write_bytes(b"more")
            await asyncio.sleep(1.0)
        finally:
            unmount(manifests)
        await viewer.until(lambda snapshot: snapshot.degraded is None and data_of(snapshot, "a.yaml") == b"one")
    assert not any(data_of(seen, "planted.yaml") for _, seen in viewer.seen)
    assert not viewer.ever_gone("a.yaml")


@pytest.mark.attack("bind-mount", "check-then-read")
async def test_a_file_mounted_over_and_away_is_read_as_it_passed(manifests: Path) -> None:
    """Whatever is mounted while looks go on, what is given is a whole content of root's, or nothing."""
    outside = manifests.parent / "outside"
    outside.write_bytes(b"evil")
    outside.chmod(0o666)
    (manifests / "a.yaml").write_bytes(b"good")
    async with Viewer(settings(manifests, check_seconds=0.05)) as viewer:
        await viewer.content("a.yaml", b"good")
        for _ in range(40):
            mount(str(outside), manifests / "a.yaml", flags=MS_BIND)
            viewer.source.poke()
            await asyncio.sleep(0.02)
            unmount(manifests / "a.yaml", lazily=True)
            viewer.source.poke()
            await asyncio.sleep(0.02)
        await viewer.content("a.yaml", b"good")
    assert set(viewer.contents("a.yaml")) <= {b"good", None}
    assert "WritableByOthers" in {reason_of(seen, "a.yaml") for _, seen in viewer.seen}


async def test_unmounted_while_the_agent_was_down(manifests: Path) -> None:
    mount("tmpfs", manifests, "tmpfs", options="mode=755")
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests), expected=["a.yaml"]) as before:
        await before.until(lambda snapshot: snapshot.certain)
        known = before.source.identity
    unmount(manifests)
    async with Viewer(settings(manifests), known=known, expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: "lacks a.yaml" in (snapshot.degraded or ""))
        await asyncio.sleep(0.5)
        assert not viewer.ever_gone("a.yaml")
        mount("tmpfs", manifests, "tmpfs", options="mode=755")  # another file system with every file back
        (manifests / "a.yaml").write_bytes(b"one")
        last = await viewer.until(lambda snapshot: snapshot.degraded is None and snapshot.certain)
        assert data_of(last, "a.yaml") == b"one"
        assert viewer.source.identity != known


async def test_a_file_on_a_silent_file_system_holds_up_nobody(manifests: Path) -> None:
    away = manifests.parent / "fuse"
    away.mkdir()
    server = FuseServer({"stuck.yaml": b"never"}, frozenset({"stuck.yaml"}))
    server.mount(away)
    try:
        (manifests / "stuck.yaml").touch()
        mount(str(away / "stuck.yaml"), manifests / "stuck.yaml", flags=MS_BIND)
        (manifests / "a.yaml").write_bytes(b"one")
        async with Viewer(settings(manifests), expected=["a.yaml", "stuck.yaml"]) as viewer:
            await viewer.content("a.yaml", b"one")
            await viewer.until(lambda snapshot: reason_of(snapshot, "stuck.yaml") == "NotAnswering")
            began = time.monotonic()
            (manifests / "a.yaml").write_bytes(b"two")
            await viewer.content("a.yaml", b"two")
            assert time.monotonic() - began < 2, "it waited for the silent one"
            server.close(away)
            await viewer.until(lambda snapshot: reason_of(snapshot, "stuck.yaml") not in {"NotAnswering", "Reading"})
            assert not viewer.ever_gone("stuck.yaml")
    finally:
        server.close(away)


async def test_a_directory_on_a_file_system_whose_server_ends(manifests: Path) -> None:
    server = FuseServer({"a.yaml": b"one", "stuck.yaml": b"never"}, frozenset({"stuck.yaml"}))
    server.mount(manifests)
    try:
        async with Viewer(settings(manifests, check_seconds=0.2), expected=["a.yaml", "stuck.yaml"]) as viewer:
            await viewer.content("a.yaml", b"one")
            await viewer.until(lambda snapshot: reason_of(snapshot, "stuck.yaml") == "NotAnswering")
            server.abort()
            away = await viewer.until(lambda snapshot: snapshot.degraded is not None)
            assert "ENOTCONN" in (away.degraded or "")
            assert not viewer.ever_gone("a.yaml")
            assert not viewer.ever_gone("stuck.yaml")
    finally:
        server.close(manifests)
