"""What emptyDirs hold on the node's disk, against their sizeLimit. `measure` blocks, for seconds where files are many.

Nothing of it is asked for unless a pod has a limit: who enforces it decides when to look.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.volumes import used_volumes
from podstead.volumes.emptydir import size_limit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.k8s import core_v1 as v1

MEASURE_SECONDS = 20
"""A million files in the cache take about two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeUsage:
    """How many bytes one emptyDir holds."""

    volume: str
    used: int


def limits_on_disk(pod: v1.Pod) -> Iterator[tuple[str, int]]:
    """Yield name and sizeLimit (0: none) of each emptyDir that lies on the node's disk; one in memory limits itself."""
    for volume in used_volumes(pod):
        if volume.empty_dir is not None and not volume.empty_dir.medium:
            yield volume.name, size_limit(volume.empty_dir)


def measure(directory: Path) -> int:
    """Return the bytes that a directory takes on its disk, what is mounted below it left out.

    du(1) counts a file with several names once and goes as deep as directories go. Entries that vanish meanwhile are
    no fault. Raises OSError where nothing can be told.
    """
    return _du("-k", directory) << 10


def count_inodes(directory: Path) -> int:
    """Return how many files and directories there are, the directory itself among them; as `measure` does it."""
    return _du("--inodes", directory)


def _du(what: str, directory: Path) -> int:
    command = ["du", "-s", "-x", what, str(directory)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=MEASURE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"du did not answer within {MEASURE_SECONDS} s") from None
    first = done.stdout.split(b"\t", 1)[0]
    if not first.isdigit():
        raise OSError(done.stderr.decode("utf-8", "replace").strip() or f"du ended with {done.returncode}")
    return int(first)
