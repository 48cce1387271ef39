"""`podstead status`: the node on one screen."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.allowances import Allowances
from podstead.cli.answers import decode
from podstead.cli.client import OWN, AgentClient
from podstead.cli.command import Command
from podstead.cli.documents import read_json
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.cli.overview import Status, overview
from podstead.cli.resources import FILES, PODS
from podstead.k8s import core_v1 as v1  # noqa: TC001 - msgspec resolves the annotation at run time
from podstead.server.port import FileReport  # noqa: TC001 - as above

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


class _Files(msgspec.Struct):
    items: tuple[FileReport, ...] = ()


class _Pods(msgspec.Struct):
    items: tuple[v1.Pod, ...] = ()


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    form = format_of(given, Format.JSON, Format.YAML)
    client = AgentClient(endpoint.socket)
    body = client.get(f"{OWN}/status")
    if form is not Format.TABLE:
        say_document(read_json(body), form)
        return 0
    files = decode(client.get(FILES.path()), _Files).items
    pods = decode(client.get(PODS.path()), _Pods).items
    allowances = decode(client.get(f"{OWN}/allowances"), Allowances).items
    named = (("root-dir", given.value("root-dir")), ("socket", given.value("socket")))
    flags = " ".join(f"--{name} {shlex.quote(value)}" for name, value in named if value)
    say(overview(decode(body, Status), files, pods, flags, allowances))
    return 0


COMMAND = Command(
    usage="status",
    summary="Show the node, its runtime, files and pods on one screen: what is wrong, and what to type next.",
    run=run,
    options=(output_option(Format.JSON, Format.YAML),),
)
