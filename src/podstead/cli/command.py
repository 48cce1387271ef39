"""What a command is: its flags, its help and the function that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.cli.options import Option, Takes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

GLOBAL_OPTIONS = (
    Option(
        name="socket",
        value="PATH",
        help="the agent's socket (default /run/podstead/podstead.sock, $PODSTEAD_SOCKET)",
        takes=Takes.FILE,
    ),
    Option(
        name="root-dir",
        value="DIR",
        help="the agent's root directory: short for --socket DIR/podstead.sock",
        takes=Takes.DIRECTORY,
    ),
    Option(name="help", short="h", help="print this and exit"),
)
NAMESPACE = Option(
    name="namespace", short="n", value="NS", help="the namespace (default: default)", takes=Takes.NAMESPACE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `usage` begins with its name; `run` returns the exit code and raises PodsteadError.

    `words` says what its words are, for a shell to complete: one place each, a tuple being all that can stand there. Of
    `many` the last place is any number of words.
    """

    usage: str
    summary: str
    run: Callable[[Given, Endpoint], int]
    options: tuple[Option, ...] = ()
    notes: str = ""
    words: tuple[Takes | tuple[str, ...], ...] = ()
    many: bool = False

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Its own flags and the global ones."""
        return (*self.options, *GLOBAL_OPTIONS)


def help_text(command: Command) -> str:
    """Return what `podstead COMMAND --help` prints."""
    parts = [f"usage: podstead {command.usage}", "", command.summary, ""]
    parts += option_lines(command.all_options)
    if command.notes:
        parts += ["", command.notes]
    return "\n".join(parts)


def option_lines(options: Sequence[Option]) -> list[str]:
    """Return a line for each flag, aligned."""
    heads = [_head(option) for option in options]
    width = max(len(head) for head in heads)
    return [f"  {head.ljust(width)}  {option.help}" for head, option in zip(heads, options, strict=True)]


def _head(option: Option) -> str:
    short = f"-{option.short}, " if option.short else "    "
    value = f"[={option.value}]" if option.bare else f" {option.value}" if option.value else ""
    return f"{short}--{option.name}{value}"
