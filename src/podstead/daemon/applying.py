"""Puts content into the manifest directory on root's behalf: into the file that holds a pod already, else its own.

Content is judged as a file's would be, and what a file would hold is read before it is written: the directory never
sees anything that it would refuse. `fault` says what would not count for want of a signature.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from podstead.errors import OperatorError
from podstead.manifest.compare import compare
from podstead.manifest.rewrite import joined, rewritten
from podstead.server.operations import Application, AppliedPod, Deletion
from podstead.sources.names import is_manifest_name
from podstead.sources.placing import Placement
from podstead.state.records import UNKNOWN_FILE
from podstead.state.sources import ManifestFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.identity import PodKey
    from podstead.manifest.reading import ManifestPod, Reading
    from podstead.sources.placing import Found, ManifestDirectory


class FileDecoder(Protocol):
    """Turns bytes into readings, within bounds."""

    async def decode(self, file: ManifestFile) -> Reading:
        """Return what a file's bytes say; never raises for their content."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file as it is and as it shall be; `before` is None for one that is new, `after` for one that goes."""

    name: str
    before: ManifestFile | None
    after: bytes | None
    pods: tuple[ManifestPod, ...] = field(default=())
    """What it says then of the pods that were asked for."""

    @property
    def placement(self) -> Placement | None:
        """What is to be done; None where it holds that already."""
        before = self.before.data if self.before is not None else None
        digest = self.before.digest if self.before is not None else ""
        return None if before == self.after else Placement(name=self.name, data=self.after, digest=digest)


