"""nfs volumes, mounted by the host's own mount.nfs. Everything here blocks, for a dead server as long as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.volumes.emptydir import is_mounted
from podstead.volumes.mounter import MountError
from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter


def prepare(volume: str, source: v1.NFSVolumeSource, path: Path, mounter: Mounter) -> Ready | VolumeTrouble:
    """Mount the export, once."""
    server = f"[{source.server}]" if ":" in source.server else source.server
    export = f"{server}:{source.path}"
    try:
        if not is_mounted(path, mounter):
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
            mounter.mount_nfs(path, export, read_only=bool(source.read_only))
    except MountError as error:
        return VolumeTrouble(message=f"cannot mount volume {volume!r} from {export}: {error}")
    except OSError as error:
        return VolumeTrouble(message=f"cannot make volume {volume!r} at {path}: {error.strerror or error}")
    return Ready(path=path)
