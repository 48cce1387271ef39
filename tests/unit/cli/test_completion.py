"""Completion: what is offered at a cursor, and that each shell, typed into on a terminal, does with it what its users know."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli.commands.completion import SHELLS, answer
from podstead.cli.completions import asked
from podstead.cli.main import COMMANDS
from podstead.cli.options import Takes
from podstead.cli.run_flags import BOOLEAN_FLAGS, VALUE_FLAGS
from podstead.server.port import ImageReport
from tests.unit.cli.objects import fill
from tests.unit.cli.typing_shell import typing_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.unit.cli.conftest import LocalShell, Shell
    from tests.unit.cli.typing_shell import TypingShell

PROGRAMS = Path(sys.executable).parent
MYSQL = ("-n", "kube-system")
MAX_SECONDS = 20


def offered(*words: str) -> list[str]:
    """Return the words that are offered, or what else may stand there."""
    *lines, directive = answer(words)
    found = [line.partition("\t")[0] for line in lines]
    return [*found, directive] if directive != ":none" else found


def test_every_command_and_every_flag_is_offered() -> None:
    assert offered("") == [entry.name for entry in COMMANDS]
    for entry in COMMANDS:
        if entry.name == "run":
            assert offered("run", "-") == [f"--{name}" for name in (*VALUE_FLAGS, *BOOLEAN_FLAGS)]
        else:
            assert offered(entry.name, "-") == [f"--{option.name}" for option in entry.load().all_options]


def test_what_a_flag_or_a_word_is_called_says_what_is_offered() -> None:
    """A file, a directory, a namespace or a pod in the usage that a shell would not complete was forgotten."""
    named = {"FILE": Takes.FILE, "PATH": Takes.FILE, "DIR": Takes.DIRECTORY, "NS": Takes.NAMESPACE}
    for entry in COMMANDS:
        command = entry.load()
        for option in command.all_options:
            assert option.takes is named.get(option.value, option.takes), (entry.name, option.name)
            assert option.value or not (option.choices or option.takes is not Takes.TEXT), (entry.name, option.name)
        if command.usage.startswith(f"{entry.name} POD"):
            assert command.words[:1] == (Takes.POD,), entry.name
            assert command.many == ("POD…" in command.usage), entry.name


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("st",), ["status", "stop", "start", "stop-all"]),
        (("xyzzy", ""), []),
        (("help", "hi"), ["history"]),
        (("--root-dir", "/x", "vers"), ["version"]),
        (("--root-dir", ""), [":directories"]),
        (("get", "c"), ["configmaps"]),
        (("get", "pods", "-o", ""), ["wide", "json", "yaml", "name"]),
        (("get", "pods", "-wo", "j"), ["json"]),
        (("get", "pods", "--output=y"), ["--output=yaml"]),
        (("history", "web", "-o="), ["-o=json", "-o=yaml"]),
        (("apply", "--filename", ""), [":files"]),
        (("apply", "--wait", "--filename=x"), [":files"]),
        (("check", "a.yaml", ""), [":files"]),
        (("image", ""), ["ls", "pull", "import", "rm"]),
        (("image", "import", ""), [":files"]),
        (("completion", ""), list(SHELLS)),
        (("run", "--oci-runtime", "r"), ["runc"]),
        (("run", "-v", "4", "--conf"), ["--config"]),
        (("exec", "web", "--", ""), []),
        (("status", "--out", "--nonsense=", "--he"), ["--help"]),
        (("get", "pods", "--namespace", "a", "--namesp"), []),
        ((), [entry.name for entry in COMMANDS]),
    ],
)
def test_what_stands_at_the_cursor(words: tuple[str, ...], found: list[str]) -> None:
    assert offered(*words) == found


def test_what_was_typed_before_counts() -> None:
    given = asked(("exec", "-itn", "shop", "-cmain", "--nonsense", "")).given
    assert (given.value("namespace"), given.has("stdin"), given.has("tty")) == ("shop", True, True)


async def told(shell: Shell, *words: str) -> list[str]:
    *lines, directive = (await shell("__complete", "--", "--socket", str(shell.node.path), *words)).out.splitlines()
    assert directive == ":none"
    return lines


async def names(shell: Shell, *words: str) -> list[str]:
    return [line.partition("\t")[0] for line in await told(shell, *words)]


@pytest.fixture
def quiet_border(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The shell, whose commands begin with `__complete` as a script's do."""
    from podstead.cli.main import main

    monkeypatch.setattr("tests.unit.cli.conftest.main", lambda words: main(words[2:]))
    fill(shell.node)
    return shell


async def test_names_come_from_the_agent(quiet_border: Shell) -> None:
    shell = quiet_border
    assert await told(shell, "logs", *MYSQL, "") == ["mysql\tRunning"]
    assert await names(shell, "logs", *MYSQL, "mysql-") == ["mysql-node1"]
    assert await names(shell, "get", "pods", *MYSQL, "my") == ["mysql"]
    assert await names(shell, "get", *MYSQL, "pod/m") == ["pod/mysql"]
    assert await names(shell, "describe", "node", "") == ["node1"]
    assert await names(shell, "describe", "file", "m") == ["mysql.yaml"]
    assert await names(shell, "delete", *MYSQL, "mysql", "") == []
    assert "kube-system" in await names(shell, "get", "pods", "-n", "kube")
    assert await names(shell, "get", "pods", "--namespace=kube") == ["--namespace=kube-system"]
    assert await told(shell, "logs", *MYSQL, "mysql", "-c", "") == ["mysql\tmysql:5.7.39"]
    assert await names(shell, "logs", *MYSQL, "mysql", "") == ["mysql"]
    assert await names(shell, "logs", "nobody", "-c", "") == []
    assert await names(shell, "get", "nonsense", "") == []


