"""The command line against the real API room over a socket, with a simulated agent behind it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli.main import main
from tests.support.api import Node, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@dataclass
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands against a node."""

    node: Node
    capture: pytest.CaptureFixture[str]

    async def __call__(self, *arguments: str) -> Result:
        """Run a command in a thread: it blocks, and the server needs the loop."""
        self.capture.readouterr()
        async with asyncio.timeout(20):
            code = await asyncio.to_thread(main, ["--socket", str(self.node.path), *arguments])
        printed = self.capture.readouterr()
        return Result(code, printed.out, printed.err)

    async def program(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a command as a program of its own; returns its exit code, output and errors as bytes."""
        command = [sys.executable, "-m", "podstead", "--socket", str(self.node.path), *arguments]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        async with asyncio.timeout(20):
            out, err = await process.communicate(stdin)
        return process.returncode or 0, out, err


@pytest.fixture
def short_directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def shell(short_directory: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with serving(short_directory) as node:
        yield Shell(node, capsys)


@pytest.fixture
def local(capsys: pytest.CaptureFixture[str]) -> LocalShell:
    return LocalShell(capsys)


@dataclass
class LocalShell:
    """Runs commands that need no agent."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Result:
        self.capture.readouterr()
        code = main(list(arguments))
        printed = self.capture.readouterr()
        return Result(code, printed.out, printed.err)
