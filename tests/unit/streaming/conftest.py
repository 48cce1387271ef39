"""Fixtures of the streams' tests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path, for sockets."""
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)
