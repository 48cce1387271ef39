"""Reads an index as strictly as something that is root's word has to be read.

Nothing in it may be taken in two ways or passed over: a key that stands twice or that nobody knows, a number that is no
integer, a name that could be spelt otherwise. Python's own reader does the syntax and hands over objects as pairs, so that
duplicates are still there to be refused; msgspec's keeps the last of them without a word.
"""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from podstead.k8s.text import printable
from podstead.signing.index import API_VERSION, KIND, MAX_BYTES, MAX_VERSION, TABLES, Entry, Expiry, Index
from podstead.signing.patterns import MAX_LENGTH
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_ENTRIES = 10_000
"""In one table; a node holds hundreds of pods."""
MAX_NODES = 1000
MAX_NODE_NAME = 254
"""A DNS name's longest, with the `!` of a pattern that is negated."""
MAX_FILE_NAME = 255
"""The file system's own limit, in bytes."""
MAX_PATH = 4096
MAX_DIGITS = 16
"""Of a number: those of MAX_VERSION."""
SHOWN = 60
"""So many characters of a word are repeated in an error."""

_KEYS = ("apiVersion", "kind", "node", "version", "issued", "expires", "expiry", "floor", *TABLES, "policy", "images")
_REQUIRED = ("apiVersion", "kind", "node", "version", "issued", "expires", "files")
_HEX = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_NODE = re.compile(r"!?[a-z0-9*?]([-a-z0-9.*?]*[a-z0-9*?])?")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")


class _Pairs(tuple[tuple[str, object], ...]):
    """An object as it is written, duplicates and all."""

    __slots__ = ()


def read_index(data: bytes) -> Index:
    """Return the index of a document. Raises MalformedError with the place: a field's path, or a line and column.

    It takes time and memory in proportion to the bytes, of which there may be MAX_BYTES.
    """
    document = _parsed(data)
    if not isinstance(document, _Pairs):
        raise MalformedError("it is not one JSON object")
    fields = _object(document, "")
    for name in fields:
        if name not in _KEYS:
            raise MalformedError(f"{_shown(name)} is no field of an index; known are {', '.join(_KEYS)}")
    for name in _REQUIRED:
        if name not in fields:
            raise MalformedError(f"{name} is missing")
    _exactly(fields, "apiVersion", API_VERSION)
    _exactly(fields, "kind", KIND)
    version = _integer(fields["version"], "version", least=1)
    issued, expires = _time(fields["issued"], "issued"), _time(fields["expires"], "expires")
    if expires <= issued:
        raise MalformedError("expires: it is not later than issued")
    return Index(
        nodes=_nodes(fields["node"]),
        version=version,
        issued=issued,
        expires=expires,
        expiry=_expiry(fields.get("expiry", str(Expiry.SOFT))),
        floor=_integer(fields.get("floor", 0), "floor", least=0, most=version),
        files=_contents(fields, "files", _file_fault),
        objects=_contents(fields, "objects", _file_fault),
        policy=_entry(fields["policy"], "policy") if "policy" in fields else None,
        profiles=_contents(fields, "profiles", _profile_fault),
        urls=_contents(fields, "urls", _url_fault),
        host_files=_contents(fields, "hostFiles", path_fault),
        images=_images(fields),
    )


