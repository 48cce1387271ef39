"""How the commands that a sentence names are written, so that they reach who says it when they are typed as they stand. Pure.

Without flags a command talks to the machine's usual agent: one with another root directory or socket, and every guard, has
to name itself.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """The beginnings of the commands that sentences about trust and sources name; by default those for the usual agent.

    `stopped` is what has to be so while root's word about trust is given, with a space before it; empty: nothing.
    """

    trust: str = "podstead trust"
    rotate: str = "podstead trust rotate"
    allow: str = "podstead allow"
    keys: str = "podstead keys"
    accept: str = "podstead accept-directory"
    stopped: str = ""


USUAL = Hints()


def agent_hints(*, root: str = "", socket: str = "", signers: str = "") -> Hints:
    """Return the commands that reach an agent; each argument is empty where it is the usual one."""
    flags = [word for flag, value in (("--root-dir", root), ("--socket", socket)) if value for word in (flag, value)]
    return Hints(
        trust=shlex.join(("podstead", *flags, "trust")),
        rotate=shlex.join(("podstead", *flags, "trust", "rotate")),
        allow=shlex.join(("podstead", *flags, "allow")),
        keys=_keys(signers),
        accept=shlex.join(("podstead", *flags, "accept-directory")),
    )


def guard_hints(state: str, *, signers: str = "") -> Hints:
    """Return the commands that reach a guard with this state directory; `signers` is empty where it is the usual file."""
    # An agent that works knows which file is configured; a guard has to be stopped, so the command must be told.
    configured = ("--allowed-signers", signers) if signers else ()
    return Hints(
        trust=shlex.join(("podstead", "trust", "--state-dir", state)),
        rotate=shlex.join(("podstead", "trust", "--state-dir", state, *configured, "rotate")),
        keys=_keys(signers),
        accept=shlex.join(("podstead", "guard", "accept-directory", "--state-dir", state)),
        stopped=" (stop the guard before, and start it after)",
    )


def _keys(signers: str) -> str:
    return shlex.join(("podstead", "keys", *((signers,) if signers else ())))
