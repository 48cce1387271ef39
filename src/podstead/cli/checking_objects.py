"""Files of ConfigMaps and Secrets judged offline, and what pods would miss of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.manifest.read_objects import read_objects
from podstead.manifest.reading import Message, Severity
from podstead.state.object_fold import fold_objects
from podstead.state.references import references
from podstead.state.sources import ManifestFile, SourceSnapshot
from podstead.state.unmet import unmet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.manifest.reading import ManifestPod
    from podstead.state.objects import HeldObject, LocalObject, ObjectKey
    from podstead.state.reports import FileVerdict

OWNERS_ALONE = 0o600
"""Offline nobody asks who can read a file: it may not lie where it is meant to."""
SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedObjects:
    """The verdict on each file of an objects directory, and the objects of those that are accepted."""

    verdicts: tuple[FileVerdict, ...] = ()
    held: Mapping[ObjectKey, HeldObject] = field(default_factory=dict)

    def get(self, key: ObjectKey) -> LocalObject | None:
        """Return an object, None where no accepted file has it."""
        one = self.held.get(key)
        return one.object if one is not None else None


def judge_objects(files: Mapping[str, bytes], *, strict: bool) -> CheckedObjects:
    """Return what these contents, by path, come to beside one another."""
    listed = tuple(ManifestFile(name=path, path=path, data=data, mode=OWNERS_ALONE) for path, data in files.items())
    snapshot = SourceSnapshot(path="", files=listed, certain=True)
    readings = {path: read_objects(data, strict=strict) for path, data in files.items()}
    folded = fold_objects({}, snapshot, readings, used=())
    return CheckedObjects(verdicts=folded.verdicts, held=folded.held)


def remarks(pod: ManifestPod, objects: CheckedObjects | None) -> tuple[Message, ...]:
    """Return what is to be said of a pod's references; with `objects` None nobody knows what is there."""
    if objects is not None:
        return tuple(_warning(f"pod {pod.key} waits: {sentence}") for sentence in unmet(pod.pod, objects))
    named = sorted(map(str, references(pod.pod)))
    if not named:
        return ()
    listed = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
    text = f"pod {pod.key} refers to {listed}, which were not looked for: name their directory with --objects-dir"
    return (_warning(text),)


def _warning(text: str) -> Message:
    return Message(line=0, column=0, field="", severity=Severity.WARNING, message=text)
