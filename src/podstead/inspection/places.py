"""Where manifests lie: the directory, what is above it, and every entry in it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.inspection import rules
from podstead.inspection.arguments import Reader
from podstead.inspection.findings import Finding, Severity, found, shell
from podstead.inspection.pods import Surroundings, judge_pod, level_of
from podstead.inspection.seen import Kind, SeenFile
from podstead.k8s.text import printable
from podstead.manifest.findings import Code
from podstead.manifest.kubelet_view import KubeletView, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SUFFIXES = (".yaml", ".yml", ".json")
"""What a manifest's name ends with: all that Podstead reads."""
EXAMINED_BYTES = 2**20
"""So much of a file is decoded, as in the agent: a valid file of 10 MB keeps the parser busy for 15 s."""
COMPANIONS = (".sig", "podstead.index", ".podstead-guard")
"""What stands beside manifests and speaks of them: no kubelet makes anything of it. The last marks a guard's directory."""


class State(StrEnum):
    """What becomes of an entry."""

    RUNS = "Runs"
    IGNORED = "Ignored"
    REFUSED = "Refused"
    UNKNOWN = "NotExamined"
    COMPANION = "Companion"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlace:
    """A manifest directory. `way` are the directories above it and itself; `origins` say who reads pods from it.

    `links` are the symbolic links on the configured path; `error` says why it cannot be read, empty where it could.
    """

    path: str
    real: str
    reader: Reader
    origins: tuple[str, ...]
    way: tuple[SeenFile, ...] = ()
    links: tuple[str, ...] = ()
    entries: tuple[SeenFile, ...] = ()
    missing: bool = False
    error: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One entry, in a line. `pod` is `namespace/name`, `level` the Pod Security level that it reaches; times are Unix seconds."""

    path: str
    state: State
    pod: str = ""
    level: str = ""
    mode: int = 0
    owner: str = ""
    digest: str = ""
    modified_at: float = 0.0
    images: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one directory came to."""

    findings: tuple[Finding, ...]
    files: tuple[Summary, ...]


def judge_place(place: SeenPlace, node_name: str, around: Surroundings) -> Judged:
    """Return everything that is to be said about a directory and what lies in it."""
    findings = [*_directory(place)]
    files: list[Summary] = []
    claims: dict[str, list[str]] = {}
    for entry in place.entries:
        read = view(entry.data, node_name, max_bytes=EXAMINED_BYTES) if entry.data is not None else None
        state = _state(place, entry, read)
        pod = read.pod if read is not None and state in {State.RUNS, State.REFUSED} else None
        name = f"{pod.metadata.namespace}/{pod.metadata.name}" if pod is not None and state is State.RUNS else ""
        files.append(
            Summary(
                path=entry.path,
                state=state,
                pod=name,
                level=level_of(pod) if pod is not None and pod.spec.containers else "",
                mode=entry.mode,
                owner=entry.owner,
                digest=entry.digest,
                modified_at=entry.modified_at,
                images=tuple(dict.fromkeys(c.image or "" for c in pod.spec.containers)) if pod is not None else (),
            )
        )
        if name:
            claims.setdefault(name, []).append(entry.path)
        findings += _entry(place, entry, state)
        if read is not None and state in {State.RUNS, State.REFUSED, State.UNKNOWN}:
            findings += _content(entry, read)
        if pod is not None and read is not None:  # what this kubelet refuses another may run, or a small correction
            told = tuple(judge_pod(entry.path, pod, around, frozenset(fault.field for fault in read.faults)))
            findings += told
            findings += _open_secret(place, entry, told)
    findings += _duplicates(claims)
    return Judged(findings=tuple(findings), files=tuple(files))


def _directory(place: SeenPlace) -> Iterator[Finding]:
    by = f"read by {', '.join(place.origins)}"
    for one in place.way:
        if one.by_others:
            itself = "" if one.path == place.real else f", which is above {place.path}"
            what = f"{one.path}{itself} has mode {one.mode:04o} and belongs to {one.owner}; {by}"
            mend = f"chown root:root {shell(one.path)}; chmod go-w {shell(one.path)}"
            yield found(rules.DIRECTORY_WRITABLE, place.path, what, mend=mend)
    if place.links:
        what = f"{', '.join(place.links)} is a symbolic link, and the path comes to {place.real}; {by}"
        yield found(rules.DIRECTORY_LINK, place.path, what, edit=f"configure {place.real} itself")
    if place.missing:
        mend = f"install -d -m 0700 -o root -g root {shell(place.path)}"
        yield found(rules.DIRECTORY_MISSING, place.path, by, mend=mend)
    elif place.error:
        yield found(rules.DIRECTORY_UNREADABLE, place.path, f"{place.error}; {by}", severity=Severity.HIGH)
    if place.left_out:
        what = f"{place.left_out} entries were left out: it holds more than an inspection reads"
        yield found(rules.DIRECTORY_UNREADABLE, place.path, what, severity=Severity.HIGH)


