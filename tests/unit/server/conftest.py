"""Fixtures of the API's tests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.api import Node


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path, for sockets."""
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def node(directory: Path) -> AsyncIterator[Node]:
    """An API that serves."""
    async with serving(directory) as made:
        yield made
