"""A whole look at a directory: what of it may be parsed, and what has to be said about the rest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.signing.index import INDEX_FILE
from podstead.state.provenance import UNSIGNED, Warrant
from podstead.state.sources import FileTrouble, ManifestFile, is_url
from podstead.trust.contents import Content, Kind, Ruling, listed, rule
from podstead.trust.evidence import SUFFIX
from podstead.trust.rules import Finding, Lack, Objection
from podstead.trust.values import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.state.sources import SourceSnapshot
    from podstead.trust.standing import Standing
    from podstead.trust.values import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What comes of a look. `waiting` is to be given to the next question; `again` is the boot-clock second at which a wait
    ends that makes a difference.
    """

    snapshot: SourceSnapshot
    findings: tuple[Finding, ...] = ()
    waiting: Mapping[str, float] = field(default_factory=dict)
    again: float | None = None


def judge(snapshot: SourceSnapshot, kind: Kind, standing: Standing, question: Question) -> Judgement:
    """Return the look without the bytes that do not count. `kind` is what the directory's files are for."""
    waiting: dict[str, float] = {} if standing.waiting is None else {INDEX_FILE: standing.waiting}
    files = [
        _judged(file, _ruling(file, kind, snapshot, standing, question), question, waiting) for file in snapshot.files
    ]
    missing = [_missing(name, snapshot, question, waiting) for name in _lacking(snapshot, kind, standing)]
    findings = tuple(_finding(one) for one in missing if _late(one.name, waiting, question))
    if question.mode is SignatureMode.ENFORCE:
        files += missing
    ends = [since + WAIT_SECONDS for since in waiting.values()]
    return Judgement(
        snapshot=replace(snapshot, files=tuple(sorted(files, key=lambda file: file.name))),
        findings=findings,
        waiting=waiting,
        again=min((end for end in ends if end > question.now.boot), default=None),
    )


def _ruling(
    file: ManifestFile, kind: Kind, snapshot: SourceSnapshot, standing: Standing, question: Question
) -> Ruling | None:
    """Return what is to be said of a file; None where there are no bytes to say it of."""
    if file.data is None:
        return None
    beside = snapshot.companions.get(file.name + SUFFIX)
    content = Content(
        kind=Kind.URL if is_url(file.name) else kind,
        name=file.name,
        digest=file.digest,
        size=len(file.data),
        signature="" if beside is None or beside.data is None else beside.digest,
    )
    ruling = rule(content, standing, question)
    unread = beside is not None and beside.data is None
    if beside is not None and unread and ruling.objection and ruling.objection.reason is Lack.SIGNATURE_MISSING:
        text = f"its signature {beside.name} cannot be read: {beside.message}"
        return replace(ruling, objection=replace(ruling.objection, message=text))
    return ruling


def _judged(file: ManifestFile, ruling: Ruling | None, question: Question, waiting: dict[str, float]) -> ManifestFile:
    """Return a file as its ruling leaves it; notes in `waiting` what may yet be completed."""
    if ruling is None:
        return file
    objection = ruling.objection
    if ruling.provenance is not None:
        warnings = (
            ()
            if objection is None
            else (f"{objection.sentence(question.hints)}; it counts as it was admitted here before",)
        )
        if ruling.provenance.warrant is Warrant.ALLOWED:
            warnings = (question.allowed[file.digest],)
        return replace(file, provenance=ruling.provenance, warnings=(*file.warnings, *warnings))
    if objection is None:
        raise AssertionError("a ruling has a provenance or an objection")
    if question.mode is not SignatureMode.ENFORCE:
        warning = f"{objection.reason}: {objection.sentence(question.hints)}; enforce would refuse it"
        return replace(file, provenance=UNSIGNED, warnings=(*file.warnings, warning))
    return _refused(file, objection, question, waiting)


def _refused(file: ManifestFile, objection: Objection, question: Question, waiting: dict[str, float]) -> ManifestFile:
    trouble, message = FileTrouble.REFUSED, objection.sentence(question.hints)
    if objection.rule.waits:
        waiting[file.name] = question.since(file.name)
        if not _late(file.name, waiting, question):
            trouble = FileTrouble.PENDING
            message = f"{objection.message}; the other half may be on its way, for {WAIT_SECONDS:g} s"
    return replace(file, data=None, digest="", trouble=trouble, reason=str(objection.reason), message=message)


def _late(name: str, waiting: Mapping[str, float], question: Question) -> bool:
    since = waiting.get(name)
    return since is None or question.now.boot - since >= WAIT_SECONDS


def _lacking(snapshot: SourceSnapshot, kind: Kind, standing: Standing) -> tuple[str, ...]:
    """Return the names that the index lists and the directory lacks; none where the directory is not to be had."""
    if standing.index is None or not standing.due or snapshot.degraded is not None or snapshot.overflow:
        return ()
    names = set(listed(standing.index, kind))
    alone = snapshot.path.rpartition("/")[2]
    if alone in names:
        names = {alone}  # one file is watched, not its directory
    return tuple(sorted(names - {file.name for file in snapshot.files}))


def _missing(name: str, snapshot: SourceSnapshot, question: Question, waiting: dict[str, float]) -> ManifestFile:
    """Return what stands for a file that the index lists and nobody finds: its absence removes nothing."""
    waiting[name] = question.since(name)
    text = "the signed index lists it, and it is not there"
    objection = Objection(reason=Lack.LISTED_FILE_MISSING, message=text)
    absent = ManifestFile(name=name, path=f"{snapshot.path.rstrip('/')}/{name}")
    return _refused(absent, objection, question, waiting)


def _finding(file: ManifestFile) -> Finding:
    return Finding(reason=str(Lack.LISTED_FILE_MISSING), message=f"{file.name}: {file.message}", subject=file.name)
