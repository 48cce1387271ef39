"""Manifests beside the messages that their authors see; `PODSTEAD_UPDATE_GOLDEN=1` writes the latter anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podstead.manifest.as_kubelet import explain
from podstead.manifest.read import read_manifest
from tests.unit.manifest.writing import NODE, told

FOLDER = Path(__file__).parents[2] / "golden" / "manifest"
CASES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".yaml", ".json"})


def report(data: bytes) -> str:
    reading = read_manifest(data, node_name=NODE)
    strict = read_manifest(data, node_name=NODE, strict=True)
    lines = [
        f"verdict: {reading.reason or 'Accepted'}",
        f"strict: {strict.reason or 'Accepted'}",
        *(f"pod: {pod.key}" for pod in reading.pods),
        *told(reading),
        *(f"kubelet: {sentence}" for sentence in explain(data, NODE)[:-1]),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_what_the_author_of_a_manifest_sees(path: Path) -> None:
    expected = path.with_suffix(".txt")
    found = report(path.read_bytes())
    if os.environ.get("PODSTEAD_UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert len(CASES) >= 8
