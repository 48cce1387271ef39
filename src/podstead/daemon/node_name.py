"""The node keeps the name that it began with; what the machine is called may change under it, also while it runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from podstead.server.port import Problem


def machine_name() -> str:
    """Return what the machine is called at this moment, as a node's name is written."""
    return socket.gethostname().strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedName:
    """The name that the agent was started with: somebody's word, or the machine's own where nobody said one."""

    name: str
    machine: str
    """What the machine was called then."""

    def at(self, machine: str) -> str:
        """Return the name that would be asked for on a machine that is called so now."""
        return machine if self.name == self.machine else self.name


def name_problem(asked: AskedName, *, kept: str, machine: str) -> Problem | None:
    """Say that the node's name is another than the machine's; None while it is not."""
    now = asked.at(machine)
    if now == kept:
        return None
    return Problem(
        reason="NodeNameChanged",
        message=f"this machine is called {now} now; the node and its pods keep the name {kept}",
        advice=f"say --hostname-override={kept}, or use another --root-dir for a node {now}",
    )
