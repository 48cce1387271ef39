"""`podstead completion`: a script that lets a shell complete commands, flags and names; and what such a script asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.options import Takes, UsageError, nearest
from podstead.cli.output import say
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

SHELLS = {"bash": "podstead.bash", "zsh": "_podstead", "fish": "podstead.fish"}
"""Each shell's script, by the name under which the shell looks for it."""
SCRIPTS = Path(__file__).parent.parent / "shells"


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature
    """Run the command."""
    word = given.words[0] if given.words else ""
    if len(given.words) != 1 or word not in SHELLS:
        near = nearest(word, SHELLS) if word else ""
        hint = f": did you mean podstead completion {near}?" if near else f": podstead completion {'|'.join(SHELLS)}"
        raise UsageError(f"say for which shell{hint}")
    say(script(word))
    return 0


def script(shell: str) -> str:
    """Return a shell's script."""
    return (SCRIPTS / SHELLS[shell]).read_text(encoding="utf-8").rstrip("\n")


def answer(words: Sequence[str]) -> Iterator[str]:
    """Yield what a shell is to offer for the last of the words after `podstead`, a line each: the word, a tab, its help.

    The last line says what else may stand there: `:files`, `:directories` or `:none`.
    """
    import os

    from podstead.cli.completions import PATHS, asked
    from podstead.cli.endpoint import endpoint_of

    wanted = asked(words)
    choices = wanted.choices
    if not choices and wanted.takes not in {Takes.TEXT, *PATHS}:
        from podstead.cli.known_names import known_names

        choices = known_names(wanted, endpoint_of(wanted.given, os.environ).socket)
    for choice in choices:
        # A word that would have to be quoted is no name of ours.
        if choice.word.startswith(wanted.typed) and choice.word.isprintable() and " " not in choice.word:
            yield f"{wanted.lead}{choice.word}\t{printable(choice.help)}"
    yield {Takes.FILE: ":files", Takes.DIRECTORY: ":directories"}.get(wanted.takes, ":none")


COMMAND = Command(
    usage=f"completion {'|'.join(SHELLS)}",
    summary="Print a script that lets a shell complete commands, flags and the names of what runs.",
    run=run,
    words=(tuple(SHELLS),),
    notes=(
        "The names of pods, namespaces, containers and revisions come from the agent, where one answers.\n"
        "The Debian package has the scripts in their places. Without it:\n\n"
        "  bash  source <(podstead completion bash)\n"
        "  zsh   podstead completion zsh >/usr/local/share/zsh/site-functions/_podstead\n"
        "  fish  podstead completion fish >~/.config/fish/completions/podstead.fish"
    ),
)
