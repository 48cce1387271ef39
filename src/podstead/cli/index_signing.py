"""`podstead sign --index`: the signed index of a whole set, written so that its name is the commit point."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.durations import parse_duration
from podstead.cli.index_inputs import manifests_of, named_files, objects_of, url_bodies
from podstead.cli.index_options import LIFETIME
from podstead.cli.options import UsageError
from podstead.cli.output import say, tell
from podstead.cli.signatures import SUFFIX, read_content, replace_files
from podstead.clock import SystemClock
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.signing.index import INDEX_FILE, Expiry, Index, entry_of, timestamp, write_index
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.signing.keys import PublicKey

_DAYS = re.compile(r"([0-9]{1,5})d")
_TABLES = ("objects", "profiles", "urls", "host_files", "images")


def sign_index(given: Given, endpoint: Endpoint, key: PublicKey, sign: Callable[[bytes], bytes]) -> int:
    """Write the index of a set and its signature: 0, or 1 when an image has no digest. Raises OperatorError."""
    from podstead.signing.private import signature_file
    from podstead.signing.provenance import INDEX

    if not given.value("dir"):
        raise UsageError("say which set: podstead sign --index --dir DIR --key KEY")
    if given.words or given.rest:
        raise UsageError("--index signs the whole of --dir: leave the file names out")
    directory = Path(given.value("dir"))
    manifests = manifests_of(directory)
    index = _index(given, _before(directory / INDEX_FILE), manifests)
    if given.has("pin") or given.value("pin-file"):
        from podstead.cli.pins import images_of, resolve

        file = Path(given.value("pin-file")) if given.value("pin-file") else None
        pins = resolve(images_of(manifests.values()), file=file, socket=endpoint.socket)
        for missing in pins.missing:
            tell(f"error: {printable(missing)}: no digest is known of it")
        if pins.missing:
            tell(f"error: nothing is signed: pull these images, or name them with --pin-file{_because(pins.why)}")
            return 1
        index = replace(index, images=pins.found)
    data = _document(index)
    signature = signature_file(key, sign, data, namespace=INDEX)
    target = directory / INDEX_FILE
    replace_files({target.with_name(f"{INDEX_FILE}{SUFFIX}"): signature, target: data})
    say(printable(f"{target}: version {index.version} for {', '.join(index.nodes)}, until {timestamp(index.expires)}"))
    say(f"  {_counted(index)}; signed with {key.short_type} {key.fingerprint}")
    return 0


def _because(why: str) -> str:
    return f" ({why})" if why else ""


def _document(index: Index) -> bytes:
    """Return the index's document. Raises OperatorError for one that no node would read."""
    from podstead.signing.index_reader import read_index

    data = write_index(index)
    try:
        read_index(data)
    except MalformedError as error:
        raise OperatorError(f"cannot sign such a set: {error}") from None
    return data


def _before(path: Path) -> Index | None:
    """Return the index that is there. Raises OperatorError: its version would not be known."""
    from podstead.signing.index_reader import read_index

    if not path.exists():
        return None
    try:
        return read_index(read_content(str(path)))
    except MalformedError as error:
        raise OperatorError(f"cannot read the index before, {path}: {error}; remove it and give --version") from None


def _index(given: Given, before: Index | None, manifests: Mapping[str, bytes]) -> Index:
    issued = int(SystemClock().now().wall)
    index = Index(
        nodes=_nodes(given, before),
        version=_version(given, before),
        issued=issued,
        expires=issued + _lifetime(given.value("expires", LIFETIME)),
        expiry=_expiry(given.value("expiry") or (before.expiry if before else Expiry.SOFT)),
        floor=_number(given, "floor", before.floor if before else 0),
        files={name: entry_of(data) for name, data in manifests.items()},
        objects={name: entry_of(data) for name, data in objects_of(Path(given.value("objects"))).items()}
        if given.value("objects")
        else {},
        policy=entry_of(read_content(given.value("policy"))) if given.value("policy") else None,
        profiles=named_files(given, "profile"),
        urls=url_bodies(given),
        host_files=named_files(given, "host-file"),
    )
    if before is not None:
        _tell_what_is_gone(before, index, pinned=given.has("pin") or bool(given.value("pin-file")))
    return index


def _nodes(given: Given, before: Index | None) -> tuple[str, ...]:
    named = tuple(one for value in given.each("node") for one in value.split(",") if one)
    if not named and before is None:
        raise UsageError("say for which node: --node NAME, or a pattern such as --node 'db-*'")
    return tuple(dict.fromkeys(named)) or (before.nodes if before else ())


def _version(given: Given, before: Index | None) -> int:
    lowest = before.version + 1 if before is not None else 1
    version = _number(given, "version", lowest)
    if version < lowest:
        raise UsageError(f"--version: the index before has version {lowest - 1}, and versions only rise")
    return version


def _number(given: Given, flag: str, default: int) -> int:
    text = given.value(flag)
    if text and not (text.isascii() and text.isdigit() and len(text) < 17):
        raise UsageError(f"--{flag} must be a number, not {text!r}")
    return int(text) if text else default


def _lifetime(text: str) -> int:
    """Return the seconds of `90d`, or of a duration as elsewhere."""
    days = _DAYS.fullmatch(text)
    seconds = int(days[1]) * 86_400 if days else int(parse_duration(text, "--expires"))
    if seconds <= 0:
        raise UsageError("--expires must be more than a second: an index that has expired admits nothing")
    return seconds


def _expiry(text: str) -> Expiry:
    try:
        return Expiry(text)
    except ValueError:
        raise UsageError(f"--expiry must be soft or hard, not {text!r}") from None


def _tell_what_is_gone(before: Index, index: Index, *, pinned: bool) -> None:
    """Say what the index before had of a kind of which this one has nothing: a flag may have been left out."""
    for table in _TABLES:
        if getattr(before, table) and not getattr(index, table) and not (table == "images" and pinned):
            tell(
                f"note: the index before listed {len(getattr(before, table))} {table.replace('_', ' ')}, this one none"
            )
    if before.policy is not None and index.policy is None:
        tell("note: the index before listed a policy, this one none")


def _counted(index: Index) -> str:
    counts = {
        "manifests": len(index.files),
        **{table.replace("_", " "): len(getattr(index, table)) for table in _TABLES},
    }
    counts["policy"] = int(index.policy is not None)
    told = (f"{number} {name if number > 1 else name.removesuffix('s')}" for name, number in counts.items() if number)
    return ", ".join(told) or "an empty set"
