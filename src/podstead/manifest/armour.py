"""What stands between a file's bytes and the YAML parser (foundation 7).

The C parser crashes on deep nesting once it builds nodes, and a small file can stand for a huge tree. So only its
*events* are ever asked for, one by one, and every limit is enforced before anything is built from them. JSON is read
by the same parser: it has no recursion that a file could exhaust.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a file may ask of the reader; each is far beyond what a node's manifests need."""

    max_bytes: int = 2**20
    """Size of the file in bytes: a Pod of an API server cannot be larger than 1.5 MiB either."""
    max_depth: int = 64
    """Nesting, aliases followed. The Pod schema itself ends at 12."""
    max_nodes: int = 50_000
    """Scalars, lists and maps, aliases followed: about 500 pods."""
    max_aliases: int = 100
    """Uses of anchors and merge keys."""


class RefusedError(Exception):
    """The bytes cannot be read as a whole; caught where the Reading is made.

    `reason` is the Reading's CamelCase reason; `line` and `column` count from 1, 0 means the whole file.
    """

    def __init__(self, reason: str, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line
        self.column = column


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # UTF-32's marks begin with, or hold, NUL bytes
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 (section 4.1) forbids in a stream; a byte order mark inside the text is among it."""
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_MAX_TAG_DIRECTIVES = 16
"""libyaml compares each %TAG directive with all others: 60,000 of them, 1 MB, keep it busy for a minute."""

_PROBLEMS = (
    ("cannot start any token", "a character that cannot begin a value stands here: put the value in quotes"),
    ("mapping values are not allowed", "a ': ' stands inside an unquoted value, or the line is indented too far"),
    ("did not find expected key", "the indentation differs from the lines above, or a quote is not closed"),
    ("did not find expected '-'", "the indentation differs from the list items above"),
    ("could not find expected ':'", "a key without ':', or a line that is not indented as the text it belongs to"),
    ("unexpected end of stream", "the quotes that open here are never closed"),
    ("expected ',' or ']'", "the list that begins here lacks a comma, or its closing bracket"),
    ("expected ',' or '}'", "the map that begins here lacks a comma, or its closing brace"),
    ("expected <document start>", "text follows the end of a document: check the indentation, or separate with '---'"),
    ("unknown escape character", "a backslash in double quotes begins no known escape: double it or use single quotes"),
    ("invalid Unicode character escape", "a \\u escape names no character"),
)
_UNCLOSED = ("unexpected end of stream", "expected ',' or ']'", "expected ',' or '}'")


def text_of(data: bytes, limits: Limits) -> str:
    """Return the file's text without a leading byte order mark. Raises RefusedError."""
    if len(data) > limits.max_bytes:
        raise RefusedError("TooLarge", f"the file has {len(data)} bytes; at most {limits.max_bytes} are read")
    if data.startswith(_UTF16):
        raise RefusedError("NotText", "the file is UTF-16; save it as UTF-8")
    if (at := data.find(b"\0")) >= 0:
        raise RefusedError(
            "NotText", "the file is binary, or was cut while being written: it holds a NUL byte", *_place(data, at)
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError("NotText", "the file is not UTF-8 from here on", *_place(data, error.start)) from None
    if (found := _UNPRINTABLE.search(text)) is not None:
        before = text[: found.start()].encode()
        message = f"the control character U+{ord(found[0]):04X} stands in the file; remove it, or write it as an escape in quotes"
        raise RefusedError("NotText", message, *_place(before, len(before)))
    return text


def events(text: str, limits: Limits) -> Iterator[yaml.Event]:
    """Yield the parser's events, stopping at the first limit that is passed. Raises RefusedError.

    The limits on nodes and depth count what stands in the file; what aliases add is counted where they are followed.
    """
    if (
        sum(1 for _ in zip(_TAG_DIRECTIVE.finditer(text), range(_MAX_TAG_DIRECTIVES + 1), strict=False))
        > _MAX_TAG_DIRECTIVES
    ):
        raise RefusedError("TooComplex", f"the file has more than {_MAX_TAG_DIRECTIVES} %TAG directives")
    depth = nodes = aliases = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > limits.max_depth:
                    raise too_deep(limits, event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, (yaml.NodeEvent, yaml.DocumentStartEvent)):
                nodes += 1
                if nodes > limits.max_nodes:
                    raise too_complex(limits, event)
            if isinstance(event, yaml.AliasEvent):
                aliases += 1
                if aliases > limits.max_aliases:
                    raise RefusedError("TooComplex", f"more than {limits.max_aliases} aliases", *place_of(event))
            yield event
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from None
    except yaml.YAMLError as error:
        raise RefusedError("InvalidYAML", f"the file is not YAML: {str(error).splitlines()[0][:100]!r}") from None


def place_of(event: yaml.Event) -> tuple[int, int]:
    """Return an event's line and column, counted from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def too_deep(limits: Limits, event: yaml.Event) -> RefusedError:
    """Return the refusal of a nesting beyond the limit."""
    return RefusedError("TooDeep", f"lists and maps are nested more than {limits.max_depth} deep", *place_of(event))


def too_complex(limits: Limits, event: yaml.Event) -> RefusedError:
    """Return the refusal of more nodes than the limit."""
    message = f"the file holds more than {limits.max_nodes} values, aliases followed"
    return RefusedError("TooComplex", message, *place_of(event))


def _syntax(error: yaml.MarkedYAMLError, text: str) -> RefusedError:
    problem = str(error.problem)
    # What is not closed is found where it begins: the parser notices at the end of the file.
    mark = error.context_mark if problem.endswith(_UNCLOSED) else None
    mark = mark or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    if mark is not None and "cannot start any token" in problem:
        stands = text[mark.index : mark.index + 1]
        if stands == "\t":
            return RefusedError("InvalidYAML", "a tab stands in the indentation; YAML wants spaces", line, column)
        return RefusedError("InvalidYAML", f"{stands!r} cannot begin a value: put the value in quotes", line, column)
    for pattern, sentence in _PROBLEMS:
        if pattern in problem:
            return RefusedError("InvalidYAML", f"not YAML: {sentence}", line, column)
    return RefusedError("InvalidYAML", f"not YAML: {problem}", line, column)


def _place(data: bytes, at: int) -> tuple[int, int]:
    """Return line and column, counted from 1, of a byte offset."""
    line = data.count(b"\n", 0, at) + 1
    start = data.rfind(b"\n", 0, at) + 1
    return line, len(data[start:at].decode(errors="replace")) + 1
