"""What the housekeeping last found of the node; the API reads it, nobody waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.daemon.node_name import AskedName
    from podstead.server.port import Problem
    from podstead.state.runtime import RuntimeInfo


@dataclass(slots=True, kw_only=True)
class NodeState:
    """`started_at` is Unix seconds; `ready` is what /readyz says; `address` is the node's IP.

    `runtime` is None while the runtime does not answer, `last_runtime` is what it said when it last did.
    `asked` is the name that the agent was started with; the node's own is in the settings.
    """

    started_at: float
    asked: AskedName
    runtime: RuntimeInfo | None = None
    last_runtime: RuntimeInfo | None = None
    problems: tuple[Problem, ...] = ()
    ready: bool = False
    address: str = ""
