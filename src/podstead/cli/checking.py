"""Manifest files read and judged one by one, and against one another."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.checked import Checked, Unreadable
from podstead.cli.checking_objects import CheckedObjects, judge_objects, remarks
from podstead.cli.checking_security import judge_security
from podstead.errors import POLICY_VIOLATION
from podstead.manifest.armour import Limits
from podstead.manifest.as_kubelet import MAX_BYTES, explain
from podstead.manifest.read import read_manifest
from podstead.manifest.read_objects import holds_objects
from podstead.manifest.reading import Message, Severity
from podstead.sources.names import is_manifest_name, why_ignored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from podstead.cli.node_policy import PolicyJudge
    from podstead.policy.pod_security.levels import Standard
    from podstead.state.reports import FileVerdict

LIMITS = Limits()
STDIN = "-"
STREAMS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a shell puts what it pipes: the only things beside plain files that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How manifests are judged; `objects` None: what is in the objects directory is not known.

    With a `standard` that level of the Pod Security Standards is the only judge. With a `policy` what is accepted is held
    against that too.
    """

    node_name: str
    strict: bool
    as_kubelet: bool
    objects: CheckedObjects | None = None
    standard: Standard | None = None
    policy: PolicyJudge | None = None


def check_objects(directory: Path, *, strict: bool) -> tuple[tuple[Checked | Unreadable, ...], CheckedObjects]:
    """Return what each entry of an objects directory comes to, and what is in those that are accepted."""
    found: list[Checked | Unreadable] = []
    contents: dict[str, bytes] = {}
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        return (Unreadable(why=f"cannot read {directory}: {error.strerror or error}"),), CheckedObjects()
    for entry in entries:
        data = _content(entry)
        if isinstance(data, bytes):
            contents[str(entry)] = data
        else:
            found.append(data)
    judged = judge_objects(contents, strict=strict)
    return (*found, *map(_checked, judged.verdicts)), judged


def _checked(verdict: FileVerdict) -> Checked:
    return Checked(
        path=verdict.path,
        verdict=verdict.verdict.value,
        reason=verdict.reason,
        messages=verdict.messages,
        objects=tuple(map(str, verdict.objects)),
    )


def check_files(words: Iterable[str], rules: Rules) -> tuple[Checked | Unreadable, ...]:
    """Return what each file, or each entry of a directory, comes to. Files are read, nothing else is touched.

    A file of ConfigMaps and Secrets that is named itself is judged as what it is.
    """
    found: list[Checked | Unreadable] = []
    for word in words:
        path = Path(word)
        try:
            if word != STDIN and path.is_dir():
                found += (_entry(entry, rules) for entry in sorted(path.iterdir()))
            else:
                data = _read(path, word)
                if rules.standard is None and holds_objects(data):
                    found += map(_checked, judge_objects({word: data}, strict=rules.strict).verdicts)
                else:
                    found.append(_judge(word, data, rules))
        except OSError as error:
            found.append(Unreadable(why=f"cannot read {word}: {error.strerror or error}"))
    return tuple(found) if rules.standard is not None else _without_rivals(found)


def _entry(path: Path, rules: Rules) -> Checked | Unreadable:
    """Return the verdict on an entry of a directory, by the rules of the agent's directory."""
    data = _content(path)
    return _judge(str(path), data, rules) if isinstance(data, bytes) else data


def _content(path: Path) -> bytes | Checked | Unreadable:
    """Return the bytes of an entry of a directory, or why none are read."""
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
        return _read(path, str(path))
    except OSError as error:
        return Unreadable(why=f"cannot read {path}: {error.strerror or error}")


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


def _judge(path: str, data: bytes, rules: Rules) -> Checked:
    if rules.standard is not None:
        return judge_security(path, data, rules.standard, LIMITS, strict=rules.strict)
    reading = read_manifest(data, node_name=rules.node_name, strict=rules.strict, local_objects=True, limits=LIMITS)
    said = tuple(message for pod in reading.pods for message in remarks(pod, rules.objects))
    reason = reading.reason
    if rules.policy is not None and reading.accepted:
        judgement = rules.policy.judge(path, data, LIMITS, strict=rules.strict)
        reason, said = POLICY_VIOLATION if judgement.refused else "", (*said, *judgement.messages)
    return Checked(
        path=path,
        verdict="Rejected" if reason else "Accepted",
        reason=reason,
        messages=(*reading.messages, *said),
        pods=tuple(str(pod.key) for pod in reading.pods),
        revisions=tuple(pod.revision for pod in reading.pods),
        kubelet=explain(data, rules.node_name) if rules.as_kubelet else (),
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
