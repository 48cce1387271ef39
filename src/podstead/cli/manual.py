"""Manual pages, made from the tables of the commands: `podstead(1)`, one a command, and `podstead.conf(5)`. Pure.

The language is man(7), in ASCII, so that every formatter prints it alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.cli.command import GLOBAL_OPTIONS, Command
from podstead.cli.main import COMMANDS, DEBUG_ENV
from podstead.cli.reference import OWN_FILE
from podstead.cli.run_flags import run_options
from podstead.config.paths import SOCKET_ENV
from podstead.systemd.units import MANIFESTS, OPTIONS_FILE, options_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from podstead.cli.main import Entry
    from podstead.cli.options import Option

ADMINISTRATION = frozenset({"run", "install", "uninstall", "stop-all", "accept-directory"})
"""Commands of section 8; the others, in section 1, look at pods and change them."""
ASCII = str.maketrans({"…": "...", "\u2019": "'", "\u2013": "-", "\u00d7": "x", "≥": ">=", "≤": "<="})
EXIT_STATUS = (
    ("0", "Done."),
    ("1", "Something went wrong; one sentence on standard error says what."),
    ("2", "The command line itself is wrong."),
)
OWN_EXIT_STATUS = {
    "exec": (("other", "The exit code of the command that ran in the container."),),
    "check": (("1", "A file is rejected."), ("2", "A file cannot be read.")),
}
OWN_CONFIGURATION = "/etc/podstead/config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: `name`.`section` with its text."""

    name: str
    section: int
    text: str


def pages(date: str) -> tuple[Page, ...]:
    """Return every page; `date` (2026-01-31) stands at their feet."""
    return (
        _overview(date),
        *(_command(entry, date) for entry in COMMANDS),
        _configuration(date),
    )


def _overview(date: str) -> Page:
    lines = [_section("SYNOPSIS"), ".B podstead", ".I COMMAND", "[FLAGS]"]
    lines += [
        _section("DESCRIPTION"),
        "Keep a node's static pods running, without a cluster: what lies in a directory of",
    ]
    lines += ["Kubernetes Pod manifests runs through a CRI runtime, is kept healthy, changed when its file changes,"]
    lines += ["and stopped when the file goes.", ".PP"]
    lines += ["The agent is", _reference("podstead-run", 8, ";"), "every other command asks it by its local socket."]
    lines += [_section("COMMANDS")]
    for entry in COMMANDS:
        lines += [".TP", _reference(f"podstead-{entry.name}", _section_of(entry.name)), _text(entry.summary)]
    lines += [_section("OPTIONS"), *_options(GLOBAL_OPTIONS), _section("EXIT STATUS"), *_tagged(EXIT_STATUS)]
    lines += [_section("ENVIRONMENT")]
    lines += _tagged(
        ((SOCKET_ENV, "The agent's socket, where no flag names it."), (DEBUG_ENV, "1 adds the traceback to an error."))
    )
    lines += [_section("SEE ALSO"), _reference("podstead-run", 8, ","), _reference("podstead.conf", 5)]
    return _page("podstead", 1, "keep a node's static pods running, without a cluster", date, lines)


def _command(entry: Entry, date: str) -> Page:
    command, name = entry.load(), f"podstead-{entry.name}"
    options = run_options() if entry.name == "run" else command.all_options
    lines = [_section("SYNOPSIS"), ".B podstead " + _text(entry.name)]
    if usage := command.usage.removeprefix(entry.name).strip():
        lines.append(_text(usage))
    lines += [_section("DESCRIPTION"), _text(command.summary), *_paragraphs(_notes(entry, command))]
    lines += [_section("OPTIONS"), *_options(options)]
    lines += [_section("EXIT STATUS"), *_tagged(dict((*EXIT_STATUS, *OWN_EXIT_STATUS.get(entry.name, ()))).items())]
    lines += [_section("SEE ALSO"), _reference("podstead", 1, ","), _reference("podstead.conf", 5)]
    return _page(name, _section_of(entry.name), entry.summary, date, lines)


def _notes(entry: Entry, command: Command) -> str:
    if entry.name == "run":
        return "Every other flag of the kubelet (1.18 to 1.36) is accepted, listed once and not used."
    return command.notes


def _configuration(date: str) -> Page:
    lines = [
        _section("DESCRIPTION"),
        f"The service reads its options from {_text(str(OPTIONS_FILE))}; they are those of",
    ]
    lines += [_reference("podstead-run", 8, "."), "The file is an", _reference("systemd.exec", 5), "EnvironmentFile:"]
    lines += [*_example(options_text()), ".PP", f"Manifests lie in {_text(str(MANIFESTS))} unless an option says else."]
    lines += ["A drop-in of podstead.service", "(systemctl edit podstead) may set the options as well."]
    lines += [".PP", f"What has no flag stands in {_text(OWN_CONFIGURATION)}, each key of which may be left out:"]
    lines += _example(OWN_FILE)
    lines += [_section("FILES")]
    lines += _tagged(
        (
            (str(OPTIONS_FILE), "Options of the service."),
            (OWN_CONFIGURATION, "Our own settings."),
            (str(MANIFESTS), "Manifests. Whoever can write here is root."),
        )
    )
    lines += [_section("SEE ALSO"), _reference("podstead-run", 8, ","), _reference("systemctl", 1)]
    return _page("podstead.conf", 5, "options and settings of the agent", date, lines)


def _section_of(command: str) -> int:
    return 8 if command in ADMINISTRATION else 1


def _page(name: str, section: int, purpose: str, date: str, lines: Sequence[str]) -> Page:
    head = [f'.TH "{_text(name.upper())}" "{section}" "{date}" "podstead {__version__}" "Podstead"']
    head += [_section("NAME"), f"{_text(name)} \\- {_text(purpose)}"]
    return Page(name=name, section=section, text="\n".join([*head, *lines, ""]))


def _section(title: str) -> str:
    return f".SH {title}"


def _reference(name: str, section: int, mark: str = "") -> str:
    return f".BR {_text(name)} ({section}){mark}"


def _options(options: Iterable[Option]) -> list[str]:
    lines = []
    for option in options:
        short = f"\\fB\\-{option.short}\\fR, " if option.short else ""
        value = f"[=\\fI{option.value}\\fR]" if option.bare else f" \\fI{option.value}\\fR" if option.value else ""
        lines += [".TP", f"{short}\\fB\\-\\-{_text(option.name)}\\fR{value}", _text(option.help)]
    return lines


def _tagged(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for tag, text in rows for line in (".TP", f".B {_text(tag)}", _text(text))]


def _paragraphs(text: str) -> list[str]:
    """Return notes as paragraphs; lines that begin with blanks are examples and keep their form."""
    lines: list[str] = []
    for block in filter(None, text.split("\n\n")):
        lines.append(".PP")
        example = False
        for line in block.split("\n"):
            if line.startswith(" ") != example:
                example = not example
                lines.append(".EX" if example else ".EE")
            lines.append(_text(line))
        lines += [".EE"] if example else []
    return lines


def _example(text: str) -> list[str]:
    return [".PP", ".EX", *map(_text, text.rstrip("\n").split("\n")), ".EE"]


def _text(text: str) -> str:
    """Return a text as roff prints it: no character steers the formatter, and a hyphen can be copied as typed."""
    plain = text.translate(ASCII).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{plain}" if plain.startswith(".") else plain
