"""Pods with a user namespace have ids of their own, and keep them as long as they are there."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from podstead.config.paths import paths_for
from podstead.identity import PodUID
from podstead.volumes import layout
from podstead.volumes.id_ranges import FIRST_ID, RANGES, IdRanges
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths


@pytest.fixture
def paths(short_path: Path) -> Paths:
    found = paths_for(short_path / "root")
    found.pods.mkdir(parents=True)
    found.containerd_run.mkdir()
    return found


@pytest.fixture
def short_path(tmp_path: Path) -> Path:
    """Return a directory that others may pass, as a root directory is; pytest's own are closed."""
    for one in (tmp_path, *tmp_path.parents):
        if not one.stat().st_mode & 0o001:
            one.chmod(0o711)
    return tmp_path


def uid(number: int) -> PodUID:
    return PodUID(f"00000000-0000-4000-8000-{number:012}")


async def test_two_pods_share_no_id_and_a_restart_changes_nothing(paths: Paths) -> None:
    ranges = IdRanges(paths)
    first, second = await asyncio.gather(ranges.of(uid(1)), ranges.of(uid(2)))
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert abs(first - second) == 65536
    assert all(FIRST_ID <= one <= 2**31 - 65536 for one in (first, second))
    again = IdRanges(paths)
    assert (await again.of(uid(2)), await again.of(uid(1))) == (second, first)


async def test_the_file_is_the_kubelets(paths: Paths) -> None:
    first = await IdRanges(paths).of(uid(1))
    mapping = [{"hostId": first, "containerId": 0, "length": 65536}]
    file = layout.id_range(paths, uid(1))
    assert json.loads(file.read_text()) == {"uidMappings": mapping, "gidMappings": mapping}
    assert file.stat().st_mode & 0o777 == 0o600


async def test_what_a_pod_had_is_given_again_when_it_is_gone(paths: Paths) -> None:
    ranges = IdRanges(paths)
    first = await ranges.of(uid(1))
    shutil.rmtree(layout.pod_directory(paths, uid(1)))
    assert await ranges.of(uid(2)) == first


async def test_a_damaged_file_is_not_guessed_at(paths: Paths) -> None:
    await IdRanges(paths).of(uid(1))
    layout.id_range(paths, uid(1)).write_text("{")
    found = await IdRanges(paths).of(uid(1))
    assert isinstance(found, VolumeTrouble)
    assert "is damaged" in found.message
    assert isinstance(await IdRanges(paths).of(uid(2)), int)


async def test_when_all_are_taken(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podstead.volumes.id_ranges.RANGES", 2)
    ranges = IdRanges(paths)
    assert len({await ranges.of(uid(1)), await ranges.of(uid(2))}) == 2
    found = await ranges.of(uid(3))
    assert isinstance(found, VolumeTrouble)
    assert found.message == "all 2 ranges of ids for user namespaces are taken"
    assert RANGES == 4096


async def test_a_root_directory_that_others_may_not_pass(paths: Paths) -> None:
    paths.root.chmod(0o700)
    found = await IdRanges(paths).of(uid(1))
    assert isinstance(found, VolumeTrouble)
    assert found.message.endswith(f"{paths.root} is closed to others: chmod o+x {paths.root}")
