"""`podstead completion`: a script that lets bash complete commands, flags and resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.options import UsageError
from podstead.cli.output import say

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature
    """Run the command."""
    if given.words not in {(), ("bash",)}:
        raise UsageError("only bash is known: podstead completion bash")
    say(script())
    return 0


def script() -> str:
    """Return the script: the tables of this program, written out."""
    from podstead.cli.main import COMMANDS
    from podstead.cli.resources import RESOURCES
    from podstead.cli.run_flags import BOOLEAN_FLAGS, VALUE_FLAGS

    lines = ["# bash completion of podstead: source <(podstead completion bash)", "_podstead() {"]
    lines += ["  local word=${COMP_WORDS[COMP_CWORD]} words"]
    lines += ['  if [ "$COMP_CWORD" -eq 1 ]; then', f"    words='{' '.join(e.name for e in COMMANDS)}'", "  else"]
    lines += ["    case ${COMP_WORDS[1]} in"]
    resources = " ".join(resource.name for resource in RESOURCES)
    for entry in COMMANDS:
        if entry.name == "run":
            flags = [f"--{name}" for name in (*VALUE_FLAGS, *BOOLEAN_FLAGS)]
        else:
            flags = [f"--{option.name}" for option in entry.load().all_options]
        more = {"get": f" {resources}", "describe": " pod node", "image": " ls pull import rm"}.get(entry.name, "")
        lines.append(f"    {entry.name}) words='{' '.join(flags)}{more}' ;;")
    lines += [
        "    *) words='' ;;",
        "    esac",
        "  fi",
        '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")',
        "}",
    ]
    lines.append("complete -o default -F _podstead podstead")
    return "\n".join(lines)


COMMAND = Command(
    usage="completion bash",
    summary="Print a completion script for bash.",
    run=run,
    notes="Use it at once: source <(podstead completion bash)",
)