def _parsed(data: bytes) -> object:
    if len(data) > MAX_BYTES:
        raise MalformedError(f"it is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"it is not UTF-8: byte {error.start}") from None
    try:
        return json.loads(
            text, object_pairs_hook=_Pairs, parse_int=_number, parse_float=_no_number, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        said = error.msg[0].lower() + error.msg[1:]
        raise MalformedError(f"line {error.lineno}, column {error.colno}: it is no JSON: {said}") from None
    except RecursionError:
        raise MalformedError("it is nested too deep") from None


def _number(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_DIGITS or digits == "-0":
        raise MalformedError(f"{digits[:SHOWN]} is no number that can stand in an index")
    return int(digits)


def _no_number(text: str) -> float:
    raise MalformedError(f"{text[:SHOWN]} is no integer: other numbers do not stand in an index")


def _object(value: object, path: str) -> dict[str, object]:
    """Return an object's members; duplicates are refused here, where the path is known."""
    if not isinstance(value, _Pairs):
        raise MalformedError(f"{path}: an object is due")
    members = dict(value)
    if len(members) != len(value):
        twice = _twice([name for name, _ in value])
        raise MalformedError(f"{path}: {_shown(twice)} stands twice" if path else f"{_shown(twice)} stands twice")
    return members


def _twice(names: list[str]) -> str:
    """Return the first name that was there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            break
        seen.add(name)
    return name


def _exactly(fields: dict[str, object], name: str, due: str) -> None:
    if fields[name] != due:
        raise MalformedError(f"{name}: {due!r} is due")


def _integer(value: object, path: str, *, least: int, most: int = MAX_VERSION) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise MalformedError(f"{path}: an integer from {least} to {most} is due")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"{path}: a string is due")
    return value


def _time(value: object, path: str) -> int:
    text = _text(value, path)
    with suppress(ValueError):
        if _TIME.fullmatch(text):
            return int(datetime.fromisoformat(text).timestamp())
    raise MalformedError(f"{path}: a time is written as in 2026-01-31T12:00:00Z")


def _expiry(value: object) -> Expiry:
    try:
        return Expiry(_text(value, "expiry"))
    except ValueError:
        raise MalformedError("expiry: soft or hard is due") from None


def _nodes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise MalformedError("node: a list of names or patterns is due, one at least")
    if len(value) > MAX_NODES:
        raise MalformedError(f"node: it has {len(value)} entries, and {MAX_NODES} are the most")
    for number, one in enumerate(value):
        text = _text(one, f"node[{number}]")
        if len(text) > MAX_NODE_NAME or not _NODE.fullmatch(text):
            raise MalformedError(f"node[{number}]: {_shown(text)} is neither a node's name nor a pattern with * and ?")
    if len(",".join(value)) > MAX_LENGTH:
        raise MalformedError(f"node: it is longer than {MAX_LENGTH} characters")
    if len(set(value)) != len(value):
        raise MalformedError("node: an entry stands twice")
    return tuple(value)


def _contents(fields: dict[str, object], table: str, fault: Callable[[str], str]) -> Mapping[str, Entry]:
    if table not in fields:
        return {}
    members = _table(fields[table], table)
    found: dict[str, Entry] = {}
    for name, value in members.items():
        if said := fault(name):
            raise MalformedError(f"{table}: {_shown(name)} {said}")
        found[name] = _entry(value, f"{table}[{_shown(name)}]")
    return found


def _table(value: object, path: str) -> dict[str, object]:
    members = _object(value, path)
    if len(members) > MAX_ENTRIES:
        raise MalformedError(f"{path}: it has {len(members)} entries, and {MAX_ENTRIES} are the most")
    return members


def _entry(value: object, path: str) -> Entry:
    members = _object(value, path)
    if members.keys() != {"sha256", "size"}:
        raise MalformedError(f"{path}: sha256 and size are due, and nothing else")
    digest = _text(members["sha256"], f"{path}.sha256")
    if not _HEX.fullmatch(digest):
        raise MalformedError(f"{path}.sha256: 64 lower-case hexadecimal digits are due")
    return Entry(sha256=digest, size=_integer(members["size"], f"{path}.size", least=0))


def _images(fields: dict[str, object]) -> Mapping[str, str]:
    if "images" not in fields:
        return {}
    found: dict[str, str] = {}
    for name, value in _table(fields["images"], "images").items():
        if len(name) > MAX_FILE_NAME or not _IMAGE.fullmatch(name):
            raise MalformedError(f"images: {_shown(name)} is no image reference")
        digest = _text(value, f"images[{_shown(name)}]")
        if not _DIGEST.fullmatch(digest):
            raise MalformedError(f"images[{_shown(name)}]: sha256: and 64 lower-case hexadecimal digits are due")
        found[name] = digest
    return found


def _text_fault(name: str) -> str:
    """Return why a name is not one that everybody reads and writes alike; empty: it is."""
    if not name.isprintable():
        return "holds a character that cannot be seen"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's normal form NFC"
    return ""


def _file_fault(name: str) -> str:
    if not name or name.startswith("."):
        return "is no file's name" if not name else "begins with a dot, and such a file is never read"
    if "/" in name:
        return "holds a slash: write the file's name alone"
    if fault := _text_fault(name):
        return fault
    return f"is longer than {MAX_FILE_NAME} bytes" if len(name.encode()) > MAX_FILE_NAME else ""


def path_fault(name: str) -> str:
    """Return why a text is not an absolute path in its only spelling; empty: it is."""
    return _file_path_fault(name) if name.startswith("/") else "is no absolute path"


def _profile_fault(name: str) -> str:
    return _file_path_fault(name if name.startswith("/") else f"/{name}")


def _file_path_fault(name: str) -> str:
    if any(part in {"", ".", ".."} for part in name[1:].split("/")):
        return "holds an empty part, '.' or '..': a path is written in one way only"
    if fault := _text_fault(name):
        return fault
    return f"is longer than {MAX_PATH} bytes" if len(name.encode()) > MAX_PATH else ""


def _url_fault(name: str) -> str:
    if len(name) > MAX_PATH or not _URL.fullmatch(name):
        return "is no URL"
    return ""


def _shown(name: str) -> str:
    return repr(printable(name[:SHOWN]))
