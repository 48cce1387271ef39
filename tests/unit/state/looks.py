"""Small words for directories: files by what is in them, records by who holds what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.k8s import core_v1 as v1
from podstead.manifest.reading import ManifestPod, Message, Reading, Severity
from podstead.state.fold import Folded, fold
from podstead.state.records import Claim, PodRecord
from podstead.state.sources import FileTrouble, ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Content = str | FileTrouble
"""A file: `x1` is pod x with content 1, `x1 y2` two documents; BROKEN and UNREAD as below; or a trouble."""
BROKEN = "!"
UNREAD = "?"
EMPTY = ""


def key(name: str) -> PodKey:
    return PodKey("default", name)


def manifest_pod(text: str, document: int) -> ManifestPod:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name=text[0], namespace="default"),
        spec=v1.PodSpec(containers=(v1.Container(name="c", image=text),)),
    )
    return ManifestPod(key=key(text[0]), revision=RevisionID(text), pod=pod, data=text.encode(), document=document)


def reading(content: str) -> Reading:
    if content == BROKEN:
        message = Message(line=3, column=1, field="spec", severity=Severity.ERROR, message="is broken")
        return Reading(messages=(message,), reason="Invalid")
    return Reading(pods=tuple(manifest_pod(text, number) for number, text in enumerate(content.split())))


def look(
    files: Mapping[str, Content],
    *,
    certain: bool = True,
    recent: Collection[str] = (),
    degraded: str | None = None,
    overflow: int = 0,
) -> SourceSnapshot:
    return SourceSnapshot(
        path="/manifests",
        files=tuple(
            ManifestFile(name=name, path=f"/manifests/{name}", trouble=content, reason="Why", message="because")
            if isinstance(content, FileTrouble)
            else ManifestFile(name=name, path=f"/manifests/{name}", data=content.encode(), owner="root", size=7)
            for name, content in files.items()
        ),
        certain=certain,
        recent=frozenset(recent),
        degraded=degraded,
        overflow=overflow,
    )


def readings(files: Mapping[str, Content]) -> dict[str, Reading]:
    return {
        name: reading(content)
        for name, content in files.items()
        if not isinstance(content, FileTrouble) and content != UNREAD
    }


def record(
    text: str, file: str, *, document: int = 0, candidate: str | None = None, terminating: bool = False
) -> PodRecord:
    return PodRecord(
        key=key(text[0]),
        uid=PodUID(f"uid-{text[0]}"),
        claim=Claim(file=file, document=document),
        created_at=0.0,
        effective=RevisionID(text),
        candidate=None if candidate is None else RevisionID(candidate),
        terminating=terminating,
    )


def folded(
    held: Collection[PodRecord], files: Mapping[str, Content], unsettled: Collection[str] = (), **how: Any
) -> Folded:
    snapshot = look(files, **how)
    return fold({one.key: one for one in held}, snapshot, readings(files), unsettled)


def apply(records: Mapping[PodKey, PodRecord], outcome: Folded) -> dict[PodKey, PodRecord]:
    """Do to the records what the agent does: the step between one fold and the next."""
    after = dict(records)
    for one, claim in outcome.claims.items():
        after[one] = replace(after[one], claim=claim)
    for one in outcome.remove:
        after[one] = replace(after[one], terminating=True)
    for one, wanted in outcome.wanted.items():
        if one not in after:
            claim = Claim(file=wanted.file, document=wanted.document)
            after[one] = PodRecord(
                key=one, uid=PodUID(f"uid-{one.name}"), claim=claim, created_at=0.0, candidate=wanted.revision.revision
            )
        elif not after[one].terminating:
            after[one] = replace(after[one], candidate=wanted.revision.revision)
    return after
