"""Removes logs that nobody can ask for any more. Everything here blocks, and tells of what cannot be removed."""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from podstead.identity import PodUID

log = logging.getLogger(__name__)


def list_pod(directory: Path) -> dict[str, list[str]]:
    """Return the file names in a pod's log directory by container; what is not there is empty."""
    return {container: _names(directory / container) for container in _names(directory)}


def remove_logs(directory: Path, relative: Iterable[str]) -> None:
    """Remove files and containers' directories of a pod's log directory."""
    for name in relative:
        _remove(directory / name)


def remove_pod(pod_logs: Path, uid: PodUID | str) -> None:
    """Remove every log of an incarnation: its uid is ours alone, and ends the directory's name."""
    for name in _names(pod_logs):
        if name.endswith(f"_{uid}"):
            _remove(pod_logs / name)


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return []


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except IsADirectoryError:
        shutil.rmtree(path, onerror=lambda _, where, error: _tell(where, error[1]))
    except OSError as error:
        _tell(path, error)


def _tell(path: object, error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        log.warning("cannot remove the log %s: %s", path, error)
