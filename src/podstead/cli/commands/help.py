"""`podstead help`: the overview, or one command's help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.command import Command, help_text
from podstead.cli.options import Takes
from podstead.cli.output import say

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature
    """Run the command."""
    from podstead.cli.main import entry_named, overview

    if not given.words:
        say(overview())
        return 0
    entry = entry_named(given.words[0])
    if entry.name == "run":
        from podstead.cli.run_flags import usage

        say(usage())
    else:
        say(help_text(entry.load()))
    return 0


COMMAND = Command(usage="help [COMMAND]", summary="Explain a command, or list all.", run=run, words=(Takes.COMMAND,))
