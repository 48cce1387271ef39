"""The border: every error one sentence, quiet ends, a quick start."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli import client
from podstead.cli import main as border
from podstead.cli.reference import markdown
from podstead.streaming import exec_client
from tests.unit.cli.objects import fill

if TYPE_CHECKING:
    from tests.unit.cli.conftest import LocalShell, Shell

MAX_START_SECONDS = 0.2
REFERENCE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_reference_is_what_help_prints(local: LocalShell) -> None:
    assert REFERENCE.read_text(encoding="utf-8") == markdown()
    for entry in border.COMMANDS:
        printed = local("run", "--help").out if entry.name == "run" else local(entry.name, "--help").out
        assert f"## podstead {entry.name}\n\n```text\n{printed}```\n" in markdown()
        assert local("help", entry.name).out == printed


def test_no_command_is_an_overview(local: LocalShell) -> None:
    nothing = local()
    assert (nothing.code, nothing.out) == (2, border.overview() + "\n")
    assert (local("--help").code, local("help").code, local("--version").code) == (0, 0, 0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("stats",), "unknown command 'stats': did you mean 'podstead status'?"),
        (("xyzzy",), "unknown command 'xyzzy': see 'podstead help'"),
        (("--sokcet", "x", "status"), "unknown flag --sokcet: did you mean --socket?"),
        (("status", "-Z"), "unknown flag -Z: see 'podstead status --help'"),
        (("completion",), "say for which shell: podstead completion bash|zsh|fish"),
        (("completion", "bsh"), "say for which shell: did you mean podstead completion bash?"),
        (("run", "--pod-manifest-pth=/x"), "unknown flag '--pod-manifest-pth': did you mean --pod-manifest-path?"),
    ],
)
def test_what_is_not_known(local: LocalShell, words: tuple[str, ...], sentence: str) -> None:
    result = local(*words)
    assert (result.out, result.err) == ("", f"error: {sentence}\n")
    assert result.code == 2


def test_no_agent_is_one_sentence(local: LocalShell, tmp_path: Path) -> None:
    path = tmp_path / "none.sock"
    for words in (
        ("get", "pods"),
        ("status",),
        ("logs", "x"),
        ("exec", "x", "--", "y"),
        ("describe", "node"),
        ("image", "ls"),
    ):
        result = local("--socket", str(path), *words)
        assert (result.code, result.err) == (
            1,
            f"error: no agent answers at {path}: start one with 'podstead run', or name its socket with --socket\n",
        )


def test_the_socket_comes_from_flag_root_or_environment(
    local: LocalShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODSTEAD_SOCKET", "/tmp/of-environment.sock")
    assert "at /tmp/of-environment.sock:" in local("status").err
    assert f"at {tmp_path}/podstead.sock:" in local("status", "--root-dir", str(tmp_path)).err
    assert "at /tmp/of-flag.sock:" in local("status", "--root-dir", str(tmp_path), "--socket=/tmp/of-flag.sock").err
    monkeypatch.delenv("PODSTEAD_SOCKET")
    given = local("status", "--socket", "/run/podstead/podstead.sock")
    assert "/tmp/of-" not in given.out + given.err  # an agent of this machine may answer there


def test_an_agent_that_hangs_up_is_one_sentence(local: LocalShell, short_directory: Path) -> None:
    path = short_directory / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        child = os.fork()
        if child == 0:
            connection, _ = listener.accept()
            connection.close()
            os._exit(0)
        result = local("status", "--socket", str(path))
        os.waitpid(child, 0)
    assert (result.code, result.err) == (1, f"error: the agent at {path} ended the connection before its answer\n")


@pytest.mark.parametrize("words", ["get pods", "get pods -w", "logs web", "logs -f web", "exec web -- true"])
def test_an_agent_that_stays_silent_is_not_waited_for_for_ever(
    local: LocalShell, short_directory: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(exec_client, "ACCEPT_SECONDS", 0.1)
    path = short_directory / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        result = local("--socket", str(path), *words.split())
    assert (result.code, result.out) == (1, "")
    assert "did not answer in" in result.err
    assert len(result.err.splitlines()) == 1


def test_a_mistake_of_ours_is_one_sentence_and_a_hint(local: LocalShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("hidden")

    monkeypatch.setattr(border, "run_command", fail)
    result = local("status")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "mistake of its own (ZeroDivisionError): set PODSTEAD_DEBUG=1" in result.err
    assert "hidden" not in result.err
    monkeypatch.setenv("PODSTEAD_DEBUG", "1")
    assert "Traceback" in local("status").err


async def test_a_closed_pipe_is_quiet(shell: Shell) -> None:
    fill(shell.node)
    command = f"{sys.executable} -m podstead --socket {shell.node.path} get pods -A -ojson"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (out, err) == (b"", b"")
    # The reader may be gone before the first byte, or take all of it: both are fine, a traceback is not.
    assert process.returncode in {0, 128 + signal.SIGPIPE}


@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        (">/dev/full", 1, "error: cannot go on: No space left on device\n"),
        (">&-", 0, ""),
        ("2>&- >/dev/null", 0, ""),
    ],
)
def test_outputs_that_take_nothing(redirection: str, code: int, err: str) -> None:
    command = f"{sys.executable} -m podstead help {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (code, err)


def test_an_ascii_terminal_gets_escapes() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "podstead", "get", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ, timeout=20)
    assert done.stdout.startswith("usage: podstead get RESOURCE [NAME\\u2026]\n")


async def test_interruption_is_quiet(shell: Shell) -> None:
    fill(shell.node)
    # A test run in the background of a shell ignores the signal, and so would its children.
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, "-m", "podstead"),
        *("--socket", str(shell.node.path), "get", "pods", "-A", "-w"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, err) == (130, b"")


async def test_it_starts_quickly(shell: Shell) -> None:
    """CPU time, not wall time: the machine may be busy. The best of five, for caches that are not warm yet."""
    fill(shell.node)
    for words in (("get", "pods", "-A"), ("describe", "pod", "-A"), ("status",), ("help",)):
        best = 10.0
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code, _out, err = await shell.program(*words)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert (code, err) == (0, b"")
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert best < MAX_START_SECONDS, words


async def test_a_client_imports_nothing_heavy(shell: Shell) -> None:
    fill(shell.node)
    code = (
        "import sys; from podstead.cli.main import main; main(sys.argv[1:]); "
        "print(sorted({'asyncio', 'grpclib', 'yaml', 'google.protobuf', 'sqlite3'} & set(sys.modules)), file=sys.stderr)"
    )
    for words in (("get", "pods", "-A"), ("describe", "pod", "-A"), ("status",), ("logs", "mysql", "-nkube-system")):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, "--socket", str(shell.node.path), *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), 20)
        assert err == b"[]\n", words
