"""Which agent a client command talks to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.options import UsageError
from podstead.config.paths import SOCKET_ENV, Paths, paths_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.cli.options import Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The agent's socket, and its paths where they follow from what was given.

    `paths` is None when only a socket was named: whose root belongs to it, nobody but its agent can tell. `guard` is the state
    directory of a guard where what is asked is meant for it; no agent is asked then.
    """

    socket: Path
    paths: Paths | None
    guard: Path | None = None


def root_of(endpoint: Endpoint) -> Path:
    """Return the root directory of the agent meant; where only its socket was named, it is asked.

    Raises UsageError when nobody tells: --root-dir does without an agent.
    """
    if endpoint.paths is not None:
        return endpoint.paths.root
    from podstead.cli.answers import decode
    from podstead.cli.client import OWN, AgentClient, AgentUnreachableError
    from podstead.server.port import NodeStatusReport

    try:
        root = decode(AgentClient(endpoint.socket).get(f"{OWN}/status"), NodeStatusReport).root
    except AgentUnreachableError:
        root = ""
    if not root:
        raise UsageError(f"no agent at {endpoint.socket} says where its root directory is: give --root-dir")
    return Path(root)


def own_endpoint() -> Endpoint:
    """Return the machine's own agent, whatever the environment says: the one that a service is."""
    paths = paths_for(None)
    return Endpoint(socket=paths.socket, paths=paths)


def endpoint_of(given: Given, environ: Mapping[str, str]) -> Endpoint:
    """Return the agent that the flags mean, then the environment, then the system's own.

    `--socket` wins over `--root-dir`, and both over the variable PODSTEAD_SOCKET.
    """
    root = given.value("root-dir")
    paths = paths_for(Path(root).absolute()) if root else None
    if named := given.value("socket") or ("" if root else environ.get(SOCKET_ENV, "")):
        return Endpoint(socket=Path(named).absolute(), paths=paths)
    return Endpoint(socket=paths.socket, paths=paths) if paths is not None else own_endpoint()
