"""The mount namespace of the private containerd: made once, pinned to a file, entered again at every start.

A fresh namespace at each start would lose the network namespaces of running pods, which containerd bind-mounts
(foundation 5). Mounts made later on the host below the instance's root reach it, its own never reach the host.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from podstead.errors import OperatorError

COMMAND_SECONDS = 20
"""mount(8) and its kin answer within milliseconds; a hanging NFS server must not hang the start for ever."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MountEntry:
    """One line of /proc/self/mountinfo (proc(5)), as far as it concerns us."""

    mount_point: Path
    root: str
    """The part of the file system that is mounted."""
    fs_type: str
    shared: bool
    """Mounts made below it propagate to its peers and slaves."""
    super_options: tuple[str, ...] = ()


def parse_mountinfo(text: str) -> tuple[MountEntry, ...]:
    """Decode /proc/PID/mountinfo; lines of an unknown shape are left out."""
    entries = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, behind = left.split(" "), right.split(" ")
        if len(fields) < 6 or len(behind) < 3:
            continue
        entries.append(
            MountEntry(
                mount_point=Path(_unescape(fields[4])),
                root=_unescape(fields[3]),
                fs_type=behind[0],
                shared=any(tag.startswith("shared:") for tag in fields[6:]),
                super_options=tuple(behind[2].split(",")),
            )
        )
    return tuple(entries)


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def read_mounts() -> tuple[MountEntry, ...]:
    """Return the mounts that this process sees, in the order they were made."""
    return parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def mount_holding(path: Path, entries: tuple[MountEntry, ...]) -> MountEntry | None:
    """Return the mount that `path` (absolute, resolved) lies on: the deepest one, of equal ones the last."""
    best: MountEntry | None = None
    for entry in entries:
        below = path == entry.mount_point or entry.mount_point in path.parents
        if below and (best is None or len(entry.mount_point.parts) >= len(best.mount_point.parts)):
            best = entry
    return best


def mixed_cgroup2_mounts(entries: tuple[MountEntry, ...]) -> tuple[Path, ...]:
    """Return the cgroup2 mounts beside cgroup v1 controllers: crun refuses such a node (spec/cri.md 2)."""
    if not any(entry.fs_type == "cgroup" for entry in entries):
        return ()
    return tuple(entry.mount_point for entry in entries if entry.fs_type == "cgroup2")


def run_command(*command: str) -> None:
    """Run one short program.

    Raises:
        OperatorError: it failed or did not end in time; its own words are in the sentence.
    """
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[:400] or f"exit code {error.returncode}"
        raise OperatorError(f"cannot run {' '.join(command)!r}: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"cannot run {' '.join(command)!r}: {error}") from error


class PinnedMountNamespace:
    """A mount namespace that lives as long as its file is mounted, whoever runs in it.

    `directory` holds the pin and the marks of what was mounted on the host; `shared` is the directory whose later
    mounts must be visible inside.
    """

    def __init__(self, directory: Path, shared: Path) -> None:
        self._directory = directory
        self._shared = shared.resolve()
        self.pin = directory / "mnt"
        self._mark = directory.with_name(directory.name + ".root-bound")
        """Beside, not in, the directory: it says that we mounted `shared` on itself, and must undo it."""

    def exists(self) -> bool:
        """Tell whether the pin is mounted; a file alone (left by a reboot) is no namespace."""
        return any(entry.mount_point == self.pin and entry.fs_type == "nsfs" for entry in read_mounts())

    def share_root(self) -> None:
        """Let mounts made below the root from now on reach containers, and the namespace that `create` makes.

        To be called before the first pod, also where no namespace is needed: one that a changed OCI runtime needs
        later must find the mounts of running pods, and `mountPropagation` has its effect on machines whose init
        system shares no mounts. What is mounted below the root already stays visible.

        Raises:
            OperatorError: the kernel refuses (no CAP_SYS_ADMIN).
        """
        entry = mount_holding(self._shared, read_mounts())
        if entry is not None and entry.shared:
            return
        if not self._is_mount_point(self._shared):
            self._mark.touch(mode=0o600)
            run_command("mount", "--rbind", str(self._shared), str(self._shared))
        run_command("mount", "--make-rshared", str(self._shared))

    def create(self, unmount: tuple[Path, ...]) -> None:
        """Make the namespace without the mounts of `unmount`, and pin it; `share_root` comes before.

        Raises:
            OperatorError: the kernel refuses (no CAP_SYS_ADMIN, a read-only parent).
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._is_mount_point(self._directory):
            run_command("mount", "--bind", str(self._directory), str(self._directory))
        # A pin cannot be mounted below a shared mount: it would propagate into the namespace that it pins.
        run_command("mount", "--make-private", str(self._directory))
        self.pin.touch(mode=0o600)
        inside = [str(path) for path in unmount]
        program = ["umount", *inside] if inside else ["true"]
        run_command("unshare", f"--mount={self.pin}", "--propagation", "slave", *program)

    def remove(self) -> None:
        """Unpin it and undo what `share_root` and `create` mounted on the host; safe to repeat.

        Raises:
            OperatorError: a mount is still in use.
        """
        if self.exists():
            run_command("umount", str(self.pin))
        self.pin.unlink(missing_ok=True)
        if self._is_mount_point(self._directory):
            run_command("umount", str(self._directory))
        if self._directory.is_dir():
            self._directory.rmdir()
        if self._mark.exists():
            if self._is_mount_point(self._shared):
                # Lazily: the agent itself has files open below it.
                run_command("umount", "--lazy", str(self._shared))
            self._mark.unlink()

    @staticmethod
    def _is_mount_point(path: Path) -> bool:
        resolved = Path(os.path.realpath(path))
        return any(entry.mount_point == resolved for entry in read_mounts())
