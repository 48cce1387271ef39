"""`podstead run`: the agent in the foreground."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.cli.command import Command
from podstead.cli.configuration import Host, configure
from podstead.cli.output import say, tell
from podstead.cli.run_flags import parse_run_flags, usage
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.config.settings import Settings


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; run's own flags name the socket
    """Run the command: `given.rest` are the arguments as typed."""
    flags = parse_run_flags(list(given.rest or ()))
    if flags.switches.get("help"):
        say(usage())
        return 0
    if flags.switches.get("version"):
        say(f"podstead {__version__}")
        return 0
    configured = configure(flags, Host(name=socket.gethostname(), environ=os.environ))
    for remark in configured.remarks:
        tell(printable(remark))
    if unused := configured.settings.unused:
        tell(printable(f"accepted, but not used here: {', '.join(unused)}"))
    if os.geteuid() != 0:
        raise OperatorError("podstead run must be root: it mounts, makes cgroups and runs containers")
    return _start(configured.settings)


def _start(settings: Settings) -> int:
    from podstead.daemon.run import run_agent

    return run_agent(settings)


COMMAND = Command(usage="run [FLAGS]", summary="Keep the static pods of a directory running.", run=run)