class Manifests:
    """Applies and deletes; one at a time."""

    def __init__(
        self,
        directory: ManifestDirectory,
        decoder: FileDecoder,
        table: PodTable,
        node_name: str,
        fault: Callable[[str, bytes | None], str],
    ) -> None:
        self._directory = directory
        self._fault = fault
        self._decoder = decoder
        self._table = table
        self._suffix = f"-{node_name}"
        self._writing = asyncio.Lock()

    async def apply(self, data: bytes, *, dry_run: bool) -> Application:
        """Check content and, unless it is a dry run, write it; raises OperatorError where it cannot be placed."""
        async with self._writing:
            reading = await self._read("content", data)
            if not reading.accepted or not reading.pods:
                return Application(reason=reading.reason or "NoPods", messages=reading.messages)
            files = await self._planned(data, reading)
            pods = tuple(self._outcome(pod, file) for file in files for pod in file.pods)
            if not dry_run:
                await self._place([one for file in files if (one := file.placement) is not None])
            return Application(messages=reading.messages, pods=tuple(sorted(pods, key=lambda p: (p.namespace, p.name))))

    async def delete(self, session: PodSession) -> Deletion:
        """Take a pod out of its file; a file that holds nothing else is removed."""
        async with self._writing:
            key, name = session.key, self._held_in(session)
            if name is None:
                raise OperatorError(f"no file is known to hold pod {key}: podstead get files shows what is there")
            found = await self._directory.look([name])
            present = found.files[name]
            if present is None:
                raise OperatorError(f"{found.directory}/{name} is gone already: pod {key} ends soon")
            others = self._others(name, {key})
            after = None
            if others:
                old = await self._accepted(present, others)
                after = rewritten(present.data or b"", old.pods, {key: None})
                await self._verify(name, after, {pod.key: pod for pod in old.pods if pod.key != key})
            await self._place([Placement(name=name, data=after, digest=present.digest)])
            path = f"{found.directory}/{name}"
            return Deletion(
                namespace=key.namespace, name=key.name, uid=session.record.api_uid, file=path, removed=after is None
            )

    async def _place(self, placements: Sequence[Placement]) -> None:
        """Write and remove; raises OperatorError for what would not count without a signature."""
        for one in placements:
            if why := self._fault(one.name, one.data):
                raise OperatorError(f"signature mode enforce: {why}")
        await self._directory.place(placements)

    async def _read(self, name: str, data: bytes) -> Reading:
        digest = hashlib.sha256(data).hexdigest()
        return await self._decoder.decode(ManifestFile(name=name, path=name, data=data, digest=digest, size=len(data)))

    # Which file

    async def _planned(self, data: bytes, reading: Reading) -> list[_File]:
        """Return the files as they shall be."""
        held = {pod.key: self._holder(pod.key) for pod in reading.pods}
        wanted = {pod.key: (held[pod.key] or self._own_name(pod.key), self._long_name(pod.key)) for pod in reading.pods}
        found = await self._directory.look({name for names in wanted.values() for name in names})
        groups: dict[str, list[ManifestPod]] = {}
        for pod in reading.pods:
            groups.setdefault(self._target(pod.key, held[pod.key], wanted[pod.key], found), []).append(pod)
        return [await self._file(name, group, data, reading, found) for name, group in sorted(groups.items())]

    def _target(self, key: PodKey, held: str | None, names: tuple[str, str], found: Found) -> str:
        if held is not None:
            return held
        if found.single is not None:
            return found.single
        for name in names:
            if found.files.get(name) is None:
                return name
        raise OperatorError(
            f"pod {key} is new, and {found.directory} has files {names[0]} and {names[1]} already: rename one of them"
        )

    def _holder(self, key: PodKey) -> str | None:
        session = self._table.session(key)
        return None if session is None or session.record.terminating else self._held_in(session)

    def _held_in(self, session: PodSession) -> str | None:
        """Return the file that holds a pod, None where nobody knows; raises for one that is no file of the directory."""
        file = session.record.claim.file
        if file == UNKNOWN_FILE:
            return None
        if "/" in file or not is_manifest_name(file):
            raise OperatorError(f"pod {session.key} comes from {file}: change it there")
        return file

    def _own_name(self, key: PodKey) -> str:
        return f"{key.name.removesuffix(self._suffix)}.yaml"

    def _long_name(self, key: PodKey) -> str:
        return f"{key.namespace}-{self._own_name(key)}"

    def _others(self, name: str, but: set[PodKey]) -> set[PodKey]:
        """Return the other pods that a file holds, as far as is written down; it may be broken at the moment."""
        sessions = self._table.sessions()
        return {s.key for s in sessions if s.record.claim.file == name and not s.record.terminating} - but

    # What it says then

    async def _file(
        self, name: str, group: Sequence[ManifestPod], data: bytes, reading: Reading, found: Found
    ) -> _File:
        present = found.files.get(name)
        keys = {pod.key for pod in group}
        others: dict[PodKey, ManifestPod] = {}
        whole = data if len(group) == len(reading.pods) else joined([pod.data for pod in group])
        if present is not None:
            if present.data is None:
                raise OperatorError(f"cannot change {present.path}: {present.message}")
            old = await self._read(name, present.data)
            kept = self._others(name, keys)
            if old.accepted:
                others = {pod.key: pod for pod in old.pods if pod.key not in keys}
            elif kept:
                await self._accepted(present, kept)
            if others:
                whole = self._exchanged(present, old, group)
        then = await self._verify(name, whole, others, keys)
        return _File(name=name, before=present, after=whole, pods=tuple(then[key] for key in sorted(keys)))

    @staticmethod
    def _exchanged(present: ManifestFile, old: Reading, group: Sequence[ManifestPod]) -> bytes:
        there = {pod.key for pod in old.pods}
        whole = rewritten(present.data or b"", old.pods, {pod.key: pod.data for pod in group})
        added = [pod.data for pod in group if pod.key not in there]
        return joined([whole, *added]) if added else whole

    async def _accepted(self, present: ManifestFile, others: set[PodKey]) -> Reading:
        """Return what a file says that holds other pods as well; raises where nobody can tell what belongs to whom."""
        reading = await self._read(present.name, present.data) if present.data is not None else None
        if reading is None or not reading.accepted:
            named = ", ".join(str(key) for key in sorted(others))
            raise OperatorError(f"{present.path} holds {named} as well and cannot be read now: mend it first")
        return reading

    async def _verify(
        self, name: str, data: bytes, others: Mapping[PodKey, ManifestPod], keys: set[PodKey] | None = None
    ) -> dict[PodKey, ManifestPod]:
        """Return what a file would say; raises unless it is exactly what was meant."""
        reading = await self._read(name, data)
        pods = {pod.key: pod for pod in reading.pods}
        same = all(key in pods and pods[key].pod == pod.pod for key, pod in others.items())
        if not reading.accepted or not same or pods.keys() != others.keys() | (keys or set()):
            raise OperatorError(f"{name} cannot be rewritten so that its other pods stay as they are: edit it by hand")
        return pods

    def _outcome(self, pod: ManifestPod, file: _File) -> AppliedPod:
        session = self._table.session(pod.key)
        effective = session.revision(session.record.effective) if session is not None else None
        outcome, restarts = "created", ""
        if session is not None and not session.record.terminating:
            outcome = "unchanged" if file.placement is None else "configured"
            changes = compare(effective.pod, pod.pod) if effective is not None and outcome == "configured" else None
            restarts = changes.summary if changes is not None else ""
        return AppliedPod(
            namespace=pod.key.namespace,
            name=pod.key.name,
            revision=pod.revision,
            file=file.name,
            outcome=outcome,
            restarts=restarts,
        )
