"""Which entries are meant to be manifests, and what is said of the others."""

from __future__ import annotations

import os

import pytest

from podstead.sources.names import is_manifest_name, printable, why_ignored


@pytest.mark.parametrize(
    "name", ["mysql.yaml", "mysql.yml", "mysql.json", "a b.yaml", "überwachung.yaml", "a.bak.yaml"]
)
def test_manifest_names(name: str) -> None:
    assert is_manifest_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("foo.yaml.bak", "BackupFile"),
        ("foo.yaml~", "BackupFile"),
        ("#foo.yaml#", "BackupFile"),
        ("foo.yaml.rpmsave", "BackupFile"),
        (".foo.yaml", "HiddenFile"),
        (".foo.yaml.swp", "HiddenFile"),
        ("..data", "HiddenFile"),
        ("README", "NotAManifestName"),
        ("foo.YAML", "NotAManifestName"),
        ("yaml", "NotAManifestName"),
        (os.fsdecode(b"\xff.yaml"), "NameNotText"),
    ],
)
def test_other_names_are_ignored_with_a_reason(name: str, reason: str) -> None:
    assert not is_manifest_name(name)
    said, sentence = why_ignored(name, is_directory=False)
    assert said == reason
    assert len(sentence) > 20


def test_directory_without_a_manifest_name() -> None:
    assert why_ignored("sub", is_directory=True)[0] == "Subdirectory"
    assert why_ignored(".git", is_directory=True)[0] == "HiddenFile"


def test_a_name_that_is_not_text_is_shown_escaped() -> None:
    assert printable(os.fsdecode(b"a\xff.yaml")) == "a\\xff.yaml"
    printable(os.fsdecode(b"a\xff.yaml")).encode("utf-8")
