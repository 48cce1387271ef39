"""The process of the private containerd: found by its lock, started detached, ended by its descriptor."""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from podstead.containerd import launch
from podstead.containerd.unit import UNIT, unit_command
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.containerd.unit import InstalledUnit

log = logging.getLogger(__name__)

LAUNCH_SECONDS = 20
"""The launcher needs 50 ms; a loaded machine may take its time, a hanging file system may not take ours."""
UNIT_POLL_SECONDS = 0.02
"""How often the lock is looked at while systemd starts a unit."""
MAX_LOG_BYTES = 8 << 20
"""At a start, a larger log is set aside as `.1`, so that two of these are the most the log ever holds at starts."""
LOG_TAIL_BYTES = 4096

_FLOCK = struct.Struct("hhqqi")
"""struct flock: l_type, l_whence, l_start, l_len, l_pid, with native padding (fcntl(2))."""
_UCRED = struct.Struct("3i")
"""struct ucred: pid, uid, gid (unix(7))."""


def lock_holder(lock: Path) -> int | None:
    """Return the pid of the process that holds the lock file, or None. Never a zombie: its locks are gone."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else int(pid)


def peer_pid(path: Path) -> int | None:
    """Return the pid of the process that listens on a UNIX socket, or None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(str(path))
        except OSError:
            return None
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[0])


def log_tail(log: Path, *, lines: int = 3) -> str:
    """Return the last lines of containerd's log, for the sentence that says why it ended."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return " | ".join(text.strip().splitlines()[-lines:])


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LAUNCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"cannot start containerd: {error}") from error


def _ends_within(pidfd: int, seconds: float) -> bool:
    waiting = select.poll()  # select(2) fails for descriptors from 1024 on
    waiting.register(pidfd, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


class ContainerdProcess:
    """One containerd by its lock and socket. All methods block for a short, bounded time; call them in a thread."""

    def __init__(
        self, *, lock: Path, socket_path: Path, log: Path, unit: Callable[[], InstalledUnit | None] = lambda: None
    ) -> None:
        self._lock = lock
        self._socket = socket_path
        self._log = log
        self._unit = unit

    def find(self) -> int | None:
        """Return the pid of the running containerd of this instance, or None.

        Raises:
            OperatorError: a process that this instance did not start listens on its socket.
        """
        holder = lock_holder(self._lock)
        if holder is None and (other := peer_pid(self._socket)) is not None:
            raise OperatorError(
                f"cannot use {self._socket}: process {other} listens there and was not started by this instance; "
                "end it or choose another --root-dir"
            )
        return holder

    def listening(self) -> bool:
        """Tell whether the socket answers, and by the very process that holds the lock."""
        holder = lock_holder(self._lock)
        return holder is not None and peer_pid(self._socket) == holder

    def start(
        self,
        command: tuple[str, ...],
        *,
        environment: dict[str, str],
        mount_namespace: Path | None,
        net_namespace: Path | None,
    ) -> int:
        """Start containerd in a session of its own, out of reach of the agent's end; return its pid.

        Raises:
            OperatorError: it could not be executed, or another one took the lock first.
        """
        arguments = ["--lock", str(self._lock)]
        if mount_namespace is not None:
            arguments += ["--mount-namespace", str(mount_namespace)]
        if net_namespace is not None:
            arguments += ["--net-namespace", str(net_namespace)]
        if (unit := self._unit()) is not None:
            return self._start_installed(unit, arguments, command, environment)
        self._bound_log()
        launcher = [sys.executable, "-I", "-S", launch.__file__, *arguments, "--log", str(self._log)]
        if (pid := self._start_as_unit(launcher, command, environment)) is not None:
            return pid
        done = _run([*launcher, "--", *command], environment)
        if done.returncode != 0:
            raise OperatorError(f"cannot start containerd: {done.stderr.decode(errors='replace').strip()[:400]}")
        pid = lock_holder(self._lock)
        if pid is None:
            raise OperatorError(f"cannot start containerd: it ended at once: {log_tail(self._log)}")
        return pid

    def _start_as_unit(self, launcher: list[str], command: tuple[str, ...], environment: dict[str, str]) -> int | None:
        """Start containerd as a unit of its own and return its pid; None where systemd does not run, or refuses."""
        try:
            unit = unit_command(environment, self._lock.with_name("containerd.env"))
        except OSError as error:
            raise OperatorError(f"cannot start containerd: {error}") from error
        if not unit:
            return None
        done = _run([*unit, *launcher, "--foreground", "--", *command], dict(os.environ))
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[:400]
            log.warning("systemd makes no unit for containerd, which is started without one: %s", said)
            return None
        return self._wait_for_holder()

    def _start_installed(
        self, unit: InstalledUnit, arguments: list[str], command: tuple[str, ...], environment: dict[str, str]
    ) -> int:
        """Start the unit that ships; what containerd prints goes to the journal. Never beside it, in the agent's limits."""
        unit.start([*arguments, "--foreground", "--", *command], environment)
        if (pid := self._wait_for_holder()) is None:
            raise OperatorError(f"cannot start containerd: {UNIT} does not come up: see 'journalctl -u {UNIT}'")
        return pid

    def _wait_for_holder(self) -> int | None:
        deadline = time.monotonic() + LAUNCH_SECONDS
        while (pid := lock_holder(self._lock)) is None and time.monotonic() < deadline:
            time.sleep(UNIT_POLL_SECONDS)
        return pid

    def ended_because(self) -> str:
        """Return containerd's last words, or where they are."""
        return self.log_place() if self._unit() is not None else log_tail(self._log)

    def log_place(self) -> str:
        """Return where containerd's log is to be read."""
        return f"see 'journalctl -u {UNIT}'" if self._unit() is not None else f"its log is {self._log}"

    def terminate(self, *, timeout_seconds: float) -> bool:
        """Send SIGTERM and wait for the end; SIGKILL after the time. Return False if it did not run at all."""
        pid = lock_holder(self._lock)
        # One that is to start again in a moment holds nothing yet, and would come back.
        if (unit := self._unit()) is not None and (pid is None or unit.holds(pid)):
            unit.stop()
            return pid is not None
        if pid is None:
            return False
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if lock_holder(self._lock) != pid:  # the number was given to another process in between
                return False
            for number, seconds in ((signal.SIGTERM, timeout_seconds), (signal.SIGKILL, 5.0)):
                signal.pidfd_send_signal(descriptor, number)
                if _ends_within(descriptor, seconds):
                    return True
        except ProcessLookupError:
            return True
        finally:
            os.close(descriptor)
        raise OperatorError(f"cannot stop containerd: process {pid} does not end, not even by SIGKILL")

    def _bound_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            self._log.replace(self._log.with_name(self._log.name + ".1"))
