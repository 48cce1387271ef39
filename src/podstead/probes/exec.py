"""exec: a command in the container that ends with code 0 is a success."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from podstead.errors import DeadlineFault, RuntimeFault
from podstead.identity import ContainerID
from podstead.k8s.expansion import expand
from podstead.k8s.text import blotted
from podstead.probes.attempt import MAX_OUTPUT, SUCCEEDED, Attempt, Result
from podstead.state.runtime import ExecResult

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

ExecSync = Callable[[ContainerID, tuple[str, ...], float], Awaitable[ExecResult]]
"""Runs a command in a container: id, argument vector, seconds it may take from this call on. Raises RuntimeFault,
DeadlineFault when the time ran out."""

ANSWER_SECONDS = 10.0
"""How long after the command's own time the runtime may still take to say so; then the runtime is at fault."""


async def probe(
    exec_sync: ExecSync,
    container: ContainerID,
    action: v1.ExecAction,
    env: Mapping[str, str],
    hidden: Sequence[tuple[str, str]],
    timeout: float,  # noqa: ASYNC109 - a probe's own setting
) -> Attempt:
    """Run the command once; `timeout` in seconds, counted from the call. No shell; `$(NAME)` from literal values only.

    No message has a value of `env` or of `hidden`, whose labels stand in their places.
    """
    command = tuple(expand(word, env) for word in action.command)
    result = await run(exec_sync, container, command, env, hidden, timeout)
    if isinstance(result, Attempt):
        return result
    if result.exit_code == 0:
        return SUCCEEDED
    output = _redact((result.stdout + result.stderr).decode("utf-8", "replace").strip(), command, env, hidden)
    return Attempt(Result.FAILURE, output[:MAX_OUTPUT] or f"the command ended with code {result.exit_code}")


async def run(
    exec_sync: ExecSync,
    container: ContainerID,
    command: tuple[str, ...],
    env: Mapping[str, str],
    hidden: Sequence[tuple[str, str]],
    timeout: float,  # noqa: ASYNC109 - the handler's own setting
) -> ExecResult | Attempt:
    """Return what the command ended with, or the attempt where it did not run to its end."""
    try:
        async with asyncio.timeout(timeout + ANSWER_SECONDS):
            return await exec_sync(container, command, timeout)
    except DeadlineFault:
        return Attempt(Result.FAILURE, f"the command did not end within {timeout:g} s")
    except TimeoutError:
        return Attempt(Result.DISREGARDED, "the runtime did not say how the command ended")
    except RuntimeFault as error:
        if error.transient:
            return Attempt(Result.DISREGARDED, "the runtime could not be reached")
        return Attempt(Result.ERROR, _redact(f"cannot run the command: {error}", command, env, hidden)[:MAX_OUTPUT])


def _redact(text: str, command: tuple[str, ...], env: Mapping[str, str], hidden: Sequence[tuple[str, str]]) -> str:
    """Return the text without environment values and words of the command that it repeats (foundation 24)."""
    labels = ("[command]", *("[argument]" for _ in command[1:]))
    return blotted(
        text, [*((value, f"[{name}]") for name, value in env.items()), *hidden, *zip(command, labels, strict=True)]
    )
