"""The directory: opened, identified, listed within bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from podstead.sources.place import Listing, PlaceFault, list_place, open_place

if TYPE_CHECKING:
    from pathlib import Path


def listed(path: Path, *, first: frozenset[str] = frozenset(), max_files: int = 100, max_ignored: int = 50) -> Listing:
    place = open_place(path, was_single=None)
    try:
        return list_place(place, first=first, max_files=max_files, max_ignored=max_ignored)
    finally:
        place.close()


def identity(path: Path) -> str:
    place = open_place(path, was_single=None)
    place.close()
    return place.identity


def test_listing(manifests: Path) -> None:
    for name in ("b.yaml", "a.json", "c.yml", "README", "d.yaml~", ".e.yaml"):
        (manifests / name).touch()
    (manifests / "sub").mkdir()
    (manifests / "f.yaml").mkdir()
    listing = listed(manifests)
    assert listing.manifests == ("a.json", "b.yaml", "c.yml", "f.yaml")
    assert {file.name: file.reason for file in listing.ignored} == {
        "README": "NotAManifestName",
        "d.yaml~": "BackupFile",
        ".e.yaml": "HiddenFile",
        "sub": "Subdirectory",
    }
    assert (listing.overflow, listing.unlisted) == (0, 0)


def test_bounds_keep_the_first_names_and_those_that_hold_pods(manifests: Path) -> None:
    for number in range(300):
        (manifests / f"m{number:03}.yaml").touch()
        (manifests / f"j{number:03}").touch()
    listing = listed(manifests, first=frozenset({"m299.yaml"}), max_files=10, max_ignored=20)
    assert listing.manifests == (*(f"m{number:03}.yaml" for number in range(9)), "m299.yaml")
    assert listing.overflow == 290
    assert [file.name for file in listing.ignored] == [f"j{number:03}" for number in range(20)]
    assert listing.unlisted == 280


def test_a_name_that_is_not_text_is_ignored_and_escaped(manifests: Path) -> None:
    os.close(os.open(os.path.join(os.fsencode(manifests), b"\xff.yaml"), os.O_CREAT | os.O_WRONLY))  # noqa: PTH118 - bytes
    listing = listed(manifests)
    assert listing.manifests == ()
    assert [(file.name, file.reason) for file in listing.ignored] == [("\\xff.yaml", "NameNotText")]


def test_identity_survives_a_rename_but_not_a_replacement(manifests: Path) -> None:
    before = identity(manifests)
    aside = manifests.rename(manifests.parent / "aside")
    assert identity(aside) == before
    aside.rename(manifests)
    assert identity(manifests) == before
    for _ in range(3):  # ext4 gives the same inode number again
        manifests.rmdir()
        manifests.mkdir()
        assert identity(manifests) != before


def test_faults(manifests: Path) -> None:
    with pytest.raises(PlaceFault, match="does not exist") as missing:
        open_place(manifests / "sub", was_single=None)
    assert missing.value.missing
    (manifests / "link").symlink_to(manifests)
    with pytest.raises(PlaceFault, match="symbolic link") as link:
        open_place(manifests / "link", was_single=None)
    assert not link.value.missing
    (manifests / "file").touch()
    with pytest.raises(PlaceFault, match="not a directory"):
        open_place(manifests / "file" / "below", was_single=None)


def test_a_single_file_is_its_directory_with_one_name(manifests: Path) -> None:
    path = manifests / "a.yaml"
    for _ in range(2):  # the name alone tells where there is no file yet
        place = open_place(path, was_single=None)
        place.close()
        assert (place.directory, place.single) == (str(manifests), "a.yaml")
        path.touch()
    (manifests / "b.yaml").touch()
    assert listed(path).manifests == ("a.yaml",)
