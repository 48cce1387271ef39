"""Makes, limits and removes cgroups below the instance's root, in every hierarchy; touches nothing outside of it.

containerd makes the containers' cgroups inside a pod's, but neither limits the pod nor removes its cgroup
(spec/cri.md 6). With a root of systemd's the cgroups are slices: systemd makes and ends them and writes their limits, nobody
else, for it writes its own over others' at any time. The methods block for a short, bounded time: call them in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cgroups.layout import (
    QOS_DIRECTORIES,
    SLICE,
    Driver,
    check_root,
    driver_of,
    pod_cgroup_path,
    qos_cgroup_path,
)
from podstead.cgroups.slices import value_properties, weight_property
from podstead.cgroups.systemd import SystemdSlices
from podstead.cgroups.values import (
    DEFAULT_WEIGHT,
    MAX_SHARES,
    MAX_WEIGHT,
    MIN_SHARES,
    least_of,
    root_values,
    v1_files,
    v2_files,
)
from podstead.errors import OperatorError
from podstead.k8s.resources import CgroupValues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
    from podstead.cgroups.slices import Property, Slices

REMOVE_SECONDS = 2.0
"""rmdir gives EBUSY until the kernel has reaped the last task: milliseconds, after SIGKILL on a loaded node more."""
RETRY_SECONDS = 0.02
UNIFIED = 2
DELEGATED = frozenset({"cpu", "cpuset", "hugetlb", "io", "memory", "pids"})
"""Controllers whose limits a pod or container can have."""


class CgroupTree:
    """The cgroups of one instance; `root` is `/podstead-<short id>`, or the slice of that name."""

    def __init__(self, root: str, hierarchies: Hierarchies, slices: Slices | None = None) -> None:
        """`slices` stands for this machine's systemd; it is asked only where the root is a slice."""
        self.root = check_root(root)
        self.hierarchies = hierarchies
        self._slices: Slices | None = None
        self._weighing = threading.Lock()
        """Pods are made in several threads: a sum that one has read must not be written after a later one."""
        unified = hierarchies.unified
        if driver_of(root) is Driver.SYSTEMD and hierarchies.version == UNIFIED and unified is not None:
            self._slices = slices or SystemdSlices(unified.mount)

    def prepare(self, cpus: int = 0) -> None:
        """Make the root and the QoS classes; BestEffort pods together get the least CPU weight.

        Raises:
            OperatorError: the kernel or systemd refuses.
        """
        self._create(self._parts(self.root, root_too=True), root_values(cpus), least_weight=DEFAULT_WEIGHT)
        least = CgroupValues(shares=MIN_SHARES, quota=0, period=0, memory_limit=0)
        self.create(qos_cgroup_path(self.root, "BestEffort"), least)
        self.create(qos_cgroup_path(self.root, "Burstable"), least)
        self._weigh_burstable()

    def create(self, path: str, values: CgroupValues, *, pids_limit: int = 0) -> tuple[str, ...]:
        """Make a cgroup with its parents and set its limits; also changes those of one that is there.

        Returns:
            The controllers that this machine lacks, so that their limits do not hold.

        Raises:
            OperatorError: the kernel or systemd refuses a cgroup or a value.
            ValueError: the path is not below the root.
        """
        missing = self._create(self._parts(path), values, pids_limit)
        self._weigh_burstable(path)
        return missing

    def remove(self, path: str) -> bool:
        """Remove a cgroup and those inside it, the deepest first, in every hierarchy.

        Returns:
            True if it is gone; False if a process in it outlived the time: call again later.

        Raises:
            OperatorError: the kernel or systemd refuses for another reason.
            ValueError: the path is neither the root nor below it.
        """
        parts = self._parts(path, root_too=True)
        deadline = time.monotonic() + REMOVE_SECONDS
        while not self._remove(parts):
            if time.monotonic() >= deadline:
                return False
            time.sleep(RETRY_SECONDS)
        self._weigh_burstable(path)
        return True

    def _remove(self, parts: list[str]) -> bool:
        """Try once; return False while something is busy."""
        if self._slices is not None:
            top = self._unified.joinpath(*parts)
            if _pids_below(top):
                return False  # ending a slice would end the processes in it
            for one in list(_bottom_up(top)):
                if one.name.endswith(SLICE) and one.is_dir():
                    self._slices.stop(one.name)
        busy = [tree for tree in self.hierarchies.trees if not _remove_tree(tree.mount.joinpath(*parts))]
        return not busy

    def pids(self, path: str) -> tuple[int, ...]:
        """Return the processes in a cgroup and below it, from every hierarchy.

        Raises:
            ValueError: the path is neither the root nor below it.
        """
        parts = self._parts(path, root_too=True)
        found: set[int] = set()
        for tree in self.hierarchies.trees:
            found |= _pids_below(tree.mount.joinpath(*parts))
        return tuple(sorted(found))

    def kill(self, path: str) -> None:
        """Send SIGKILL to every process in a cgroup and below it.

        Raises:
            ValueError: the path is neither the root nor below it.
        """
        with contextlib.ExitStack() as opened:
            found: dict[int, int] = {}
            for pid in self.pids(path):
                with contextlib.suppress(ProcessLookupError):
                    found[pid] = os.pidfd_open(pid)
                    opened.callback(os.close, found[pid])
            # A number may have become another process's before it was opened.
            for pid in found.keys() & set(self.pids(path)):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(found[pid], signal.SIGKILL)

    def pod_paths(self) -> tuple[str, ...]:
        """Return every pod's cgroup below the root, also one that is left in a single hierarchy only."""
        found: set[str] = set()
        for tree in self.hierarchies.trees:
            for qos in QOS_DIRECTORIES:
                pattern = pod_cgroup_path(self.root, qos, "UID").replace("UID", "*", 1).lstrip("/")
                found.update(f"/{one.relative_to(tree.mount)}" for one in tree.mount.glob(pattern) if one.is_dir())
        return tuple(sorted(found))

    def _parts(self, path: str, *, root_too: bool = False) -> list[str]:
        """Return the names of a path, which must lie below the root: whatever is asked, nothing else is touched."""
        parts = path.strip("/").split("/")
        root = self.root.strip("/").split("/")
        inside = parts[: len(root)] == root and (root_too or len(parts) > len(root))
        if not path.startswith("/") or not inside or any(part in {"", ".", ".."} for part in parts):
            raise ValueError(f"not below the cgroup root {self.root}: {path!r}")
        return parts

    def _create(
        self, parts: list[str], values: CgroupValues, pids_limit: int = 0, *, least_weight: int = 1
    ) -> tuple[str, ...]:
        for tree in self.hierarchies.trees:
            # A v2 tree beside v1 controllers limits nothing; its own controllers are the host's business.
            if not tree.unified or self.hierarchies.version == UNIFIED:
                self._make(tree, parts, value_properties(values, pids_limit, least_weight))
        missing = []
        if self.hierarchies.version == 1:
            for file in v1_files(values, pids_limit):
                owner = self.hierarchies.of(file.controller)
                if owner is None:
                    missing.append(file.controller)
                else:
                    self._write(owner.mount.joinpath(*parts) / file.name, file.text)
        elif self.hierarchies.unified is not None:
            directory = self._unified.joinpath(*parts)
            enabled = _words(directory / "cgroup.controllers")
            for file in v2_files(values, pids_limit, least_weight):
                if file.controller not in enabled:
                    missing.append(file.controller)
                elif self._slices is None:
                    self._write(directory / file.name, file.text)
        return tuple(dict.fromkeys(missing))

    @property
    def _unified(self) -> Path:
        unified = self.hierarchies.unified
        if unified is None:
            raise OperatorError("this machine has no cgroup v2 tree")
        return unified.mount

    def _weigh_burstable(self, changed: str = "") -> None:
        """Give the Burstable pods together the CPU weight that they have one by one (kubelet: every minute).

        Nothing is remembered for it: the kernel knows what each pod has. `changed` is the cgroup that has changed.
        """
        path = qos_cgroup_path(self.root, "Burstable")
        if changed and not changed.startswith(f"{path}/"):
            return
        relative = path.lstrip("/")
        if self.hierarchies.version == 1:
            owner, name, most = self.hierarchies.of("cpu"), "cpu.shares", MAX_SHARES
        else:
            owner, name, most = self.hierarchies.unified, "cpu.weight", MAX_WEIGHT
        file = owner.mount / relative / name if owner is not None else None
        if file is None or not file.exists():
            return
        with self._weighing:
            weights = (_words(one / name) for one in file.parent.iterdir() if one.is_dir())
            weight = min(most, sum(int(word) for words in weights for word in words)) or least_of(name)
            if _words(file) == {str(weight)}:
                return
            if self._slices is not None:
                self._slices.ensure(file.parent.name, (weight_property(weight),))
            else:
                self._write(file, str(weight))

    def _make(self, tree: Hierarchy, parts: list[str], properties: tuple[Property, ...]) -> None:
        directory = tree.mount
        for depth, part in enumerate(parts, 1):
            if tree.unified:
                self._delegate(directory)
            parent, directory = directory, directory / part
            self._make_one(directory, properties if depth == len(parts) else ())
            if "cpuset" in tree.controllers:
                # A new v1 cpuset is empty, and no process can be put into an empty one (cpuset(7)).
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if not (directory / name).read_text(encoding="ascii").strip():
                        self._write(directory / name, (parent / name).read_text(encoding="ascii").strip())
        if tree.unified:
            self._delegate(directory)

    def _make_one(self, directory: Path, properties: tuple[Property, ...]) -> None:
        if self._slices is not None:
            if properties or not directory.is_dir():
                self._slices.ensure(directory.name, properties)
            return
        try:
            directory.mkdir(mode=0o755, exist_ok=True)
        except OSError as error:
            raise OperatorError(f"cannot make the cgroup {directory}: {error.strerror}") from error

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


def _pids_below(directory: Path) -> set[int]:
    # Not by rglob, which raises where a cgroup goes while it is looked at (Python 3.11).
    return {int(word) for place, _, _ in os.walk(directory) for word in _words(Path(place, "cgroup.procs"))}


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
