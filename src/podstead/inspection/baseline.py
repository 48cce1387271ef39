"""The approved state of a node, as a value, as JSON, and against what is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.inspection import rules
from podstead.inspection.findings import Finding, found, shell
from podstead.inspection.seen import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.inspection.seen import SeenFile

VERSION = 1
MODE = 0o600
APPROVE = "podstead inspect --approve"


class ApprovedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file as it was: SHA-256 of its bytes, mode in octal, owner, and what it links to."""

    digest: str
    mode: str
    uid: int
    gid: int
    target: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was approved, when (Unix seconds) and by which user. `sources` are the directories and URLs of static pods."""

    version: int
    node: str
    approved_at: float
    approved_by: str
    sources: tuple[str, ...]
    files: dict[str, ApprovedFile]


class BaselineError(ValueError):
    """Bytes that are no baseline; the text says why."""


def approve(files: Iterable[SeenFile], sources: Iterable[str], *, node: str, at: float, by: str) -> Baseline:
    """Return the baseline that says: as it is now, it is meant to be."""
    return Baseline(
        version=VERSION,
        node=node,
        approved_at=at,
        approved_by=by,
        sources=tuple(sorted(set(sources))),
        files={file.path: _approved(file) for file in sorted(files, key=lambda file: file.path) if file.is_there},
    )


def encode(baseline: Baseline) -> bytes:
    """Return the baseline as JSON, one field a line."""
    return msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n"


def decode(data: bytes) -> Baseline:
    """Return what the bytes say. Raises BaselineError."""
    try:
        read = msgspec.json.decode(data, type=Baseline)
    except msgspec.DecodeError as error:
        raise BaselineError(f"it is no baseline: {error}") from None
    if read.version != VERSION:
        raise BaselineError(f"it has version {read.version}, and {VERSION} is known here")
    return read


def compare(baseline: Baseline, files: Iterable[SeenFile], sources: Iterable[str]) -> Iterator[Finding]:
    """Yield what is not as it was approved."""
    present = {file.path: file for file in files if file.is_there}
    now, before = set(sources), set(baseline.sources)
    for source in sorted(now - before):
        yield found(rules.SOURCE_CHANGED, source, "it was not among the approved sources", mend=APPROVE)
    for source in sorted(before - now):
        yield found(
            rules.SOURCE_CHANGED, source, "it was approved, and nothing reads pods from it any more", mend=APPROVE
        )
    for path, file in sorted(present.items()):
        known = baseline.files.get(path)
        if known is None:
            yield found(rules.NEW, path, f"it belongs to {file.owner}, mode {file.mode:04o}", mend=APPROVE)
        elif told := _differences(known, _approved(file)):
            yield found(rules.CHANGED, path, f"other than approved: {', '.join(told)}", mend=APPROVE)
    for path in sorted(set(baseline.files) - set(present)):
        yield found(rules.GONE, path, "it was approved, and it is not there", mend=APPROVE)


def judge_file(file: SeenFile) -> Finding | None:
    """Return what keeps the baseline's own file from being relied on."""
    if file.kind is not Kind.FILE or file.target or file.uid != 0 or file.mode & ~MODE & 0o7777 or file.links > 1:
        what = f"it is a {(file.target and Kind.LINK) or file.kind} of {file.owner} with mode {file.mode:04o}"
        mend = f"look at it, then: rm {shell(file.path)}; {APPROVE}"
        return found(rules.BASELINE_UNTRUSTED, file.path, what, mend=mend)
    return None


def _approved(file: SeenFile) -> ApprovedFile:
    return ApprovedFile(digest=file.digest, mode=f"{file.mode:04o}", uid=file.uid, gid=file.gid, target=file.target)


def _differences(before: ApprovedFile, now: ApprovedFile) -> list[str]:
    told = ["the content"] if before.digest != now.digest else []
    if before.mode != now.mode:
        told.append(f"the mode ({before.mode}, now {now.mode})")
    if (before.uid, before.gid) != (now.uid, now.gid):
        told.append(f"the owner ({before.uid}:{before.gid}, now {now.uid}:{now.gid})")
    if before.target != now.target:
        told.append("what it links to")
    return told
