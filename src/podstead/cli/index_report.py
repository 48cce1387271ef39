"""`podstead verify --index`: whether an index counts, and what it says of each file of its set."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.index_inputs import contents_of
from podstead.cli.options import UsageError
from podstead.cli.output import Format, format_of, say, say_document
from podstead.cli.signatures import SUFFIX, read_content
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.signing.index import INDEX_FILE, timestamp
from podstead.signing.index_verify import AcceptedIndex, RefusedIndex, verify_index
from podstead.sources.names import is_companion_name, why_ignored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.cli.documents import Json
    from podstead.cli.options import Given
    from podstead.signing.index import Entry, Index
    from podstead.signing.provenance import Trust


class Finding(StrEnum):
    """How a file stands to the index."""

    LISTED = "Listed"
    CHANGED = "Changed"
    MISSING = "Missing"
    EXTRA = "Extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file of the set, or one that should not be there."""

    path: str
    finding: Finding
    message: str = ""


def verify_set(given: Given, trust: Trust) -> int:
    """Run the command: 0 when the index counts and every file is as it says, else 1. Raises OperatorError."""
    if not given.value("dir"):
        raise UsageError("say which set: podstead verify --index --dir DIR --allowed-signers FILE")
    if given.words or given.rest:
        raise UsageError("--index verifies the whole of --dir: leave the file names out")
    form = format_of(given, Format.JSON, Format.YAML)
    directory = Path(given.value("dir"))
    judged = _judged(given, directory / INDEX_FILE, trust)
    files = tuple(_compared(given, directory, judged.index)) if judged.index is not None else ()
    if form is Format.TABLE:
        say(printable(f"{one.path}: {one.finding}{': ' if one.message else ''}{one.message}") for one in files)
        say(printable(f"{directory / INDEX_FILE}: {_sentence(judged)}"))
    else:
        say_document(_document(directory / INDEX_FILE, judged, files), form)
    sound = isinstance(judged, AcceptedIndex) and all(one.finding is Finding.LISTED for one in files)
    return 0 if sound else 1


def _judged(given: Given, path: Path, trust: Trust) -> AcceptedIndex | RefusedIndex:
    floor = given.value("floor", "0")
    if not (floor.isascii() and floor.isdigit() and len(floor) < 17):
        raise UsageError(f"--floor must be a number, not {floor!r}")
    node = given.value("node") or socket.gethostname().strip().lower()
    signature = Path(f"{path}{SUFFIX}")
    if not path.exists():
        raise OperatorError(f"there is no index: {path}; podstead sign --index makes one")
    if not signature.exists():
        raise OperatorError(f"the index is not signed: there is no {signature} beside it")
    data, signed = read_content(str(path)), read_content(str(signature))
    return verify_index(data, signed, trust, node=node, last=None, floor=int(floor))


def _compared(given: Given, directory: Path, index: Index) -> Iterator[Found]:
    yield from _table(directory, index.files, contents_of(directory))
    yield from _strangers(directory)
    if objects := given.value("objects"):
        yield from _table(Path(objects), index.objects, contents_of(Path(objects)))
    if policy := given.value("policy"):
        yield from _table(
            Path(), {} if index.policy is None else {policy: index.policy}, {policy: read_content(policy)}
        )
    if given.has("host-files"):
        named = {**index.host_files, **{name: one for name, one in index.profiles.items() if name.startswith("/")}}
        yield from _table(Path("/"), named, {name: read_content(name) for name in named if Path(name).exists()})


def _table(directory: Path, listed: Mapping[str, Entry], found: Mapping[str, bytes]) -> Iterator[Found]:
    for name in sorted({*listed, *found}):
        path = str(directory / name)
        if name not in found:
            yield Found(path=path, finding=Finding.MISSING, message="the index lists it, and it is not there")
        elif name not in listed:
            yield Found(path=path, finding=Finding.EXTRA, message="the index does not list it")
        elif fault := listed[name].fault(found[name]):
            yield Found(path=path, finding=Finding.CHANGED, message=fault)
        else:
            yield Found(path=path, finding=Finding.LISTED)


def _strangers(directory: Path) -> Iterator[Found]:
    """Yield what lies there and could not be listed: no agent reads it, and yet somebody put it there."""
    for entry in sorted(directory.iterdir()):
        if entry.suffix in {".yaml", ".yml", ".json"} and not entry.name.startswith("."):
            continue
        if not is_companion_name(entry.name):
            _, text = why_ignored(entry.name, is_directory=entry.is_dir())
            yield Found(path=str(entry), finding=Finding.EXTRA, message=f"it is no manifest: {text}")


def _sentence(judged: AcceptedIndex | RefusedIndex) -> str:
    if isinstance(judged, RefusedIndex):
        return f"Invalid ({judged.fault}): {judged.message}"
    signed = judged.signed
    return (
        f"Signed: version {judged.index.version} for {', '.join(judged.index.nodes)}, until"
        f" {timestamp(judged.index.expires)}, by {signed.signer.principals} with {signed.key.short_type}"
        f" {signed.key.fingerprint}"
    )


def _document(path: Path, judged: AcceptedIndex | RefusedIndex, files: tuple[Found, ...]) -> Json:
    document: dict[str, Json] = {
        "path": str(path),
        "verdict": "Signed" if isinstance(judged, AcceptedIndex) else "Invalid",
        "reason": "" if isinstance(judged, AcceptedIndex) else str(judged.fault),
        "message": _sentence(judged),
    }
    if (index := judged.index) is not None:
        document |= {
            "nodes": list(index.nodes),
            "version": index.version,
            "issued": timestamp(index.issued),
            "expires": timestamp(index.expires),
            "expiry": str(index.expiry),
            "floor": index.floor,
        }
    listed: list[Json] = [{"path": one.path, "verdict": str(one.finding), "message": one.message} for one in files]
    return {**document, "files": listed}
