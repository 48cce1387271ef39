"""`podstead logs` and `exec` up to the agent's port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.cli.commands.logs import harmless
from podstead.errors import OperatorError
from podstead.k8s import core_v1 as v1
from podstead.store.changes import PODS
from tests.support.api import pod
from tests.unit.cli.objects import fill

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Shell


async def test_a_log_is_copied_byte_by_byte_into_a_file(shell: Shell) -> None:
    fill(shell.node)
    shell.node.agent.logs = [b"one\n", b"\x1b[31mtwo\n\xff\n", b"no end"]
    code, out, err = await shell.program("logs", "mysql", "-n", "kube-system")
    assert (code, out, err) == (0, b"one\n\x1b[31mtwo\n\xff\nno end", b"")


async def test_options_reach_the_agent(shell: Shell) -> None:
    fill(shell.node)
    words = ("-n", "kube-system", "-c", "mysql", "-p", "--tail", "5", "--since=10m", "--timestamps", "-f")
    assert (await shell("logs", "pod/mysql", *words)).code == 0
    asked = shell.node.agent.log_requests[-1]
    assert (asked.namespace, asked.name, asked.container) == ("kube-system", "mysql-node1", "mysql")
    assert (asked.previous, asked.follow, asked.timestamps, asked.tail_lines) == (True, True, True, 5)
    assert asked.since == 1_790_000_000.0 - 600
    assert (await shell("logs", "mysql", "mysql", "-nkube-system", "--tail=-1")).code == 0
    assert shell.node.agent.log_requests[-1].tail_lines is None


@pytest.mark.parametrize("words", [("--tail", "x"), ("--since", "soon"), ("b", "c")])
async def test_wrong_options(shell: Shell, words: tuple[str, ...]) -> None:
    result = await shell("logs", "mysql", *words)
    assert (result.code, len(result.err.splitlines())) == (2, 1)


async def test_all_containers_are_named(shell: Shell) -> None:
    two = pod("web-node1")
    two = v1.Pod(
        metadata=two.metadata,
        spec=v1.PodSpec(containers=(v1.Container(name="a"), v1.Container(name="b")), node_name="node1"),
        status=two.status,
    )
    shell.node.store.put(PODS, two)
    shell.node.agent.logs = [b"x\ny"]
    result = await shell("logs", "web", "--all-containers")
    assert result.out == "[a] x\n[a] y\n[b] x\n[b] y\n"
    followed = await shell("logs", "web", "--all-containers", "-f")
    assert sorted(followed.out.splitlines()) == ["[a] x", "[a] y", "[b] x", "[b] y"]
    unclear = await shell("logs", "web")
    assert (unclear.code, unclear.err) == (
        1,
        "error: a container name must be specified for pod web-node1, choose one of: [a b]\n",
    )


async def test_the_agents_reason_is_passed_on(shell: Shell) -> None:
    fill(shell.node)
    shell.node.agent.log_error = OperatorError('previous terminated container "mysql" in pod "mysql" not found')
    result = await shell("logs", "mysql", "-n", "kube-system", "-p")
    assert (result.code, result.err) == (1, 'error: previous terminated container "mysql" in pod "mysql" not found\n')
    elsewhere = await shell("logs", "mysql")
    assert "there is one in namespace kube-system: add -n kube-system" in elsewhere.err


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain\n", b"plain\n"),
        (b"\x1b[32mgreen\n", b"\x1b[32mgreen\x1b[0m\n"),
        (b"a\tb\r\n", b"a\tb\n"),
        (b"\x1b]0;title\x07\n", b"\\x1b]0;title\\x07\n"),
        (b"real\rfake\n", b"real\\rfake\n"),
        ("\u202eevil\n".encode(), b"\\u202eevil\n"),
        (b"\xff\n", b"\\xff\n"),
        ("数据库\n".encode(), "数据库\n".encode()),
    ],
)
def test_a_terminal_gets_colours_and_nothing_worse(line: bytes, shown: bytes) -> None:
    assert harmless(line) == shown


async def test_exec_asks_the_agent(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("exec", "mysql", "-n", "kube-system", "--", "mysql", "-e", "select 1")
    asked = shell.node.agent.exec_requests[-1]
    assert asked.command == ("mysql", "-e", "select 1")
    assert (asked.name, asked.container, asked.tty, asked.stdin) == ("mysql-node1", "mysql", False, False)
    # Nothing listens at the simulated agent's streaming address: the command's result is an error, and no success.
    assert result.code == 1
    assert result.err.startswith("error: ")


async def test_exec_needs_a_command_and_a_pod(shell: Shell) -> None:
    fill(shell.node)
    for words in ((), ("mysql",), ("mysql", "--"), ("mysql", "x", "--", "y")):
        result = await shell("exec", *words)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
    elsewhere = await shell("exec", "mysql", "--", "true")
    assert (elsewhere.code, "add -n kube-system" in elsewhere.err) == (1, True)


async def test_a_terminal_that_is_none_is_said(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("exec", "-t", "mysql", "-nkube-system", "--", "sh")
    assert result.err.splitlines()[0] == "standard input is not a terminal: going on without one (-t)"
    assert shell.node.agent.exec_requests[-1].tty is False
