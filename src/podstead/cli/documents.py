"""Objects as JSON and YAML text, safe for a terminal.

Both keep the server's order of fields. Characters that a reader cannot see are written as escapes (foundation 24), and a
parser reads the same values back.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a JSON text says."""

_PLAIN = re.compile(r"[A-Za-z/_.][-A-Za-z0-9/_.+@$%()=]*(?:[ :](?=[-A-Za-z0-9/_.+@$%()=])[-A-Za-z0-9/_.+@$%()=]+)*")
_MEANT = re.compile(
    r"(?:y|n|yes|no|on|off|true|false|null|none|nan|\.nan|\.inf|~|[-+]?[.0-9][-0-9a-fox_:.+]*|\.[0-9a-z]*|=|<<)",
    re.IGNORECASE,
)
"""Words that a YAML reader may take for something else than text."""


def read_json(body: bytes) -> Json:
    """Return what a JSON text says; raises ValueError."""
    value: Json = json.loads(body)
    return value


def json_text(value: Json) -> str:
    """Return indented JSON as kubectl prints it."""
    return _escaped(json.dumps(value, indent=4, ensure_ascii=False))


def json_line(value: Json) -> str:
    """Return JSON on one line."""
    return _escaped(json.dumps(value, ensure_ascii=False))


def yaml_text(value: Json) -> str:
    """Return a YAML document in block style; the last line ends without a line break."""
    return "\n".join(_block(value, 0))


def _escaped(text: str, *, yaml: bool = False) -> str:
    r"""Return JSON text with the invisible characters of its strings as `\uXXXX`; YAML has `\UXXXXXXXX` beside it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escape(ord(c), yaml=yaml) for c in text)


def _escape(code: int, *, yaml: bool) -> str:
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    if yaml:
        return f"\\U{code:08x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _block(value: Json, depth: int) -> list[str]:
    """Return the lines of a value that stands alone at an indent of `depth` blanks."""
    pad = " " * depth
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, item in value.items():
            lines += _after(f"{pad}{_string(key)}:", item, depth, depth + 2)
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *others = _block(item, depth + 2)
                lines += [f"{pad}- {first[depth + 2 :]}", *others]
            else:
                lines += _after(f"{pad}-", item, depth, depth + 2)
        return lines
    return [pad + _scalar(value)]


def _after(head: str, value: Json, depth: int, deeper: int) -> list[str]:
    """Return the lines of a value after its key: lists at the key's own indent, as kubectl writes them."""
    if isinstance(value, dict) and value:
        return [head, *_block(value, deeper)]
    if isinstance(value, list) and value:
        return [head, *_block(value, depth)]
    if isinstance(value, str) and _as_block(value):
        mark = "|" if value.endswith("\n") else "|-"
        return [
            f"{head} {mark}",
            *(" " * deeper + line if line else "" for line in value.removesuffix("\n").split("\n")),
        ]
    return [f"{head} {_scalar(value)}"]


def _as_block(text: str) -> bool:
    """Return whether a text of several lines can be written line by line, each as it is."""
    if "\n" not in text or text[0] in " \n" or text.endswith("\n\n"):
        return False
    return all(line.isprintable() and not line.endswith(" ") for line in text.split("\n"))


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def _string(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _MEANT.fullmatch(text):
        return text
    return _escaped(json.dumps(text, ensure_ascii=False), yaml=True)
