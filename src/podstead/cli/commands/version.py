"""`podstead version`: this program's and the agent's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead import __version__
from podstead.cli.answers import decode
from podstead.cli.client import OWN, AgentClient, AgentUnreachableError
from podstead.cli.command import Command
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


class _Agent(msgspec.Struct):
    version: str = ""


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command; an agent that does not answer is told, and no failure."""
    form = format_of(given, Format.JSON, Format.YAML)
    agent, why = "", ""
    try:
        agent = decode(AgentClient(endpoint.socket).get(f"{OWN}/status"), _Agent).version
    except AgentUnreachableError as error:
        why = str(error)
    if form is Format.TABLE:
        say([f"podstead {__version__}", f"agent    {printable(agent) if agent else 'unknown: ' + printable(why)}"])
        return 0
    document: Json = {"client": {"version": __version__}, "agent": {"version": agent} if agent else None}
    say_document(document, form)
    return 0


COMMAND = Command(
    usage="version",
    summary="Print the versions of this program and of the agent.",
    run=run,
    options=(output_option(Format.JSON, Format.YAML),),
)
