"""A system bus of a test's own (a real dbus-daemon), and a logind on it that delays shutdowns as the real one does.

Real: the daemon, the wire, the descriptor of a lock. Simulated: what logind and systemd do with them.
"""

from __future__ import annotations

import array
import asyncio
import os
import re
import select
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_error, new_method_return, new_signal

from podstead.logind.bus import DAEMON, Bus
from podstead.logind.manager import INTERFACE, NAME, PATH, PREPARE

if TYPE_CHECKING:
    from pathlib import Path

    from jeepney import Message

CONFIGURATION = """<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/>
  </policy>
</busconfig>
"""
START_SECONDS = 10.0


class BusDaemon:
    """A dbus-daemon on a socket under `directory`; it can be ended and started again at the same address."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "bus"
        self.address = f"unix:path={self.socket}"
        self._file = directory / "bus.conf"
        self._file.write_text(CONFIGURATION.format(socket=self.socket), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        command = ["dbus-daemon", f"--config-file={self._file}", "--nofork", "--print-address"]
        self._process = process = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            assert await asyncio.to_thread(process.stdout.readline)

    def stop(self) -> None:
        """End it, and with it every connection."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        self.socket.unlink(missing_ok=True)


class _Served(Bus):
    """A connection that also answers."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.login: SimulatedLogin | None = None

    def _take(self, message: Message) -> None:
        if message.header.message_type is not MessageType.method_call or self.login is None:
            super()._take(message)
            return
        answer = self.login.answer(message)
        if not message.header.flags & MessageFlag.no_reply_expected:
            self.send(answer)

    def send(self, message: Message) -> None:
        """Send now; the bodies here are small."""
        descriptors = array.array("i")
        data = message.serialise(next(self._serials), fds=descriptors)
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else []
        self._socket.sendmsg([data], extra)


class SimulatedLogin:
    """logind, and systemd as far as it passes logind a signal. `delay_seconds` is InhibitDelayMaxSec by logind.conf."""

    def __init__(self, drop_ins: Path, delay_seconds: float = 5.0) -> None:
        self._drop_ins = drop_ins
        self.base_delay = delay_seconds
        self.delay_seconds = delay_seconds
        self.preparing = False
        self.reloads = 0
        self.refuses = False
        """Whether locks are refused, as to who is not root."""
        self.held_before: list[int] = []
        """How many locks were held when each was asked for."""
        self._locks: list[int] = []
        self._bus: _Served | None = None

    # --- its life ---

    async def start(self, address: str) -> None:
        """Own the names on a bus; locks of an earlier life are still watched, as logind does."""
        bus = await _Served.connect(address)
        assert isinstance(bus, _Served)
        self._bus, bus.login = bus, self
        self._read_configuration()
        for name in (NAME, "org.freedesktop.systemd1"):
            assert await bus.call(DAEMON, "RequestName", "su", (name, 4)) == 1

    def stop(self) -> None:
        """Leave the bus. A shutdown that it was about to begin is forgotten."""
        assert self._bus is not None
        self._bus.close()
        self._bus, self.preparing = None, False

    def close(self) -> None:
        """Drop everything."""
        if self._bus is not None:
            self.stop()
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()

    # --- what is to be seen ---

    @property
    def held(self) -> int:
        """How many locks are held: those whose other end some process has open."""
        return len([lock for lock in self._locks if not _is_let_go(lock)])

    # --- what happens to the machine ---

    def begin(self) -> None:
        """Say that a shutdown begins."""
        self.preparing = True
        self._say()

    def call_off(self) -> None:
        """Say that it is over, and the machine still there."""
        self.preparing = False
        self._say()

    def _say(self) -> None:
        assert self._bus is not None
        emitter = DBusAddress(PATH, interface=INTERFACE)
        self._bus.send(new_signal(emitter, PREPARE, "b", (self.preparing,)))

    # --- what it answers ---

    def answer(self, message: Message) -> Message:
        """Answer a call as logind and systemd do."""
        match message.header.fields.get(HeaderFields.member), message.body:
            case "Inhibit", ("shutdown", str(), str(), "delay"):
                return self._inhibit(message)
            case "Get", (str(), "InhibitDelayMaxUSec"):
                return new_method_return(message, "v", (("t", int(self.delay_seconds * 1_000_000)),))
            case "Get", (str(), "PreparingForShutdown"):
                return new_method_return(message, "v", (("b", self.preparing),))
            case "KillUnit", ("systemd-logind.service", "main", 1):
                self._read_configuration()
                self.reloads += 1
                return new_method_return(message)
            case _:
                return _failure(message, "org.freedesktop.DBus.Error.UnknownMethod", "no such method")

    def _inhibit(self, message: Message) -> Message:
        if self.refuses:
            return _failure(message, "org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
        if self.preparing:
            text = "The operation inhibition has been requested for is already running"
            return _failure(message, "org.freedesktop.login1.OperationInProgress", text)
        self.held_before.append(self.held)
        ours, theirs = os.pipe()
        self._locks.append(ours)
        asyncio.get_running_loop().call_soon(os.close, theirs)  # once it is sent
        return new_method_return(message, "h", (theirs,))

    def _read_configuration(self) -> None:
        """Read the drop-ins as systemd does: by name, the last one wins."""
        self.delay_seconds = self.base_delay
        for file in sorted(self._drop_ins.glob("*.conf")):
            if found := re.search(r"(?m)^InhibitDelayMaxSec=(\d+)$", file.read_text(encoding="utf-8")):
                self.delay_seconds = float(found[1])


def _failure(message: Message, name: str, text: str) -> Any:
    return new_error(message, name, "s", (text,))


def _is_let_go(lock: int) -> bool:
    waiting = select.poll()
    waiting.register(lock, select.POLLIN)
    return any(event & select.POLLHUP for _, event in waiting.poll(0))
