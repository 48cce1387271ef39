"""Waits until the article's MySQL answers a client, telling what it waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.checks import PORT
from demo.client import ClientNetwork, QueryError, Server, container_process, query
from demo.errors import DemoError
from podstead.cli.client import AgentUnreachableError, ApiRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.node import Node
    from demo.places import Places
    from podstead.k8s import core_v1 as v1

ANSWER_SECONDS = 240.0
"""A first start takes 3 s here; where the configuration comes late, the liveness probe needs 55 s to notice."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A server that has answered, and the way to ask it more."""

    network: ClientNetwork
    process: int
    server: Server

    def query(self, sql: str) -> list[list[str]]:
        """Return the rows of a query; raises `QueryError`."""
        return query(self.network, self.process, self.server, sql)


def wait_for_login(
    node: Node, places: Places, network: ClientNetwork, server: Server, say: Callable[[str], None], *, seconds: float
) -> Session:
    """Wait until a client can log in.

    Raises:
        DemoError: it cannot within the time, or the manifest is refused: with what was last seen.
    """
    deadline = time.monotonic() + seconds
    told = ""
    while (begin := time.monotonic()) < deadline:
        seen, process = _look(node, places)
        if process is not None:
            session = Session(network=network, process=process, server=server)
            try:
                session.query("SELECT 1")
            except QueryError as error:
                seen = f"{seen}; the client is told: {error}"
            else:
                return session
        if seen != told:
            say(seen)
            told = seen
        # On a slow processor a client that asks without a pause would take what the server needs to start.
        time.sleep(max(_LOOK_SECONDS, 2 * (time.monotonic() - begin)))
    raise DemoError(
        f"no client could log in at {server.address}:{PORT} within {seconds:.0f} s ({told}): "
        f"see 'podstead status', 'podstead logs -n kube-system mysql-NODE' and {places.data}/error.log; "
        f"where a firewall guards this machine, let port {PORT} in"
    )


def server_address(reported: str, network: ClientNetwork) -> str:
    """Return the node's address as the client reaches it: on a machine without any, the end of the client's cable."""
    return network.gateway if not reported or reported.startswith("127.") or ":" in reported else reported


def _look(node: Node, places: Places) -> tuple[str, int | None]:
    """Return what there is to see of the pod, and a process of its running container."""
    try:
        pod = node.pod()
        if pod is None or pod.status is None:
            report = node.file(places.manifest)
            if report is not None and report.verdict == "Rejected":
                raise DemoError(f"{places.manifest} is refused: {'; '.join(m.message for m in report.messages)}")
            return "the agent has not made the pod yet", None
    except (AgentUnreachableError, ApiRefusedError) as error:
        return str(error), None
    return _describe(pod, pod.status)


def _describe(pod: v1.Pod, status: v1.PodStatus) -> tuple[str, int | None]:
    name = pod.metadata.name
    if not status.container_statuses:
        return f"pod {name}: {status.phase} {status.reason or ''}".rstrip(), None
    container = status.container_statuses[0]
    state = container.state
    if state is not None and state.waiting is not None:
        return f"pod {name}: {state.waiting.reason}: {state.waiting.message or ''}".rstrip(": "), None
    if state is None or state.running is None:
        return f"pod {name}: its container has ended, restarts: {container.restart_count}", None
    process = container_process((container.container_id or "").rpartition("/")[2] or "none")
    return f"pod {name}: running, restarts: {container.restart_count}", process
