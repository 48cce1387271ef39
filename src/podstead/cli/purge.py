"""Removes everything of the machine's own agent: state, images, logs, manifests. Never a host path of a pod."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.volumes.mountinfo import below, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from podstead.config.paths import Paths


def purge(paths: Paths, others: Sequence[Path], root: Path, *, dry: bool) -> Iterator[str]:
    """Remove the agent's directories and `others`, below `root`; yields a line for each.

    Raises:
        OperatorError: something is mounted there, or it cannot be removed.
    """
    trees = [*_logs(paths, root), paths.root, paths.run, *others]
    there = [(tree, root / tree.relative_to("/")) for tree in trees]
    there = [(tree, real) for tree, real in there if real.is_dir() and not real.is_symlink()]
    mounts = parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    for tree, real in there:
        if held := below(mounts, real):
            text = f"{held[0].path} is mounted there; unmount it, then say uninstall --purge again"
            raise OperatorError(f"cannot remove {tree}: {text}")
    for tree, real in there:
        if not dry:
            try:
                shutil.rmtree(real)
            except OSError as error:
                raise OperatorError(f"cannot remove {tree}: {error.strerror or error}") from error
        yield f"{'would be removed' if dry else 'removed':<10} {tree}"


def _logs(paths: Paths, root: Path) -> Iterator[Path]:
    """Yield the log directories of our pods: the place may be a kubelet's as well, names end with the pod's uid."""
    places = (paths.pods, paths.state / "records")
    # Directories of pods are named by their uids, records NAMESPACE_NAME_UID.json.
    ours = {entry.stem.rpartition("_")[2] for place in places for entry in _entries(root, place)}
    for entry in _entries(root, paths.pod_logs):
        if entry.name.rpartition("_")[2] in ours:
            yield paths.pod_logs / entry.name


def _entries(root: Path, directory: Path) -> list[Path]:
    try:
        return sorted((root / directory.relative_to("/")).iterdir())
    except OSError:
        return []