async def test_images_are_offered_where_one_is_removed(quiet_border: Shell) -> None:
    name = "docker.io/library/busybox:1"
    quiet_border.node.agent.held["sha256:1"] = ImageReport(id="sha256:1", tags=(name,), size=1)
    assert await names(quiet_border, "image", "rm", "docker") == [name]
    assert await names(quiet_border, "image", "pull", "docker") == []


def test_without_an_agent_nothing_is_said(local: LocalShell, tmp_path: Path) -> None:
    result = local("__complete", "--", "--socket", str(tmp_path / "none"), "logs", "")
    assert (result.code, result.out, result.err) == (0, ":none\n", "")


def test_an_agent_that_does_not_answer_holds_nobody_up(local: LocalShell, short_directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(short_directory / "s"))
        deaf.listen()
        begun = time.monotonic()
        result = local("__complete", "--", "--socket", str(short_directory / "s"), "logs", "")
        assert time.monotonic() - begun < MAX_SECONDS
    assert (result.out, result.err) == (":none\n", "")


@pytest.mark.parametrize(
    ("program", "words"),
    [("bash", ("-n",)), pytest.param("shellcheck", ("-s", "bash"), marks=pytest.mark.program("shellcheck"))],
)
def test_the_script_of_bash_is_clean(program: str, words: Sequence[str], local: LocalShell, tmp_path: Path) -> None:
    script = tmp_path / "podstead"
    script.write_text(local("completion", "bash").out)
    done = subprocess.run([program, *words, script], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


BASH = ("bash", "--norc", "--noprofile", "-i")
ZSH = ("zsh", "-f", "-i")


async def typed(shell: Shell, command: Sequence[str], drive: Callable[[TypingShell], None], home: Path) -> None:
    """Let somebody type into a shell that finds podstead, the agent of the test and two files."""
    fill(shell.node)
    (home / "web.yaml").touch()
    (home / "conf.d").mkdir()
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "HOME": str(home),
        "TERM": "dumb",
        "PS1": "$ ",
        "LC_ALL": "C.UTF-8",
        "PODSTEAD_SOCKET": str(shell.node.path),
    }

    def run() -> None:
        with typing_shell(command, environment, str(home)) as one:
            drive(one)

    await asyncio.wait_for(asyncio.to_thread(run), 100)


def the_same_keys_everywhere(one: TypingShell) -> None:
    """Each line is taken back (^U) once it was completed."""
    for keys, until in (
        ("podstead hist\t", r"podstead history "),
        ("podstead logs -n kube-s\t", r"kube-system "),
        ("podstead logs -n kube-system my\t", r"system mysql "),
        ("podstead logs --namespace=kube-s\t", r"--namespace=kube-system "),
        ("podstead apply -f we\t", r"-f web.yaml "),
        ("podstead check --objects-dir=con\t", r"--objects-dir=conf.d/"),
    ):
        one.type(keys, until)
        one.type("\x15", "")


async def test_bash(shell: Shell, tmp_path: Path) -> None:
    def drive(one: TypingShell) -> None:
        one.line(
            "bind 'set enable-bracketed-paste off'; bind 'set completion-display-width 0'; source <(podstead completion bash)"
        )
        the_same_keys_everywhere(one)
        one.type("podstead get \t\t", r"configmaps\s+events\s+files\s+namespaces\s+nodes\s+pods\s+secrets")

    await typed(shell, BASH, drive, tmp_path)


@pytest.mark.program("zsh")
async def test_zsh(shell: Shell, tmp_path: Path) -> None:
    def drive(one: TypingShell) -> None:
        one.line(
            "unsetopt zle_bracketed_paste; autoload -U compinit && compinit -u -D; source <(podstead completion zsh)"
        )
        the_same_keys_everywhere(one)

    await typed(shell, ZSH, drive, tmp_path)


@pytest.mark.program("fish")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("podstead hist", "history\tshow the revisions of a pod"),
        ("podstead logs -n kube-s", "kube-system\tActive"),
        ("podstead logs -n kube-system ", "mysql\tRunning"),
        ("podstead logs --namespace=kube-s", "--namespace=kube-system\tActive"),
        ("podstead apply -f we", "web.yaml"),
        ("podstead check --objects-dir=con", "--objects-dir=conf.d/\tDirectory"),
    ],
)
async def test_fish(shell: Shell, tmp_path: Path, line: str, found: str) -> None:
    """Fish says by itself what it would offer."""
    fill(shell.node)
    (tmp_path / "web.yaml").touch()
    (tmp_path / "conf.d").mkdir()
    process = await asyncio.create_subprocess_exec(
        *("fish", "--no-config", "-c", f"source (podstead completion fish | psub); complete -C '{line}'"),
        env={
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PODSTEAD_SOCKET": str(shell.node.path),
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert found in [text.rstrip("\t") for text in out.decode().splitlines()]
