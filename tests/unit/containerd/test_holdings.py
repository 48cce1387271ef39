"""What runs, and whether something has changed, as containerd's own files say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podstead.config.paths import paths_for
from podstead.containerd.holdings import METADATA, TASKS, Holdings, holdings

if TYPE_CHECKING:
    from pathlib import Path


def test_tasks_of_every_namespace_and_the_time_of_the_metadata(tmp_path: Path) -> None:
    paths = paths_for(tmp_path)
    assert holdings(paths) == Holdings(tasks=frozenset(), changed_at=0)
    tasks, metadata = paths.containerd_run / "state" / TASKS, paths.containerd / "root" / METADATA
    for name in ("k8s.io/abc", "k8s.io/def", "other/abc"):
        (tasks / name).mkdir(parents=True)
    (tasks / "k8s.io/file").touch()
    metadata.parent.mkdir(parents=True)
    metadata.touch()
    os.utime(metadata, ns=(7, 7))
    expected = {("k8s.io", "abc"), ("k8s.io", "def"), ("other", "abc")}
    assert holdings(paths) == Holdings(tasks=frozenset(expected), changed_at=7)