def _state(place: SeenPlace, entry: SeenFile, read: KubeletView | None) -> State:
    name = posixpath.basename(entry.path)
    is_manifest = name.endswith(SUFFIXES)
    if name.startswith(".") or (place.reader is Reader.PODSTEAD and not is_manifest):
        return State.COMPANION if name.endswith(COMPANIONS) else State.IGNORED
    if read is not None and read.runs:
        return State.RUNS
    if name.endswith(COMPANIONS):
        return State.COMPANION
    if entry.kind is Kind.UNREADABLE or (read is not None and read.undecided):
        return State.UNKNOWN
    return State.REFUSED if read is not None else State.IGNORED


def _entry(place: SeenPlace, entry: SeenFile, state: State) -> Iterator[Finding]:
    """Yield what the entry itself is, whatever it holds."""
    name = posixpath.basename(entry.path)
    quoted = shell(entry.path)
    if entry.kind is Kind.UNREADABLE:
        yield found(rules.DIRECTORY_UNREADABLE, entry.path, entry.error)
        return
    if entry.kind is not Kind.FILE:
        what = (
            f"it is a {entry.kind}" if entry.is_there else f"it is a symbolic link that leads nowhere ({entry.target})"
        )
        yield found(rules.NOT_A_FILE, entry.path, what, edit=f"move it out of {place.path}")
        return
    if entry.target:
        what = f"it is a symbolic link to {entry.target}"
        yield found(rules.MANIFEST_LINK, entry.path, what, edit="put the file itself into the directory")
    if entry.links > 1:
        what = f"it has {entry.links} hard links: another name can change it"
        yield found(rules.MANIFEST_LINK, entry.path, what, mend=f"cp {quoted} {quoted}.new && mv {quoted}.new {quoted}")
    if entry.by_others:
        what = f"it has mode {entry.mode:04o} and belongs to {entry.owner}"
        mend = f"chown root:root {quoted}; chmod 600 {quoted}"
        yield found(rules.MANIFEST_WRITABLE, entry.path, what, mend=mend)
    if state is State.COMPANION:
        return
    if name.startswith("."):
        yield found(rules.HIDDEN_FILE, entry.path, "nothing reads it here", mend=f"mv {quoted} /root/")
    elif state is State.RUNS and not name.endswith(SUFFIXES):
        what = "its pod runs: only a dot in front would keep a kubelet from it"
        yield found(rules.BACKUP_RUNS, entry.path, what, mend=f"mv {quoted} /root/")
    elif state is State.IGNORED and place.reader is Reader.PODSTEAD:
        what = "its name does not end in .yaml, .yml or .json, so Podstead passes over it; a kubelet would read it"
        yield found(rules.WOULD_NOT_RUN, entry.path, what, mend=f"mv {quoted} /root/", severity=Severity.LOW)


def _content(entry: SeenFile, read: KubeletView) -> Iterator[Finding]:
    """Yield what a kubelet makes of the bytes, where that is not what they seem to say."""
    if read.undecided:
        what = "it is nested too deeply, or has too many aliases or bytes, to be examined here"
        yield found(rules.DIRECTORY_UNREADABLE, entry.path, what, at=read.place, severity=Severity.HIGH)
        return
    for sentence, place in read.ambiguous:
        yield found(
            rules.READS_DIFFERENTLY, entry.path, sentence, edit="leave one document, and each key once", at=place
        )
    if read.rejection:
        mend = f"podstead check --as-kubelet {shell(entry.path)}"
        yield found(rules.WOULD_NOT_RUN, entry.path, read.rejection, mend=mend, at=read.place)
        return
    if dropped := read.of(Code.UNKNOWN_FIELD):
        first = dropped[0]
        names = ", ".join(finding.field for finding in dropped[:5])
        more = f" and {len(dropped) - 5} more" if len(dropped) > 5 else ""
        what = f"it knows no {names}{more}"
        yield found(
            rules.FIELD_DROPPED, entry.path, what, edit="correct or remove the fields", at=(first.line, first.column)
        )


def _open_secret(place: SeenPlace, entry: SeenFile, told: Iterable[Finding]) -> Iterator[Finding]:
    for_others = entry.mode & 0o044 and all(directory.mode & 0o011 for directory in place.way)
    if for_others and any(finding.rule is rules.SECRET_IN_ENV for finding in told):
        what = f"its mode is {entry.mode:04o}, and a secret stands in it"
        yield found(rules.MANIFEST_READABLE, entry.path, what, mend=f"chmod 600 {shell(entry.path)}")


def _duplicates(claims: Mapping[str, list[str]]) -> Iterator[Finding]:
    for name, paths in sorted(claims.items()):
        if len(paths) > 1:
            last = max(paths)
            what = f"the pod {printable(name)} stands in {', '.join(paths)}; a kubelet that starts runs that of {last}"
            for path in paths:
                yield found(rules.DUPLICATE, path, what, edit="keep one of the files, and move the others away")
