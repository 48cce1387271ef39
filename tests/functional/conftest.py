"""A simulated runtime and a node on it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.daemon import housekeeping
from podstead.volumes.mounter import SystemMounter
from tests.functional.manifests import IMAGE, OTHER_IMAGE
from tests.functional.node import SimulatedNode
from tests.simulators.cri_runtime import SimulatedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def root() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    mounter = SystemMounter()
    for point in mounter.mount_points(
        made.resolve()
    ):  # an agent that died in a start: what it shows must not go with it
        mounter.detach(point.path)
    shutil.rmtree(made)


@pytest.fixture
async def runtime(root: Path) -> AsyncIterator[SimulatedRuntime]:
    async with SimulatedRuntime() as made:
        made.world.log_root = root
        made.add_image(IMAGE)
        made.add_image(OTHER_IMAGE)
        yield made


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedNode]:
    """A node whose agent has had its first look: at what is written from now on it need not wait for a writer's end.

    Its housekeeping comes round often, so that nobody waits ten seconds for what it notes and tidies.
    """
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.3)
    made = SimulatedNode(root, runtime)
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    yield made
    if made.present:
        await made.stop()
