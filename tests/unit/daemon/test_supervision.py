"""What systemd is told of the agent, and when the watchdog is not fed any more."""

from __future__ import annotations

import shutil
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant
from podstead.daemon.supervision import STANDSTILL_SECONDS, Supervision, status_line
from podstead.systemd.notify import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True, kw_only=True)
class Agent:
    """An agent as the supervision sees it, and all that its manager hears."""

    listening: socket.socket
    now_: float = 1000.0
    ready: bool = False
    still: float = 0.0
    summary: str = "1 of 1 pods running"
    supervised: Supervision = field(init=False)

    def __post_init__(self) -> None:
        self.supervised = Supervision(
            Notifier(address=self.listening.getsockname(), watchdog_seconds=60.0),
            self,
            ready=lambda: self.ready,
            standstill=lambda: self.still,
            summary=lambda: self.summary,
        )

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.now_, wall=0.0)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def after(self, seconds: float) -> list[str]:
        """Look each second for so long; return what the manager heard."""
        for _ in range(int(seconds)):
            self.now_ += 1.0
            self.supervised.look()
        return self.heard()

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.listening.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture
def agent() -> Iterator[Agent]:
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(directory / "notify"))
        listening.settimeout(0.0)
        yield Agent(listening=listening)
    shutil.rmtree(directory)


def feeds(heard: list[str]) -> int:
    return heard.count("WATCHDOG=1")


def extensions(heard: list[str]) -> int:
    return len([text for text in heard if text.startswith("EXTEND_TIMEOUT_USEC=60000000")])


def test_a_start_that_waits_is_extended_and_not_called_ready(agent: Agent) -> None:
    heard = agent.after(60)
    assert extensions(heard) == 4
    assert "READY=1" not in heard
    assert feeds(heard) == 0
    assert "STATUS=starting: waits for the runtime and the first look" in heard


def test_it_is_ready_once_and_fed_four_times_within_the_time(agent: Agent) -> None:
    agent.ready = True
    heard = agent.after(60)
    assert heard.count("READY=1") == 1
    assert feeds(heard) == 4
    assert extensions(heard) == 0


def test_the_status_is_told_when_it_changes(agent: Agent) -> None:
    agent.ready = True
    assert "STATUS=1 of 1 pods running" in agent.after(1)
    assert [text for text in agent.after(10) if text.startswith("STATUS=")] == []
    agent.summary = "0 of 1 pods running"
    assert "STATUS=0 of 1 pods running" in agent.after(1)


def test_a_sync_loop_that_stands_still_is_not_fed(agent: Agent) -> None:
    agent.ready = True
    agent.after(5)
    agent.still = STANDSTILL_SECONDS + 1
    heard = agent.after(120)
    assert feeds(heard) == 0
    assert "STATUS=STUCK: the sync loop has stood still for 31 s" in heard
    agent.still = 0.0
    assert feeds(agent.after(2)) == 1


def test_a_slow_pass_is_fed(agent: Agent) -> None:
    agent.ready, agent.still = True, STANDSTILL_SECONDS
    assert feeds(agent.after(60)) == 4


async def test_without_a_manager_it_returns_at_once(agent: Agent) -> None:
    alone = Supervision(Notifier(), agent, ready=lambda: True, standstill=lambda: 0.0, summary=lambda: "")
    await alone.run()
    assert agent.heard() == []


def test_the_status_line_has_pods_files_and_what_is_wrong() -> None:
    line = status_line(6, 7, {"Rejected": 1, "Accepted": 7}, 2)
    assert line == "6 of 7 pods running; files: 7 accepted, 1 rejected; 2 wrong: podstead status"
    assert status_line(0, 0, {}, 0) == "0 of 0 pods running; files: none"
