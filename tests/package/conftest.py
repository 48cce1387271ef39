"""The package, built once for all tests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.package import build_package

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(tmp_path_factory.mktemp("package"), TZ="UTC")


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a later version."""
    return build_package(tmp_path_factory.mktemp("newer"), "0.1.1~test")
