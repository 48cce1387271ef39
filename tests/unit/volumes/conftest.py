"""Fixtures of a node for volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.config.paths import Paths, paths_for
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.payload import ContentSources
from podstead.volumes.protection import Protected
from tests.unit.volumes.world import MountTable, Objects

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return paths_for(tmp_path / "root")


@pytest.fixture
def table() -> MountTable:
    return MountTable()


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def home(paths: Paths, table: MountTable, objects: Objects, tmp_path: Path) -> PodVolumes:
    node = VolumeNode(
        sources=ContentSources(objects=objects, allocatable={"cpu": "4"}, directory="/etc/podstead/objects"),
        protected=(
            Protected(path=paths.root, noun="the agent's root"),
            Protected(path=tmp_path / "manifests", noun="the manifest directory"),
        ),
        memory_bytes=1 << 30,
    )
    return PodVolumes(paths, table, node)
