"""Refuses manifests that say in so many words that a pod is to reach the agent's own house. By names alone, and pure.

What links and mounts make of a name is known only when it is mounted, and judged then (`volumes.protection`). Said of a file it
comes earlier, with its line, and nothing that runs is stopped for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from podstead.errors import SELF_PROTECTION
from podstead.manifest.armour import Limits
from podstead.manifest.reading import Message, Severity
from podstead.manifest.undecided import read_undecided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from podstead.identity import RevisionID
    from podstead.k8s import core_v1 as v1
    from podstead.manifest.reading import Reading
    from podstead.state.sources import SourceSnapshot
    from podstead.volumes.protection import Protected


class SelfProtection:
    """The judge that no policy and no signature replaces. `protected` have the paths as they are written and as they are."""

    def __init__(self, protected: Sequence[Protected]) -> None:
        self._protected = [(PurePosixPath(one.path), one) for one in protected]
        self._clean: set[RevisionID] = set()
        self._refused: dict[tuple[str, str], Reading] = {}
        """What was said of a file's bytes, by its name and their digest."""

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings, those refused whose pods reach for the agent."""
        clean: set[RevisionID] = set()
        refused: dict[tuple[str, str], Reading] = {}
        judged = dict(readings)
        for file in snapshot.files:
            reading = readings.get(file.name)
            if reading is None or not reading.accepted:
                continue
            key = (file.name, file.digest)
            if any(self._reaches(pod.revision, pod.pod) for pod in reading.pods):
                told = self._refused.get(key)
                if told is None:
                    told = await asyncio.to_thread(self._refusal, reading, file.data or b"")
                refused[key] = judged[file.name] = told
            clean.update(pod.revision for pod in reading.pods if key not in refused)
        self._clean, self._refused = clean, refused
        return judged

    def _reaches(self, revision: RevisionID, pod: v1.Pod) -> bool:
        return revision not in self._clean and next(self._found(pod), None) is not None

    def _refusal(self, reading: Reading, data: bytes) -> Reading:
        messages = []
        for one in read_undecided(data, Limits(max_bytes=max(len(data), 1)), strict=False).pods:
            for field, text in self._found(one.pod):
                line, column = one.places.closest(field)
                message = Message(line=line, column=column, field=field, severity=Severity.ERROR, message=text)
                messages.append(message)
        return replace(reading, reason=SELF_PROTECTION, messages=(*messages, *reading.messages))

    def _found(self, pod: v1.Pod) -> Iterator[tuple[str, str]]:
        """Yield the field and what is wrong with it, for each mount that reaches for something."""
        paths = {v.name: (i, v.host_path.path) for i, v in enumerate(pod.spec.volumes) if v.host_path is not None}
        if not paths:
            return
        told: set[str] = set()
        for where, mount in _mounts(pod):
            index, path = paths.get(mount.name, (-1, ""))
            if index < 0 or mount.sub_path_expr:
                continue
            field = f"{where}.subPath" if mount.sub_path else f"spec.volumes[{index}].hostPath.path"
            why = self._reach(PurePosixPath(path, mount.sub_path or ""), writable=not mount.read_only)
            if why is not None and field not in told:
                told.add(field)
                yield field, why

    def _reach(self, path: PurePosixPath, *, writable: bool) -> str | None:
        for place, one in self._protected:
            inside = path == place or place in path.parents
            if inside and (writable or not one.readable):
                purpose = " for writing: mount it with readOnly: true" if one.readable else ""
                return f"it is, or lies in, {one.shown}, which no pod may mount{purpose or ': choose another path'}"
            if writable and path in place.parents:
                advice = "mount it with readOnly: true, or choose a narrower path"
                return f"it holds {one.shown}, which no pod may mount for writing: {advice}"
        return None


def _mounts(pod: v1.Pod) -> Iterator[tuple[str, v1.VolumeMount]]:
    """Yield every mount of a pod with the path of its field."""
    spec = pod.spec
    kinds = (("initContainers", spec.init_containers), ("containers", spec.containers))
    for kind, containers in kinds:
        for number, container in enumerate(containers):
            for index, mount in enumerate(container.volume_mounts):
                yield f"spec.{kind}[{number}].volumeMounts[{index}]", mount
