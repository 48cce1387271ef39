"""`podstead accept-directory`: root's word that the manifest directory is right as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import OWN, AgentClient
from podstead.cli.command import Command
from podstead.cli.output import say
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


class _Answer(msgspec.Struct):
    message: str = ""


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature
    """Run the command."""
    body = AgentClient(endpoint.socket).send("POST", f"{OWN}/accept-directory")
    say(printable(decode(body, _Answer).message))
    return 0


COMMAND = Command(
    usage="accept-directory",
    summary="Take the manifest directory as it is now for the true one.",
    run=run,
    notes=(
        "When the directory was replaced, unmounted or reads empty, the agent keeps its pods and waits.\n"
        "This tells it that nothing is amiss: pods whose files are not there are stopped."
    ),
)
