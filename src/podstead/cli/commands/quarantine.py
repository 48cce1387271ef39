"""`podstead quarantine`: the files that the agent has put away. Reads and writes them itself: it needs no agent, and root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.command import Command
from podstead.cli.documents import read_json
from podstead.cli.endpoint import root_of
from podstead.cli.options import Takes, UsageError, nearest
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.tables import NONE, aligned
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.sources.quarantine import QuarantineFault, cell_of, entries, restore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

HEADINGS = ("NAME", "FILE", "MOVED", "REASON", "WRITER")


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    what, *words = given.words or ("list",)
    action = ACTIONS.get(what)
    if action is None:
        near = nearest(what, ACTIONS)
        hint = f"did you mean {near}?" if near else f"take {', '.join(ACTIONS)}"
        raise UsageError(f"there is no 'quarantine {printable(what)}': {hint}")
    cell = cell_of(root_of(endpoint))
    try:
        return action(given, cell, words)
    except QuarantineFault as fault:
        raise OperatorError(str(fault)) from fault
    except OSError as error:
        raise OperatorError(f"cannot read {cell}: {error.strerror}") from error


def _list(given: Given, cell: Path, words: list[str]) -> int:
    if words:
        raise UsageError("'quarantine list' takes no name")
    form, found = format_of(given, Format.JSON, Format.YAML), entries(cell)
    if form is not Format.TABLE:
        say_document(read_json(msgspec.json.encode(found)), form)
        return 0
    if not found:
        tell("Nothing is in quarantine")
        return 0
    rows = [(one.id, one.path, one.moved_at, one.reason, one.writer or NONE) for one in found]
    say(aligned([HEADINGS, *(tuple(map(printable, row)) for row in rows)], []))
    return 0


def _restore(given: Given, cell: Path, words: list[str]) -> int:  # noqa: ARG001 - an action's signature
    if len(words) != 1:
        raise UsageError("write: podstead quarantine restore NAME, as 'podstead quarantine list' shows it")
    back = restore(cell, words[0])
    say(printable(f"{back.path} is back; unless what refused it ({back.reason}) has changed, it will be moved again"))
    return 0


ACTIONS: dict[str, Callable[[Given, Path, list[str]], int]] = {"list": _list, "restore": _restore}

COMMAND = Command(
    usage="quarantine [list | restore NAME] [flags]",
    summary="Show the files that the agent has put into quarantine, or put one back where it was.",
    run=run,
    options=(output_option(Format.JSON, Format.YAML),),
    notes="""Files come there with --quarantine, ten seconds after signatures or the policy have refused them.
Beside each lies a JSON file that says when, why, and who is known to have written it.""",
    words=(tuple(ACTIONS), Takes.TEXT),
)
