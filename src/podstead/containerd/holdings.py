"""What a private containerd holds, as its own files say: without asking it, and so as often as one likes. Blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths

TASKS = "io.containerd.runtime.v2.task"
METADATA = "io.containerd.metadata.v1.bolt/meta.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What runs, by namespace and id, and when its metadata last changed: a sandbox, a container, an image came or went."""

    tasks: frozenset[tuple[str, str]]
    changed_at: int
    """Nanoseconds of the file's modification time, 0 where it cannot be read."""


def holdings(paths: Paths) -> Holdings:
    """Look at the directories of running tasks (one a task, below one a namespace) and at the database's time."""
    tasks = paths.containerd_run / "state" / TASKS
    found = {(space.name, task.name) for space in _entries(tasks) for task in _entries(space)}
    try:
        changed_at = (paths.containerd / "root" / METADATA).stat().st_mtime_ns
    except OSError:
        changed_at = 0
    return Holdings(tasks=frozenset(found), changed_at=changed_at)


def _entries(directory: Path) -> list[Path]:
    try:
        return [entry for entry in directory.iterdir() if entry.is_dir()]
    except OSError:
        return []
