"""The ids of pods that have a user namespace: 65,536 of the node's for each, nobody else's while the pod is there.

Kept as the kubelet keeps them, in the pod's directory, with which they are given back: containers that join a sandbox
later must name the same ids, over any restart of the agent. Everything but `of` blocks.
"""

from __future__ import annotations

import asyncio
import hashlib
import stat
import threading
from typing import TYPE_CHECKING

import msgspec

from podstead import whole_files
from podstead.state.runtime import ID_RANGE
from podstead.volumes import layout
from podstead.volumes.files import DIRECTORY_MODE
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.identity import PodUID

FIRST_ID = 1_879_048_192
RANGES = 4096
"""From FIRST_ID to 2^31: the last part of what systemd's table of UIDs leaves unused ("Users, Groups, UIDs and GIDs on
systemd Systems"). Lower ids are handed out by useradd and systemd-nspawn, higher ones do not fit everywhere."""
FILE_MODE = 0o600


class _Mapping(msgspec.Struct, frozen=True, rename="camel"):
    host_id: int
    container_id: int
    length: int


class _Kept(msgspec.Struct, frozen=True, rename={"uids": "uidMappings", "gids": "gidMappings"}):
    """The kubelet's file `userns`."""

    uids: tuple[_Mapping, ...]
    gids: tuple[_Mapping, ...]


_KEPT = msgspec.json.Decoder(_Kept)
"""Made at the import: threads in which msgspec meets a type for the first time at once crash the process."""


class IdRanges:
    """Gives out ranges. Two instances of a machine begin their search at different places, and so rarely share any."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        digest = hashlib.sha256(str(paths.root).encode()).digest()
        self._start = int.from_bytes(digest[:4], "big") % RANGES
        self._lock = threading.Lock()

    async def of(self, uid: PodUID) -> int | VolumeTrouble:
        """Return the first of the pod's ids, the same for its whole life."""
        try:
            return await asyncio.to_thread(self._of, uid)
        except OSError as error:
            return VolumeTrouble(message=f"cannot keep the pod's ids: {error.filename}: {error.strerror}")

    def _of(self, uid: PodUID) -> int | VolumeTrouble:
        if (closed := self._closed()) is not None:
            said = f"user namespaces need a way to their root file systems, and {closed} is closed to others"
            return VolumeTrouble(message=f"{said}: chmod o+x {closed}")
        path = layout.id_range(self._paths, uid)
        with self._lock:
            if path.exists():
                return _read(path)
            taken = {_read(file) for file in self._paths.pods.glob(f"*/{path.name}")}
            every = (FIRST_ID + (self._start + step) % RANGES * ID_RANGE for step in range(RANGES))
            first = next((one for one in every if one not in taken), None)
            if first is None:
                return VolumeTrouble(message=f"all {RANGES} ranges of ids for user namespaces are taken")
            _write(path, first)
            return first

    def _closed(self) -> Path | None:
        """Return the first directory on the way to containers' root file systems that only its owner may pass."""
        way = self._paths.containerd_run
        return next((one for one in reversed(way.parents) if not one.stat().st_mode & stat.S_IXOTH), None)


def _read(path: Path) -> int | VolumeTrouble:
    try:
        return _KEPT.decode(path.read_bytes()).uids[0].host_id
    except (msgspec.MsgspecError, IndexError):
        return VolumeTrouble(message=f"cannot tell the pod's ids, {path} is damaged: remove the pod and bring it back")


def _write(path: Path, first: int) -> None:
    """Write a range durably, before anything is made with it."""
    mapping = (_Mapping(host_id=first, container_id=0, length=ID_RANGE),)
    data = msgspec.json.encode(_Kept(uids=mapping, gids=mapping))
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    whole_files.write(path, data, mode=FILE_MODE, durable=True)
