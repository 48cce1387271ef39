"""Units of systemd as systemd reads them: drop-ins in their order, lists that an empty line clears, variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.inspection.words import assignments, environment_file, expand, split_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

UNIT_PATHS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units lie, the weightiest first (systemd.unit(5))."""
_PREFIXES = "@-:+!|"
"""What may stand before the program of an ExecStart= line (systemd.service(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFile:
    """A file of variables that a unit names; one that is `optional` may be missing. The path may hold wildcards."""

    path: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a unit and its drop-ins say together."""

    commands: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[EnvironmentFile, ...] = ()
    directory: str = "/"


def drop_in_directories(name: str) -> tuple[str, ...]:
    """Return the names of the directories whose `*.conf` add to a unit, the most general first."""
    stem, _, kind = name.rpartition(".")
    parts = stem.split("-")
    cut = [f"{'-'.join(parts[:count])}-.{kind}.d" for count in range(1, len(parts))]
    template = [f"{stem.partition('@')[0]}@.{kind}.d"] if "@" in stem else []
    return (f"{kind}.d", *cut, *template, f"{name}.d")


def read_service(texts: Iterable[str]) -> Service:
    """Return what the unit's text and its drop-ins', in their order, come to."""
    commands: list[str] = []
    files: list[EnvironmentFile] = []
    environment: dict[str, str] = {}
    directory = "/"
    for text in texts:
        for section, key, value in _settings(text):
            if section != "Service":
                continue
            match key:
                case "ExecStart":
                    commands = [*commands, value] if value else []
                case "Environment":
                    environment = {**environment, **dict(assignments(value))} if value else {}
                case "EnvironmentFile":
                    named = EnvironmentFile(path=value.removeprefix("-"), optional=value.startswith("-"))
                    files = [*files, named] if value else []
                case "WorkingDirectory":
                    directory = value.removeprefix("-") or "/"
                case _:
                    pass
    return Service(commands=tuple(commands), environment=environment, files=tuple(files), directory=directory)


def variables(service: Service, files: Iterable[str]) -> dict[str, str]:
    """Return the environment of a unit's program: files win over `Environment=`, later ones over earlier ones."""
    found = dict(service.environment)
    for text in files:
        found.update(environment_file(text))
    return found


def command_line(command: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that an `ExecStart=` line starts, the program first; what is no command gives none."""
    bare = command.lstrip(_PREFIXES)
    prefixes = command[: len(command) - len(bare)]
    words = split_words(bare)
    if not words:
        return ()
    program, arguments = words[0], words[2:] if "@" in prefixes else words[1:]
    given = arguments if ":" in prefixes else expand(arguments, environment)
    return tuple(word.replace("%%", "%") for word in (program, *given))


def _settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of each line; a backslash joins a line to the next, comments in between fall out."""
    section, pending = "", ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        whole = pending + (stripped if pending else line.lstrip())
        if whole.endswith("\\"):
            pending = f"{whole[:-1]} "
            continue
        pending, whole = "", whole.strip()
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif "=" in whole:
            key, _, value = whole.partition("=")
            yield section, key.strip(), value.strip()
