"""Makes, limits and removes cgroups below the instance's root, in every hierarchy; touches nothing outside of it.

containerd makes the containers' cgroups inside a pod's, but neither limits the pod nor removes its cgroup
(spec/cri.md 6). The methods block for a short, bounded time: call them in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

from podstead.cgroups.layout import check_root, qos_cgroup_path
from podstead.cgroups.values import MIN_SHARES, v1_files, v2_files
from podstead.errors import OperatorError
from podstead.k8s.resources import CgroupValues

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.cgroups.hierarchy import Hierarchies, Hierarchy

REMOVE_SECONDS = 2.0
"""rmdir gives EBUSY until the kernel has reaped the last task: milliseconds, after SIGKILL on a loaded node more."""
RETRY_SECONDS = 0.02
DELEGATED = frozenset({"cpu", "cpuset", "hugetlb", "io", "memory", "pids"})
"""Controllers whose limits a pod or container can have."""


class CgroupTree:
    """The cgroups of one instance; `root` is `/podstead-<short id>`."""

    def __init__(self, root: str, hierarchies: Hierarchies) -> None:
        self.root = check_root(root)
        self.hierarchies = hierarchies

    def prepare(self) -> None:
        """Make the root and the QoS classes; BestEffort pods together get the least CPU weight.

        Raises:
            OperatorError: the kernel refuses.
        """
        least = CgroupValues(shares=MIN_SHARES, quota=0, period=0, memory_limit=0)
        self.create(qos_cgroup_path(self.root, "BestEffort"), least)
        self.create(qos_cgroup_path(self.root, "Burstable"), least)

    def create(self, path: str, values: CgroupValues, *, pids_limit: int = 0) -> tuple[str, ...]:
        """Make a cgroup with its parents and set its limits; also changes those of one that is there.

        Returns:
            The controllers that this machine lacks, so that their limits do not hold.

        Raises:
            OperatorError: the kernel refuses a directory or a value.
            ValueError: the path is not below the root.
        """
        parts = self._parts(path)
        missing = []
        for tree in self.hierarchies.trees:
            # A v2 tree beside v1 controllers limits nothing; its own controllers are the host's business.
            if not tree.unified or self.hierarchies.version == 2:
                self._make(tree, parts)
        if self.hierarchies.version == 1:
            for file in v1_files(values, pids_limit):
                owner = self.hierarchies.of(file.controller)
                if owner is None:
                    missing.append(file.controller)
                else:
                    self._write(owner.mount.joinpath(*parts) / file.name, file.text)
        elif (unified := self.hierarchies.unified) is not None:
            directory = unified.mount.joinpath(*parts)
            enabled = _words(directory / "cgroup.controllers")
            for file in v2_files(values, pids_limit):
                if file.controller in enabled:
                    self._write(directory / file.name, file.text)
                else:
                    missing.append(file.controller)
        return tuple(dict.fromkeys(missing))

    def remove(self, path: str) -> bool:
        """Remove a cgroup and those inside it, the deepest first, in every hierarchy.

        Returns:
            True if it is gone; False if a process in it outlived the time: call again later.

        Raises:
            OperatorError: the kernel refuses for another reason.
            ValueError: the path is neither the root nor below it.
        """
        parts = self._parts(path, root_too=True)
        deadline = time.monotonic() + REMOVE_SECONDS
        while True:
            busy = [tree for tree in self.hierarchies.trees if not _remove_tree(tree.mount.joinpath(*parts))]
            if not busy:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(RETRY_SECONDS)

    def pids(self, path: str) -> tuple[int, ...]:
        """Return the processes in a cgroup and below it, from every hierarchy.

        Raises:
            ValueError: the path is neither the root nor below it.
        """
        parts = self._parts(path, root_too=True)
        found: set[int] = set()
        for tree in self.hierarchies.trees:
            for file in tree.mount.joinpath(*parts).rglob("cgroup.procs"):
                found.update(int(word) for word in _words(file))
        return tuple(sorted(found))

    def pod_paths(self) -> tuple[str, ...]:
        """Return every pod's cgroup below the root, also one that is left in a single hierarchy only."""
        found: set[str] = set()
        for tree in self.hierarchies.trees:
            top = tree.mount / self.root.lstrip("/")
            for level in ("pod*", "burstable/pod*", "besteffort/pod*"):
                found.update(f"/{one.relative_to(tree.mount)}" for one in top.glob(level) if one.is_dir())
        return tuple(sorted(found))

    def _parts(self, path: str, *, root_too: bool = False) -> list[str]:
        """Return the names of a path, which must lie below the root: whatever is asked, nothing else is touched."""
        parts = path.strip("/").split("/")
        root = self.root.strip("/").split("/")
        inside = parts[: len(root)] == root and (root_too or len(parts) > len(root))
        if not path.startswith("/") or not inside or any(part in {"", ".", ".."} for part in parts):
            raise ValueError(f"not below the cgroup root {self.root}: {path!r}")
        return parts

    def _make(self, tree: Hierarchy, parts: list[str]) -> None:
        directory = tree.mount
        for part in parts:
            if tree.unified:
                self._delegate(directory)
            parent, directory = directory, directory / part
            try:
                directory.mkdir(mode=0o755, exist_ok=True)
            except OSError as error:
                raise OperatorError(f"cannot make the cgroup {directory}: {error.strerror}") from error
            if "cpuset" in tree.controllers:
                # A new v1 cpuset is empty, and no process can be put into an empty one (cpuset(7)).
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if not (directory / name).read_text(encoding="ascii").strip():
                        self._write(directory / name, (parent / name).read_text(encoding="ascii").strip())
        if tree.unified:
            self._delegate(directory)

    @staticmethod
    def _delegate(directory: Path) -> None:
        """Give the controllers that containers need to a v2 cgroup's children; a refused one shows up as missing.

        At the tree's own root this is the one thing written outside of ours: without it no container has a limit.
        systemd and every container runtime do the same there.
        """
        offered = _words(directory / "cgroup.controllers") & DELEGATED
        for controller in sorted(offered - _words(directory / "cgroup.subtree_control")):
            with contextlib.suppress(OSError):
                (directory / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")

    @staticmethod
    def _write(file: Path, text: str) -> None:
        try:
            file.write_text(text, encoding="ascii")
        except OSError as error:
            raise OperatorError(f"cannot set {file} to {text!r}: {error.strerror}") from error


def _words(file: Path) -> frozenset[str]:
    try:
        return frozenset(file.read_text(encoding="ascii").split())
    except OSError:
        return frozenset()  # no such controller, or gone meanwhile


def _bottom_up(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _bottom_up(directory / entry.name)
    yield directory


def _remove_tree(directory: Path) -> bool:
    """Try once; return False while something in it is busy."""
    for one in _bottom_up(directory):
        try:
            one.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno in {errno.EBUSY, errno.ENOTEMPTY}:
                return False
            raise OperatorError(f"cannot remove the cgroup {one}: {error.strerror}") from error
    return True
