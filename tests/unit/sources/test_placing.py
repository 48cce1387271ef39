"""Manifests are written as a whole or not at all, and nobody else's file is touched."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.config.sources import SourceSettings
from podstead.errors import OperatorError
from podstead.sources.placing import HIDDEN, ManifestDirectory, Placement

if TYPE_CHECKING:
    from pathlib import Path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path))  # noqa: PTH208 - names only


def directory(path: Path) -> ManifestDirectory:
    return ManifestDirectory(SourceSettings(path=path), SystemClock())


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        await directory(tmp_path).place([Placement(name="a.yaml", data=b"one")])
    finally:
        os.umask(old)
    status = (tmp_path / "a.yaml").stat()
    assert (tmp_path / "a.yaml").read_bytes() == b"one"
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, os.geteuid())
    assert names(tmp_path) == ["a.yaml"]


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644), (0o666, 0o644), (0o4775, 0o755)])
async def test_a_file_that_is_there_keeps_its_mode_but_for_what_lets_others_write(
    tmp_path: Path, mode: int, expected: int
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"old")
    path.chmod(mode)
    await directory(tmp_path).place([Placement(name="a.yaml", data=b"new", digest=digest(b"old"))])
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", expected)


async def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"old")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    found = await directory(tmp_path).look(["a.yaml", "b.yaml", "link.yaml"])
    assert found.directory == str(tmp_path)
    assert found.single is None
    assert (found.files["a.yaml"] and found.files["a.yaml"].data) == b"old"
    assert found.files["b.yaml"] is None
    assert (found.files["link.yaml"] and found.files["link.yaml"].data) is None


async def test_a_single_file_is_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"old")
    found = await directory(path).look([])
    assert (found.single, found.directory) == ("a.yaml", str(tmp_path))
    await directory(path).place([Placement(name="a.yaml", data=b"new", digest=digest(b"old"))])
    assert path.read_bytes() == b"new"


async def test_what_has_changed_meanwhile_keeps_everything_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"old")
    (tmp_path / "new.yaml").write_bytes(b"somebody's")
    other = Placement(name="b.yaml", data=b"b")
    for wrong in (
        Placement(name="a.yaml", data=b"new", digest=digest(b"older")),
        Placement(name="new.yaml", data=b"mine"),
        Placement(name="gone.yaml", data=None, digest=digest(b"x")),
    ):
        with pytest.raises(OperatorError, match="was changed meanwhile"):
            await directory(tmp_path).place([other, wrong])
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == {
        "a.yaml": b"old",
        "new.yaml": b"somebody's",
    }


async def test_a_removal(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"old")
    await directory(tmp_path).place([Placement(name="a.yaml", data=None, digest=digest(b"old"))])
    assert names(tmp_path) == []


async def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def fails(descriptor: int) -> None:
        if synced:
            raise OSError(28, "No space left on device")
        synced.append(descriptor)

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OperatorError, match="No space left on device"):
        await directory(tmp_path).place([Placement(name="a.yaml", data=b"a"), Placement(name="b.yaml", data=b"b")])
    assert synced
    assert names(tmp_path) == []


async def test_what_a_killed_agent_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / HIDDEN.name()).write_bytes(b"half")
    (tmp_path / ".mine").write_bytes(b"stays")
    await directory(tmp_path).place([Placement(name="a.yaml", data=b"a")])
    assert names(tmp_path) == [".mine", "a.yaml"]


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="does not exist"):
        await directory(tmp_path / "none").look(["a.yaml"])
