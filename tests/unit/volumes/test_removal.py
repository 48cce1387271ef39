"""Removing whatever a container left, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from podstead.volumes import removal
from podstead.volumes.removal import RemovalRefusedError, remove_tree

if TYPE_CHECKING:
    from pathlib import Path


def test_links_are_removed_not_followed(tmp_path: Path) -> None:
    outside, pod = tmp_path / "outside", tmp_path / "pod"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (pod / "a/b").mkdir(parents=True)
    (pod / "a/link").symlink_to(outside)
    (pod / "a/b/file-link").symlink_to(outside / "kept")
    (pod / "a/b/.removed-1").mkdir()
    (pod / ".removed-1").mkdir()
    (pod / ".removed-1/x").touch()
    os.mkfifo(pod / "a/fifo")
    os.link(outside / "kept", pod / "hard")
    remove_tree(pod)
    assert not pod.exists()
    assert (outside / "kept").read_text() == "x"


def test_nothing_there_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "none")


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").touch()
    (tmp_path / "pod").symlink_to("outside")
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        remove_tree(tmp_path / "pod")
    assert (tmp_path / "outside/kept").exists()


def test_depth_beyond_any_path(tmp_path: Path) -> None:
    (tmp_path / "pod").mkdir()
    here = os.open(tmp_path / "pod", os.O_RDONLY)
    try:
        for _ in range(1000):
            os.mkdir("d" * 10, dir_fd=here)
            below = os.open("d" * 10, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    remove_tree(tmp_path / "pod")
    assert list(tmp_path.iterdir()) == []


def test_many_names(tmp_path: Path) -> None:
    (tmp_path / "pod/d").mkdir(parents=True)
    for number in range(4200):
        (tmp_path / f"pod/d/{number}").touch()
    remove_tree(tmp_path / "pod")
    assert list(tmp_path.iterdir()) == []


def test_a_mount_below_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pod/mnt").mkdir(parents=True)
    (tmp_path / "pod/mnt/kept").touch()
    mounted = (tmp_path / "pod/mnt").stat().st_ino
    real = removal.mount_id
    monkeypatch.setattr(removal, "mount_id", lambda fd: -1 if os.fstat(fd).st_ino == mounted else real(fd))
    with pytest.raises(RemovalRefusedError, match="something is mounted"):
        remove_tree(tmp_path / "pod")
    assert (tmp_path / "pod/mnt/kept").exists()
