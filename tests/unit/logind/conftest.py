"""A bus, a logind on it, and a lock that is kept, each on real sockets and descriptors."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.logind import inhibitor
from podstead.logind.inhibitor import DelayLock
from tests.simulators.login1 import BusDaemon, SimulatedLogin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

WAIT_SECONDS = 10.0


class Watcher:
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begins(self) -> None:
        self.told.append("begins")

    def called_off(self) -> None:
        self.told.append("called off")


class Kept:
    """A lock that a task keeps, as the agent does."""

    def __init__(self) -> None:
        self.watcher = Watcher()
        self.needed = 0.0
        self.lock = DelayLock(self.watcher, lambda: self.needed, SystemClock())
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.lock.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


async def until(what: str, holds: Callable[[], object]) -> None:
    end = asyncio.get_running_loop().time() + WAIT_SECONDS
    while not holds():
        assert asyncio.get_running_loop().time() < end, what
        await asyncio.sleep(0.01)


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def daemon(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BusDaemon]:
    made = BusDaemon(directory)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made.address)
    await made.start()
    yield made
    made.stop()


@pytest.fixture
async def login(daemon: BusDaemon, directory: Path) -> AsyncIterator[SimulatedLogin]:
    drop_ins = directory / "logind.conf.d"
    made = SimulatedLogin(drop_ins)
    await made.start(daemon.address)
    yield made
    made.close()


@pytest.fixture
async def kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    """A lock that is not kept yet; whose pauses are short."""
    for name, seconds in (("LOOK_SECONDS", 0.2), ("RETRY_SECONDS", 0.05), ("RELOADED_SECONDS", 0.3)):
        monkeypatch.setattr(inhibitor, name, seconds)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={directory / 'bus'}")
    monkeypatch.setattr(inhibitor, "DROP_IN", directory / "logind.conf.d" / "99-podstead.conf")
    made = Kept()
    yield made
    await made.stop()
