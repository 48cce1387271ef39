"""Root's word about trust, given to the agent; or written into its state where none runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient, AgentUnreachableError
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from podstead.cli.endpoint import Endpoint
    from podstead.config.paths import Paths
    from podstead.daemon.trusting import TrustDesk
    from podstead.hints import Hints

T = TypeVar("T")


class _Acknowledgement(msgspec.Struct):
    message: str


def order(client: AgentClient, method: str, path: str, body: dict[str, object] | None = None) -> str:
    """Ask the agent for a change and return its sentence."""
    data = msgspec.json.encode(body) if body is not None else None
    return decode(client.send(method, path, data), _Acknowledgement).message


def carry_out(
    endpoint: Endpoint,
    asked: Callable[[AgentClient], T],
    by_hand: Callable[[TrustDesk], Awaitable[T]],
    *,
    changes: bool = True,
) -> T:
    """Return what the agent answers; where none runs, what comes of doing it on its state.

    Raises AgentUnreachableError where no state is to be found either, and OperatorError as the agent would.
    """
    if endpoint.guard is not None:
        return asyncio.run(_for_guard(endpoint.guard, by_hand, changes=changes))
    try:
        return asked(AgentClient(endpoint.socket))
    except AgentUnreachableError as error:
        if isinstance(error.__cause__, PermissionError):
            raise  # the socket is root's, and so is the state: the sentence says so
        if endpoint.paths is None or not (changes or (endpoint.paths.state / "trust").is_dir()):
            raise
    return asyncio.run(_by_hand(endpoint.paths, by_hand))


async def _by_hand(paths: Paths, by_hand: Callable[[TrustDesk], Awaitable[T]]) -> T:
    from podstead.config.paths import paths_for
    from podstead.hints import USUAL, agent_hints
    from podstead.store.instance import lock_root, make_directories

    make_directories(paths)
    hints = USUAL if paths == paths_for(None) else agent_hints(root=str(paths.root))
    with lock_root(paths):  # an agent that starts now waits for nothing: it says that another one is there
        return await _on(paths.state, paths, by_hand, hints)


async def _for_guard(state: Path, by_hand: Callable[[TrustDesk], Awaitable[T]], *, changes: bool) -> T:
    """Do it on a guard's state, whose audit log lies in it; a guard that works knows its record by heart, so it must stop."""
    from podstead.config.paths import paths_for
    from podstead.hints import guard_hints
    from podstead.store.instance import lock_directory

    if not (state / "guard").is_dir():
        raise OperatorError(f"no guard has worked with the state directory {state}: name its own with --state-dir")
    with contextlib.ExitStack() as held:
        if changes:
            advice = "stop it first, and start it afterwards: what it published stays"
            held.enter_context(lock_directory(state, "the guard works with the state directory", advice))
        return await _on(state, paths_for(state), by_hand, guard_hints(str(state)))


async def _on(state: Path, paths: Paths, by_hand: Callable[[TrustDesk], Awaitable[T]], hints: Hints) -> T:
    from podstead.clock import SystemClock
    from podstead.daemon.auditing import recorded_by_hand
    from podstead.daemon.trusting import TrustDesk
    from podstead.store.trust import TrustStore

    clock = SystemClock()
    store = TrustStore(state, wall=lambda: clock.now().wall)
    await store.load()
    with recorded_by_hand(paths, clock) as auditor:
        return await by_hand(TrustDesk(store, clock, auditor, hints=hints))
