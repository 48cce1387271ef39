"""Flags and words of a client command, read as kubectl's users type them.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, switches joined (`-it`), flags and words in any order;
everything after `--` is left as it is. (`podstead run` reads the kubelet's flags by itself: `run_flags`.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TRUTH = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}


class UsageError(PodsteadError):
    """The command line itself is wrong; the text is one sentence, the exit code 2."""


class Takes(Enum):
    """What a word or a flag's value is, as far as a shell can complete it."""

    TEXT = auto()
    """Anything: nothing is offered."""
    FILE = auto()
    DIRECTORY = auto()
    COMMAND = auto()
    POD = auto()
    NAMESPACE = auto()
    CONTAINER = auto()
    """Of the pod that is the first word."""
    REVISION = auto()
    """Of the pod that is the first word."""
    NAME = auto()
    """Of what the first word says: a pod of `get pods`, an image of `image rm`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One flag. `value` names what it takes; empty: a switch.

    `bare` is what a flag means that is written without its value; only `=` gives it another. What is `repeated` is joined
    by commas. `takes` and `choices` tell a shell what to offer; choices are all that there is.
    """

    name: str
    help: str
    short: str = ""
    value: str = ""
    bare: str = ""
    repeated: bool = False
    takes: Takes = Takes.TEXT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was typed. `rest` is what stands after `--`, None where there was none.

    `lists` has each value of a repeated flag by itself, `values` joins them.
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    rest: tuple[str, ...] | None = None

    def value(self, name: str, default: str = "") -> str:
        """Return the value of a flag, `default` where it was not given."""
        return self.values.get(name, default)

    def each(self, name: str) -> tuple[str, ...]:
        """Return the values of a repeated flag, in their order."""
        return self.lists.get(name, ())

    def has(self, name: str) -> bool:
        """Return whether a switch is on."""
        return name in self.switches


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, empty where none is near."""
    import difflib

    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def read_options(
    arguments: Sequence[str], options: Sequence[Option], *, help_of: str, stop_at_word: bool = False
) -> tuple[Given, tuple[str, ...]]:
    """Return what was given and, with `stop_at_word`, the arguments from the first word on.

    `help_of` is the command that an error points to. Raises UsageError.
    """
    reader = _Reader(tuple(options), help_of)
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            reader.rest = tuple(left)
            break
        if argument.startswith("--"):
            reader.take_long(argument[2:], left)
        elif argument.startswith("-") and argument != "-":
            reader.take_short(argument[1:], left)
        elif stop_at_word:
            return reader.given(), (argument, *left)
        else:
            reader.words.append(argument)
    return reader.given(), ()


class _Reader:
    """Collects what was given."""

    def __init__(self, options: tuple[Option, ...], help_of: str) -> None:
        self.words: list[str] = []
        self.rest: tuple[str, ...] | None = None
        self._values: dict[str, str] = {}
        self._lists: dict[str, tuple[str, ...]] = {}
        self._switches: dict[str, bool] = {}
        self._long = {option.name: option for option in options}
        self._short = {option.short: option for option in options if option.short}
        self._help_of = help_of

    def given(self) -> Given:
        switches = frozenset(name for name, on in self._switches.items() if on)
        return Given(words=tuple(self.words), values=self._values, lists=self._lists, switches=switches, rest=self.rest)

    def take_long(self, text: str, left: list[str]) -> None:
        name, equals, value = text.partition("=")
        option = self._long.get(name)
        if option is None:
            near = nearest(name, self._long)
            raise self._unknown(f"--{name}", f"--{near}" if near else "")
        self._take(option, f"--{name}", value if equals else None, left)

    def take_short(self, text: str, left: list[str]) -> None:
        while text:
            letter, text = text[0], text[1:]
            option = self._short.get(letter)
            if option is None:
                raise self._unknown(f"-{letter}", "")
            if option.value or text.startswith("="):
                self._take(option, f"-{letter}", text.removeprefix("=") if text else None, left)
                return
            self._take(option, f"-{letter}", None, left)

    def _take(self, option: Option, written: str, value: str | None, left: list[str]) -> None:
        if not option.value:
            if value is not None and value.lower() not in _TRUTH:
                raise UsageError(f"flag {written} is a switch: write it without a value, or =true or =false")
            self._switches[option.name] = value is None or _TRUTH[value.lower()]
            return
        if value is None and option.bare:
            value = option.bare
        if value is None:
            if not left:
                raise UsageError(f"flag {written} needs a value: {written} {option.value}")
            value = left.pop(0)
        if option.repeated:
            self._lists[option.name] = (*self._lists.get(option.name, ()), value)
        before = self._values.get(option.name) if option.repeated else None
        self._values[option.name] = value if before is None else f"{before},{value}"

    def _unknown(self, written: str, near: str) -> UsageError:
        hint = f"did you mean {near}?" if near else f"see '{self._help_of} --help'"
        return UsageError(f"unknown flag {written}: {hint}")
