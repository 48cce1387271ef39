"""`podstead image`: the images of the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import OWN, TABLE, AgentClient
from podstead.cli.command import Command
from podstead.cli.documents import read_json
from podstead.cli.options import Option, Takes, UsageError, nearest
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.progress import follow_work
from podstead.cli.resources import IMAGES
from podstead.cli.tables import TablePrinter, decode_table
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

FORMATS = (Format.WIDE, Format.JSON, Format.YAML)


class _Removal(msgspec.Struct):
    removed: list[str] = []


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    what, *names = given.words or ("",)
    action = ACTIONS.get(what)
    if action is None:
        near = nearest(what, ACTIONS)
        hint = f": did you mean {near}?" if near else f": take {', '.join(ACTIONS)}"
        raise UsageError(f"there is no 'image {printable(what)}'{hint}" if what else f"say what to do{hint}")
    return action(AgentClient(endpoint.socket), given, names)


def _list(client: AgentClient, given: Given, names: list[str]) -> int:
    if names:
        raise UsageError("'image ls' takes no name")
    form = format_of(given, *FORMATS)
    if form in {Format.JSON, Format.YAML}:
        say_document(read_json(client.get(IMAGES.path())), form)
        return 0
    table = decode_table(client.get(IMAGES.path(), (), TABLE))
    say(TablePrinter(wide=form is Format.WIDE, headers=not given.has("no-headers")).lines(table))
    if not table.rows:
        tell("No images found")
    return 0


def _pull(client: AgentClient, given: Given, names: list[str]) -> int:  # noqa: ARG001 - an action's signature
    return follow_work(client, f"{OWN}/images/pull", {"image": _only(names, "image pull REFERENCE")})


def _import(client: AgentClient, given: Given, names: list[str]) -> int:  # noqa: ARG001 - an action's signature
    archive = Path(_only(names, "image import FILE.tar")).absolute()
    if not archive.is_file():
        raise OperatorError(f"cannot import {archive}: there is no such file")
    return follow_work(client, f"{OWN}/images/import", {"path": str(archive)})


def _remove(client: AgentClient, given: Given, names: list[str]) -> int:  # noqa: ARG001 - an action's signature
    body = client.send("DELETE", IMAGES.path(name=_only(names, "image rm NAME")))
    say(f"removed {printable(name)}" for name in decode(body, _Removal).removed)
    return 0


def _only(names: list[str], usage: str) -> str:
    if len(names) != 1 or not names[0]:
        raise UsageError(f"write: podstead {usage}")
    return names[0]


ACTIONS: dict[str, Callable[[AgentClient, Given, list[str]], int]] = {
    "ls": _list,
    "pull": _pull,
    "import": _import,
    "rm": _remove,
}

COMMAND = Command(
    usage="image ls | pull REFERENCE | import FILE.tar | rm NAME",
    summary="List the runtime's images, pull one from its registry, import one from an archive, or remove one.",
    run=run,
    words=(tuple(ACTIONS), Takes.NAME),
    options=(output_option(*FORMATS), Option(name="no-headers", help="leave the headers out")),
    notes="An image that a pod's revisions need is not removed.",
)
