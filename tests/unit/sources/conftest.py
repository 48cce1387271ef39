"""A manifest directory per test, on a real file system, under a short path."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def manifests() -> Iterator[Path]:
    """An empty directory `manifests` with room beside it."""
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    directory = root / "manifests"
    directory.mkdir()
    yield directory
    shutil.rmtree(root)
