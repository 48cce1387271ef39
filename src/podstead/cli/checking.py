"""Manifest files read and judged one by one, and against one another."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.manifest.armour import Limits
from podstead.manifest.as_kubelet import MAX_BYTES, explain
from podstead.manifest.read import read_manifest
from podstead.manifest.reading import Message, Severity
from podstead.sources.names import is_manifest_name, why_ignored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIMITS = Limits()
STDIN = "-"
STREAMS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a shell puts what it pipes: the only things beside plain files that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verdict on one file: Accepted, Rejected or Ignored, with everything that is to be said."""

    path: str
    verdict: str
    reason: str = ""
    messages: tuple[Message, ...] = ()
    pods: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    kubelet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that cannot be judged, and why."""

    why: str


def check_files(
    words: Iterable[str], *, node_name: str, strict: bool, as_kubelet: bool
) -> tuple[Checked | Unreadable, ...]:
    """Return what each file, or each entry of a directory, comes to. Files are read, nothing else is touched."""
    found: list[Checked | Unreadable] = []
    for word in words:
        path = Path(word)
        try:
            if word != STDIN and path.is_dir():
                found += (
                    _entry(entry, node_name=node_name, strict=strict, as_kubelet=as_kubelet)
                    for entry in sorted(path.iterdir())
                )
            else:
                data = _read(path, word)
                found.append(_judge(word, data, node_name=node_name, strict=strict, as_kubelet=as_kubelet))
        except OSError as error:
            found.append(Unreadable(why=f"cannot read {word}: {error.strerror or error}"))
    return _without_rivals(found)


def _entry(path: Path, *, node_name: str, strict: bool, as_kubelet: bool) -> Checked | Unreadable:
    """Return the verdict on an entry of a directory, by the rules of the agent's directory."""
    status = path.lstat()
    mode = status.st_mode
    if not is_manifest_name(path.name):
        reason, text = why_ignored(path.name, is_directory=stat.S_ISDIR(mode))
        return Checked(path=str(path), verdict="Ignored", reason=reason, messages=(_warning(text),))
    if not stat.S_ISREG(mode):
        reason = "SymbolicLink" if stat.S_ISLNK(mode) else "NotAFile"
        text = "it is a symbolic link, and links are never followed" if stat.S_ISLNK(mode) else "it is not a plain file"
        return Checked(path=str(path), verdict="Rejected", reason=reason, messages=(_error(text),))
    if status.st_nlink > 1:
        text = f"it has {status.st_nlink} hard links, so another name can change it: copy it instead"
        return Checked(path=str(path), verdict="Rejected", reason="HardLink", messages=(_error(text),))
    try:
        data = _read(path, str(path))
    except OSError as error:
        return Unreadable(why=f"cannot read {path}: {error.strerror or error}")
    return _judge(str(path), data, node_name=node_name, strict=strict, as_kubelet=as_kubelet)


def _read(path: Path, word: str) -> bytes:
    """Return a file's bytes, at most one more than the kubelet's limit: the readers say that it is too large."""
    if word == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    stream = str(path).startswith(STREAMS)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if stream else os.O_NONBLOCK))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, opened with flags of its own
        if not stream and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a plain file")
        return file.read(MAX_BYTES + 1)


def _judge(path: str, data: bytes, *, node_name: str, strict: bool, as_kubelet: bool) -> Checked:
    reading = read_manifest(data, node_name=node_name, strict=strict, limits=LIMITS)
    return Checked(
        path=path,
        verdict="Accepted" if reading.accepted else "Rejected",
        reason=reading.reason,
        messages=reading.messages,
        pods=tuple(str(pod.key) for pod in reading.pods),
        revisions=tuple(pod.revision for pod in reading.pods),
        kubelet=explain(data, node_name) if as_kubelet else (),
    )


def _without_rivals(found: Sequence[Checked | Unreadable]) -> tuple[Checked | Unreadable, ...]:
    """Reject every file of those that claim the same pod: which one is meant, nobody can tell (foundation 9)."""
    claims = Counter(pod for one in found if isinstance(one, Checked) for pod in set(one.pods))
    told: list[Checked | Unreadable] = []
    for one in found:
        if isinstance(one, Checked) and (rivals := [pod for pod in one.pods if claims[pod] > 1]):
            others = ", ".join(
                r.path for r in found if isinstance(r, Checked) and r is not one and set(r.pods) & set(rivals)
            )
            text = f"the pod {rivals[0]} stands in another file as well ({others}): a name runs once on a node"
            told.append(
                replace(one, verdict="Rejected", reason="DuplicatePod", messages=(*one.messages, _error(text)), pods=())
            )
        else:
            told.append(one)
    return tuple(told)


def _error(text: str) -> Message:
    return Message(line=0, column=0, field="", severity=Severity.ERROR, message=text)


def _warning(text: str) -> Message:
    return Message(line=0, column=0, field="", severity=Severity.WARNING, message=text)
