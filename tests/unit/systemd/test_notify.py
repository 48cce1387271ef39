"""What systemd hears, on a datagram socket of its kind (sd_notify(3))."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.systemd.notify import Notifier, take_notifier

if TYPE_CHECKING:
    from collections.abc import Iterator


class Manager:
    """The listening end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(2.0)

    def hears(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    listening = Manager(f"@ps-{secrets.token_hex(8)}" if request.param == "abstract" else str(directory / "notify"))
    yield listening
    listening.close()
    shutil.rmtree(directory)


def test_each_message_is_one_datagram_of_assignments(manager: Manager) -> None:
    notifier = Notifier(address=manager.address)
    notifier.tell(READY=1, STATUS="2 of 3 pods running")
    notifier.tell(WATCHDOG=1)
    assert manager.hears() == "READY=1\nSTATUS=2 of 3 pods running"
    assert manager.hears() == "WATCHDOG=1"


def test_a_status_cannot_say_something_else(manager: Manager) -> None:
    Notifier(address=manager.address).tell(STATUS="a pod\nMAINPID=1")
    assert manager.hears() == "STATUS=a pod MAINPID=1"


def test_a_manager_that_is_gone_is_no_trouble(manager: Manager) -> None:
    notifier = Notifier(address=manager.address)
    manager.close()
    notifier.tell(READY=1)


def test_nobody_is_told_where_nobody_listens() -> None:
    notifier = take_notifier({"PATH": "/bin"})
    assert not notifier.listening
    notifier.tell(READY=1)


def test_the_words_for_us_are_not_handed_on_to_children() -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid()), "PATH": "/bin"}
    assert take_notifier(environ) == Notifier(address="/run/n", watchdog_seconds=60.0)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("pid", ["1", "none"])
def test_the_watchdog_of_another_process_is_not_ours(pid: str) -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": pid}
    assert take_notifier(environ).watchdog_seconds == 0.0


@pytest.mark.parametrize("usec", ["", "soon", "-5"])
def test_a_watchdog_without_a_time_is_none(usec: str) -> None:
    assert take_notifier({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": usec}).watchdog_seconds == 0.0
