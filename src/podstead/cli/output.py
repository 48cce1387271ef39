"""Where a command's text goes, and in which form."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.cli.documents import json_text, yaml_text
from podstead.cli.options import Option, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.cli.documents import Json
    from podstead.cli.options import Given


class Format(StrEnum):
    """The values of `-o`."""

    TABLE = ""
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def output_option(*formats: Format) -> Option:
    """Return the flag `-o` for these formats."""
    return Option(name="output", short="o", value="FORMAT", help=", ".join(formats), choices=formats)


def format_of(given: Given, *formats: Format) -> Format:
    """Return the form that was asked for; raises UsageError for one that the command does not have."""
    word = given.value("output")
    if word and word not in formats:
        raise UsageError(f"there is no output format {word!r} here: take {', '.join(formats)}")
    return Format(word)


def say(lines: Iterable[str] | str) -> None:
    """Print lines to standard output, at once."""
    for line in [lines] if isinstance(lines, str) else lines:
        print(line)
    sys.stdout.flush()


def tell(line: str) -> None:
    """Print a remark beside the output, to standard error."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)


def say_document(value: Json, form: Format) -> None:
    """Print a value as JSON or YAML."""
    say(yaml_text(value) if form is Format.YAML else json_text(value))
