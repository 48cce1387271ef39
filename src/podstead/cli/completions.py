"""What can stand at the cursor of an unfinished command line. Pure: it reads the tables of the commands, asks nobody.

Forgiving where the commands are strict: half a line is wrong in many ways, and what follows may mend them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.cli.command import GLOBAL_OPTIONS
from podstead.cli.main import COMMANDS, VERSION
from podstead.cli.options import Given, Option, Takes
from podstead.cli.run_flags import run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.cli.command import Command

PATHS = frozenset({Takes.FILE, Takes.DIRECTORY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A word to offer, and what it is in a few more."""

    word: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted at the cursor: one of the choices, or what `takes` says, which another has to find out.

    `typed` is what stands there already, without `lead`, the `--flag=` that belongs before each answer.
    """

    typed: str
    choices: tuple[Choice, ...] = ()
    takes: Takes = Takes.TEXT
    lead: str = ""
    command: str = ""
    given: Given = field(default_factory=Given)


def asked(words: Sequence[str]) -> Asked:
    """Return what the last of the words after `podstead` could be; it may be empty."""
    *before, typed = words or ("",)
    line = _Line()
    for word in before:
        line.take(word)
    return line.at_cursor(typed)


class _Line:
    """What was typed before the cursor."""

    def __init__(self) -> None:
        self._name = ""
        self._command: Command | None = None
        self._options: tuple[Option, ...] = (*GLOBAL_OPTIONS, VERSION)
        self._waiting: Option | None = None
        """The flag whose value comes next."""
        self._closed = False
        """After `--`, and after a command that does not exist, nothing is ours to complete."""
        self._words: list[str] = []
        self._values: dict[str, str] = {}
        self._seen: set[str] = set()

    def take(self, word: str) -> None:
        """Read one whole word."""
        if self._closed:
            return
        if self._waiting is not None:
            self._values[self._waiting.name] = word
            self._waiting = None
        elif word == "--":
            self._closed = True
        elif word.startswith("-") and word != "-":
            self._flag(word)
        elif not self._name:
            self._begin(word)
        else:
            self._words.append(word)

    def at_cursor(self, typed: str) -> Asked:
        """Return what could stand where `typed` does."""
        if self._closed:
            return Asked(typed=typed)
        if self._waiting is not None:
            return self._value(self._waiting, typed)
        name, equals, value = typed.partition("=")
        if equals and name.startswith("-"):
            option = self._option(name)
            return self._value(option, value, f"{name}=") if option else Asked(typed=typed)
        if typed.startswith("-"):
            left = [option for option in self._options if option.repeated or option.name not in self._seen]
            choices = tuple(Choice(word=f"--{option.name}", help=option.help) for option in left)
            return Asked(typed=typed, choices=choices)
        return self._word(typed)

    def _begin(self, word: str) -> None:
        self._name = word
        entry = next((entry for entry in COMMANDS if entry.name == word), None)
        if entry is None:
            self._closed = True
        else:
            self._command = entry.load()
            self._options = run_options() if word == "run" else self._command.all_options

    def _flag(self, word: str) -> None:
        """Note a flag, or the last of several short ones, and whether its value is still to come."""
        name, equals, value = word.partition("=")
        option = self._option(name)
        if option is None and not name.startswith("--"):
            option, value = self._short(name[1:], value)
        if option is None:
            return
        self._seen.add(option.name)
        if not option.value:
            return
        if equals or value:
            self._values[option.name] = value
        elif not option.bare:
            self._waiting = option

    def _short(self, letters: str, value: str) -> tuple[Option | None, str]:
        """Return the option that ends `-it` or begins `-nshop`, and its value."""
        found = None
        for index, letter in enumerate(letters):
            found = self._option(f"-{letter}")
            if found is None or found.value:
                return found, letters[index + 1 :] or value
            self._seen.add(found.name)
        return found, value

    def _option(self, written: str) -> Option | None:
        name = written.lstrip("-")
        if written.startswith("--"):
            return next((option for option in self._options if option.name == name), None)
        return next((option for option in self._options if option.short == name), None)

    def _value(self, option: Option, typed: str, lead: str = "") -> Asked:
        choices = tuple(Choice(word=choice) for choice in option.choices)
        return self._asked(typed, choices, option.takes, lead)

    def _word(self, typed: str) -> Asked:
        if self._command is None:
            return self._asked(typed, commands())
        places, place = self._command.words, len(self._words)
        if place >= len(places):
            if not (self._command.many and places):
                return Asked(typed=typed)
            place = len(places) - 1
        match places[place]:
            case Takes.COMMAND:
                return self._asked(typed, commands())
            case Takes.NAME if self._words[0] == "import":
                return self._asked(typed, (), Takes.FILE)
            case Takes() as takes:
                return self._asked(typed, (), takes)
            case choices:
                kind, slash, name = typed.partition("/")
                if slash and len(places) > 1 and places[1] is Takes.NAME:
                    self._words.append(kind)
                    return self._asked(name, (), Takes.NAME, f"{kind}/")
                return self._asked(typed, tuple(Choice(word=choice) for choice in choices))

    def _asked(self, typed: str, choices: tuple[Choice, ...], takes: Takes = Takes.TEXT, lead: str = "") -> Asked:
        given = Given(words=tuple(self._words), values=self._values, switches=frozenset(self._seen))
        return Asked(typed=typed, choices=choices, takes=takes, lead=lead, command=self._name, given=given)


def commands() -> tuple[Choice, ...]:
    """Return every command with its summary."""
    return tuple(Choice(word=entry.name, help=entry.summary) for entry in COMMANDS)
