"""Entry point of the command line: the table of commands, and the border where every error becomes one sentence."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import GLOBAL_OPTIONS, Command, help_text, option_lines
from podstead.cli.endpoint import endpoint_of
from podstead.cli.options import Given, Option, UsageError, nearest, read_options
from podstead.errors import PodsteadError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

DEBUG_ENV = "PODSTEAD_DEBUG"
COMPLETE = "__complete"
"""What the completion scripts call: everything behind it is somebody's unfinished command line."""
VERSION = Option(name="version", help="print the version and exit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the table: the module is imported only when its command is typed."""

    name: str
    module: str
    summary: str

    def load(self) -> Command:
        """Import the command."""
        command = importlib.import_module(f"podstead.cli.commands.{self.module}").COMMAND
        if not isinstance(command, Command):
            raise TypeError(f"{self.module}.COMMAND is not a Command")
        return command


OTHER_WORDS = {
    "events": "get events",
    "files": "get files",
    "images": "image list",
    "node": "describe node",
    "nodes": "get nodes",
    "pods": "get pods",
    "ps": "get pods",
    "top": "status",
}
"""What is typed for a command that has another name here."""

COMMANDS = (
    Entry(name="run", module="run", summary="run the agent: keep the static pods of a directory running"),
    Entry(name="status", module="status", summary="show this node on one screen, and what to type next"),
    Entry(name="get", module="get", summary="show pods, nodes, events, namespaces, files, ConfigMaps or Secrets"),
    Entry(name="describe", module="describe", summary="show everything about a pod, a file or the node"),
    Entry(name="logs", module="logs", summary="print the log of a container"),
    Entry(name="exec", module="exec", summary="run a command in a container"),
    Entry(name="apply", module="apply", summary="check manifests and put them into the manifest directory"),
    Entry(name="delete", module="delete", summary="take a pod out of the manifest directory"),
    Entry(name="history", module="history", summary="show the revisions of a pod"),
    Entry(name="diff", module="diff", summary="show what differs between revisions, and what that restarts"),
    Entry(name="rollback", module="rollback", summary="let a pod run an earlier revision"),
    Entry(name="restart", module="restart", summary="restart a pod's containers, one after another"),
    Entry(name="stop", module="stop", summary="stop a pod until it is started again, also over a reboot"),
    Entry(name="start", module="start", summary="start a pod that was stopped"),
    Entry(name="check", module="check", summary="judge manifest files offline; nothing is run"),
    Entry(name="sign", module="sign", summary="sign manifest files, or the index of a whole set, with an SSH key"),
    Entry(
        name="inspect", module="inspect", summary="report what is wrong with this node's static pods, whoever runs them"
    ),
    Entry(name="policy", module="policy", summary="read a node's policy file, and say what it makes of manifests"),
    Entry(
        name="guard",
        module="guard",
        summary="publish only verified manifests for a kubelet, or watch over its directory",
    ),
    Entry(name="verify", module="verify", summary="say whose signature stands under each file, and whether it counts"),
    Entry(name="keys", module="keys", summary="list whom a file of allowed signers trusts, and until when"),
    Entry(
        name="trust",
        module="trust",
        summary="show what the node trusts, give its floor, lower its mode, change its signers",
    ),
    Entry(name="allow", module="allow", summary="let a manifest through for a while that nobody signed (break-glass)"),
    Entry(name="quarantine", module="quarantine", summary="show the refused files that were put away, or put one back"),
    Entry(name="audit", module="audit", summary="show what was done here, and verify that the record of it is whole"),
    Entry(name="image", module="image", summary="list, pull, import or remove images"),
    Entry(
        name="accept-directory",
        module="accept_directory",
        summary="take the manifest directory as it is now for the true one",
    ),
    Entry(name="stop-all", module="stop_all", summary="stop every pod and the private runtime"),
    Entry(name="install", module="install", summary="make the agent a service of systemd"),
    Entry(name="uninstall", module="uninstall", summary="take the service away again, and its pods"),
    Entry(name="version", module="version", summary="print the versions of this program and of the agent"),
    Entry(name="completion", module="completion", summary="print a completion script for bash, zsh or fish"),
    Entry(name="help", module="help", summary="explain a command"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for what went wrong, 2 for a wrong command line."""
    _open_streams()
    try:
        code = run_command(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _drop_output()  # what reads it has enough (`| head`)
        return 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - the border: no traceback ever reaches a user
        return _explain(error)
    return code


def _open_streams() -> None:
    """See that both outputs are there and take every character: a closed one is None, an ASCII one would raise."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _drop_output() -> None:
    """Let what was not written go: the interpreter would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; raises what went wrong."""
    if list(arguments[:1]) == [COMPLETE]:
        return _complete(arguments[1:])
    before, left = read_options(arguments, (*GLOBAL_OPTIONS, VERSION), help_of="podstead", stop_at_word=True)
    if before.has("version"):
        left = ("version",)
    if before.has("help") or not left:
        print(overview())
        return 0 if before.has("help") else 2
    entry = entry_named(left[0])
    command = entry.load()
    if entry.name == "run":
        # The kubelet's flags are read by the kubelet's rules, not by ours.
        return command.run(Given(rest=(*_as_flags(before), *left[1:])), endpoint_of(before, os.environ))
    given, _ = read_options(left[1:], command.all_options, help_of=f"podstead {entry.name}")
    given = Given(
        words=given.words,
        values={**before.values, **given.values},
        lists=given.lists,
        switches=before.switches | given.switches,
        rest=given.rest,
    )
    if given.has("help"):
        print(help_text(command))
        return 0
    return command.run(given, endpoint_of(given, os.environ))


def _complete(arguments: Sequence[str]) -> int:
    from podstead.cli.commands.completion import answer

    print("\n".join(answer(arguments[1:] if list(arguments[:1]) == ["--"] else arguments)))
    return 0


def entry_named(word: str) -> Entry:
    """Return the command of this name; raises UsageError with the nearest one."""
    for entry in COMMANDS:
        if entry.name == word:
            return entry
    near = OTHER_WORDS.get(word) or nearest(word, [entry.name for entry in COMMANDS])
    hint = f"did you mean 'podstead {near}'?" if near else "see 'podstead help'"
    raise UsageError(f"unknown command {printable(word)!r}: {hint}")


def overview() -> str:
    """Return what `podstead help` prints."""
    width = max(len(entry.name) for entry in COMMANDS)
    lines = ["usage: podstead COMMAND [FLAGS]", "", "Keep a node's static pods running, without a cluster.", ""]
    lines += [f"  {entry.name.ljust(width)}  {entry.summary}" for entry in COMMANDS]
    lines += ["", "Flags of every command:", *option_lines(GLOBAL_OPTIONS)]
    lines += ["", "'podstead COMMAND --help' explains a command."]
    return "\n".join(lines)


def _as_flags(before: Given) -> list[str]:
    return [f"--{name}={value}" for name, value in before.values.items()]


def _in_journal(text: str) -> str:
    """Return the text as an error of a service, where this is one."""
    from podstead.systemd.journal import STREAM_ENV, prioritised, writes_to_journal

    ours = STREAM_ENV in os.environ and sys.stderr is sys.__stderr__
    return prioritised(text, 3) if ours and writes_to_journal(os.environ, 2) else text


def _explain(error: Exception) -> int:
    """Print an error as text that cannot steer a terminal and return the exit code."""
    if os.environ.get(DEBUG_ENV):
        import traceback

        traceback.print_exception(error)
    match error:
        case PodsteadError():
            text = str(error)
        case OSError():
            _drop_output()
            text = f"cannot {'use ' + str(error.filename) if error.filename else 'go on'}: {error.strerror or error}"
        case _:
            text = (
                f"podstead made a mistake of its own ({type(error).__name__}): "
                f"set {DEBUG_ENV}=1 to see where, and please report it"
            )
    first, *others = text.splitlines() or [""]
    lines = "\n".join([f"error: {printable(first)}", *map(printable, others)])
    print(_in_journal(lines), file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1
