"""What an index is made of: the files that the command line names, read and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.checked import Checked, Unreadable
from podstead.cli.checking import Rules, check_files, check_objects
from podstead.cli.manifest_url import shown_url, url_reason
from podstead.cli.options import UsageError
from podstead.cli.output import tell
from podstead.cli.signatures import read_content
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.signing.index import entry_of
from podstead.sources.names import INDEX_PAIR, is_manifest_name, signed_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from podstead.cli.options import Given
    from podstead.signing.index import Entry

ANY_NODE = "node"
"""Stands for the node's name while manifests are judged: it is part of pods' names, and the index may be for many nodes."""


def manifests_of(directory: Path) -> Mapping[str, bytes]:
    """Return the manifests of a directory by name; what is none is told. Raises OperatorError: a node would refuse one."""
    rules = Rules(node_name=ANY_NODE, strict=False, as_kubelet=False)
    _refuse_faulty(directory, check_files([str(directory)], rules) if directory.is_dir() else ())
    return _contents(directory)


def objects_of(directory: Path) -> Mapping[str, bytes]:
    """Return the files of an objects directory by name. Raises OperatorError: a node would refuse one."""
    found, _ = check_objects(directory, strict=False)
    _refuse_faulty(directory, found)
    return _contents(directory)


def contents_of(directory: Path) -> Mapping[str, bytes]:
    """Return the files of a directory that could be manifests, unjudged, by name. Raises OperatorError."""
    return _contents(directory)


def _contents(directory: Path) -> Mapping[str, bytes]:
    try:
        names = sorted(entry.name for entry in directory.iterdir() if is_manifest_name(entry.name))
    except OSError as error:
        raise OperatorError(f"cannot read {directory}: {error.strerror or error}") from None
    return {name: read_content(str(directory / name)) for name in names}


def _refuse_faulty(directory: Path, found: Sequence[Checked | Unreadable]) -> None:
    """Tell what is left out, and refuse what no node would run: whoever signs it has not meant it."""
    faulty: list[str] = []
    for one in found:
        if isinstance(one, Unreadable):
            raise OperatorError(one.why)
        name = Path(one.path).name
        if one.verdict == "Ignored" and name not in INDEX_PAIR and signed_name(name) is None:
            tell(printable(f"{one.path}: left out: {one.messages[0].message}"))
        if one.verdict == "Rejected":
            faulty += (message.as_line(one.path) for message in one.messages)
    if faulty:
        head = f"cannot sign {directory}: a node would refuse what is in it"
        raise OperatorError("\n".join((head, *faulty)))


def named_files(given: Given, flag: str) -> Mapping[str, Entry]:
    """Return the entries of a repeated flag `PATH`, or `PATH=FILE` where the bytes lie elsewhere than on the node."""
    return _entries(flag, (_split(word) for word in given.each(flag)))


def url_bodies(given: Given) -> Mapping[str, Entry]:
    """Return the entries of `--url URL=FILE`; a URL is named as verdicts name it, without its query."""
    pairs: list[tuple[str, str]] = []
    for word in given.each("url"):
        url, equals, file = word.rpartition("=")
        if not equals or not file:
            raise UsageError("--url must be URL=FILE: the file holds what the URL will give")
        if (problem := url_reason(url)) is not None:
            raise UsageError(f"--url {problem}")
        pairs.append((shown_url(url), file))
    return _entries("url", pairs)


def _split(word: str) -> tuple[str, str]:
    name, equals, file = word.partition("=")
    return (name, file) if equals else (word, word)


def _entries(flag: str, pairs: Iterable[tuple[str, str]]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for name, file in pairs:
        if name in found:
            raise UsageError(f"--{flag}: {printable(name)} is named twice")
        found[name] = entry_of(read_content(file))
    return found
