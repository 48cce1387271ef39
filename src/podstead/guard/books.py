"""What the guard must not forget: what it publishes, with the very bytes, and whether it pauses. Blocking.

Durable before its effect. `STATE/guard/record.json` names contents by digest, `STATE/guard/contents/` has them, and
`STATE/guard/taken-out/` what somebody else had put into the published directory.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from podstead.identity import PodKey
from podstead.publication.pause import Pause
from podstead.publication.record import Published
from podstead.store import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_TAKEN_OUT = 100
"""Files that are kept for whoever looks into it: a flood of them must not fill the disk."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A published file, as the record has it."""

    digest: str
    namespace: str
    name: str
    warrant: str = ""


class StoredRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record as the file has it; `guard` is what the published directory's marker says."""

    version: int
    guard: str
    identity: str = ""
    files: dict[str, StoredFile] = {}


class StoredPause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause, as its file has it."""

    reason: str
    seconds: float
    at: float
    boot_id: str
    since: float


class GuardBooks:
    """The guard's own state."""

    def __init__(self, state: Path) -> None:
        self.directory = state / "guard"
        self._record = self.directory / "record.json"
        self._contents = self.directory / "contents"
        self._taken_out = self.directory / "taken-out"
        self._pause = self.directory / "pause.json"
        self._status = self.directory / "status.json"
        self._accepted = self.directory / "accepted"
        self._stored = StoredRecord(version=1, guard="")
        self.published: dict[str, Published] = {}

    @property
    def guard(self) -> str:
        """What marks this guard's directory."""
        return self._stored.guard

    @property
    def identity(self) -> str | None:
        """The identity of the source whose absences count."""
        return self._stored.identity or None

    def load(self) -> str:
        """Read the record, or begin one. Returns what is wrong: a record that is damaged is set aside. Raises StoreError."""
        files.make_directory(self.directory)
        data, trouble = files.read(self._record), ""
        if data is not None:
            try:
                self._stored = msgspec.json.decode(data, type=StoredRecord)
            except msgspec.DecodeError:
                aside = files.set_aside(self._record, 0.0)
                trouble = f"the record of what is published was damaged, and is now {aside}"
                data = None
        if data is None:
            self._stored = StoredRecord(version=1, guard=secrets.token_hex(16))
            files.write(self._record, msgspec.json.encode(self._stored))
        self.published = {
            name: Published(digest=one.digest, key=PodKey(one.namespace, one.name), warrant=one.warrant)
            for name, one in self._stored.files.items()
        }
        return trouble

    def put(self, published: Mapping[str, Published], contents: Mapping[str, bytes], identity: str | None) -> None:
        """Make a new record durable, with the contents that it names. Raises StoreError."""
        stored = msgspec.structs.replace(
            self._stored,
            identity=identity or "",
            files={
                name: StoredFile(digest=one.digest, namespace=one.key.namespace, name=one.key.name, warrant=one.warrant)
                for name, one in published.items()
            },
        )
        if stored != self._stored:
            batch = [files.Write(path=self._contents / digest, data=data) for digest, data in contents.items()]
            files.write_many(batch, then=(files.Write(path=self._record, data=msgspec.json.encode(stored)),))
            self._stored, self.published = stored, dict(published)
            wanted = {one.digest for one in published.values()}
            files.remove(*(self._contents / name for name in files.names(self._contents) if name not in wanted))

    def content(self, digest: str) -> bytes | None:
        """Return the bytes of a published content. Raises StoreError."""
        return files.read(self._contents / digest)

    def keep_taken_out(self, digest: str, data: bytes) -> bool:
        """Keep what was taken out of the published directory; False where there is no more room for such."""
        if len(files.names(self._taken_out)) >= MOST_TAKEN_OUT:
            return False
        files.write(self._taken_out / digest, data)
        return True

    def pause(self) -> Pause | None:
        """Return the pause that root asked for last, also one that is over. Damaged: there is none."""
        try:
            data = files.read(self._pause)
            stored = msgspec.json.decode(data, type=StoredPause) if data is not None else None
        except (files.StoreError, msgspec.DecodeError):
            return None
        if stored is None:
            return None
        return Pause(
            reason=stored.reason, seconds=stored.seconds, at=stored.at, boot_id=stored.boot_id, since=stored.since
        )

    def put_pause(self, pause: Pause | None) -> None:
        """Begin a pause, or end it. Raises StoreError."""
        if pause is None:
            files.remove(self._pause)
            return
        stored = StoredPause(
            reason=pause.reason, seconds=pause.seconds, at=pause.at, boot_id=pause.boot_id, since=pause.since
        )
        files.write(self._pause, msgspec.json.encode(stored))

    def ask_to_accept(self) -> None:
        """Leave root's word that the source is right as it is, for the guard that works. Raises StoreError."""
        files.write(self._accepted, b"")

    def take_accepted(self) -> bool:
        """Return whether root has said so, and forget it: it counts once. Raises StoreError."""
        if files.read(self._accepted) is None:
            return False
        files.remove(self._accepted)
        return True

    def put_status(self, data: bytes) -> None:
        """Write what `guard status` shows. Raises StoreError."""
        files.write(self._status, data)

    def status(self) -> bytes | None:
        """Return what was written last. Raises StoreError."""
        return files.read(self._status)
