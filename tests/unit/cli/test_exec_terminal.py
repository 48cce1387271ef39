"""`podstead exec` with a real pseudo-terminal, a pipe and a file for its input."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

from tests.unit.cli.exec_server import ExecServer

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_SECONDS = 20.0


def program(path: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "podstead", "--socket", str(path), "exec", *words]


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Return what comes up to and with `wanted`."""
    got, end = b"", time.monotonic() + DEADLINE_SECONDS
    while wanted not in got:
        assert time.monotonic() < end, got
        if select.select([descriptor], [], [], 0.5)[0]:
            got += os.read(descriptor, 4096)
    return got


def resize(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_a_terminal_is_raw_follows_the_window_and_is_restored(short_directory: Path) -> None:
    master, slave = pty.openpty()
    resize(master, 100, 30)
    before = termios.tcgetattr(slave)
    with ExecServer(short_directory / "s", code=5) as server:
        process = subprocess.Popen(
            program(server.path, "-it", "web", "-c", "main", "--", "sh"), stdin=slave, stdout=slave, stderr=slave
        )
        try:
            assert read_until(master, b"<100x30>")
            assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
            os.write(master, b"ab\x03")  # Ctrl-C is the container's, and a line need not end to be sent
            assert b"AB\x03" in read_until(master, b"\x03")
            resize(master, 120, 40)
            process.send_signal(signal.SIGWINCH)
            assert read_until(master, b"<120x40>")
            os.write(master, b"exit")
            shown = read_until(master, b"exit code 5")
            assert process.wait(DEADLINE_SECONDS) == 5
        finally:
            process.kill()
            process.wait()
        assert b"EXIT" in shown
        assert server.sizes == [(100, 30), (120, 40)]
        query = "command=sh&container=main&stdin=true&stdout=true&tty=true"
        assert server.target == f"/api/v1/namespaces/default/pods/web/exec?{query}"
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_the_terminal_is_restored_when_it_is_told_to_end(short_directory: Path) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with ExecServer(short_directory / "s") as server:
        process = subprocess.Popen(
            program(server.path, "-it", "web", "--", "sh"), stdin=slave, stdout=slave, stderr=slave
        )
        try:
            assert read_until(master, b">")
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 128 + signal.SIGTERM
        finally:
            process.kill()
            process.wait()
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_a_pipe_and_its_end_reach_the_command(short_directory: Path) -> None:
    with ExecServer(short_directory / "s") as server:
        command = program(server.path, "-i", "pod/web", "-n", "shop", "--", "tr", "a-z", "A-Z")
        done = subprocess.run(command, input=b"hello\n", capture_output=True, check=False, timeout=DEADLINE_SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"HELLO\n", b"")
    assert server.target.startswith(
        "/api/v1/namespaces/shop/pods/web/exec?command=tr&command=a-z&command=A-Z&stdin=true"
    )
    assert server.target.endswith("stdout=true&stderr=true")


def test_a_file_for_its_input_and_its_exit_code(short_directory: Path) -> None:
    file = short_directory / "input"
    file.write_bytes(b"x" * 200_000)
    with ExecServer(short_directory / "s", code=3) as server, file.open("rb") as stdin:
        done = subprocess.run(
            program(server.path, "-i", "web", "--", "cat"), stdin=stdin, capture_output=True, check=False, timeout=20
        )
    assert (done.returncode, done.stdout) == (3, b"X" * 200_000)
    assert done.stderr == b"command terminated with exit code 3\n"
