"""Mounting below the pods' directories.

Mounts are made on the host: the agent's root is a shared mount there, so they reach the private containerd's
namespace and its containers (foundation 5). Everything here blocks; a network file system may do so for ever.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from podstead.volumes import grafts, mountinfo
from podstead.volumes.removal import mount_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.volumes.mountinfo import MountPoint
    from podstead.volumes.protection import Veil

COMMAND_SECONDS = 20
"""mount(8) and umount(8) answer within milliseconds, an NFS server that is there within seconds."""
HELPER_PATH = "/sbin:/usr/sbin:/usr/local/sbin"
"""Where mount(8) looks for the programs that know a file system."""


class MountError(OSError):
    """mount(8) or umount(8) failed; the text is its own."""


class Mounter(Protocol):
    """What volumes ask of the node's mount table. All calls block; those that change it raise MountError."""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        """Mount a tmpfs of at most `size` bytes (0: the kernel's default) on a directory."""
        ...

    def resize_tmpfs(self, path: Path, size: int) -> None:
        """Give a mounted tmpfs another limit, which is not less than what it holds."""
        ...

    def mount_huge_pages(self, path: Path, *, page_bytes: int, size: int, mode: int, gid: int | None) -> None:
        """Mount a hugetlbfs of pages of this size, of at most `size` bytes (0: all that the node has)."""
        ...

    def mount_nfs(self, path: Path, source: str, *, read_only: bool) -> None:
        """Mount `server:/path` on a directory."""
        ...

    def bind(self, descriptor: int, target: Path) -> None:
        """Mount an open file or directory (O_PATH will do) on another of its kind: that one, whatever its path is now."""
        ...

    def unmount(self, path: Path, *, detach: bool = False) -> None:
        """Unmount what is mounted on `path`, never following a link at its end.

        `detach`: it is taken out of the tree at once even if its server does not answer.
        """
        ...

    def space(self, path: Path) -> tuple[int, int]:
        """Return how many bytes what is mounted on `path` may hold, and how many of them are used."""
        ...

    def mount_points(self, path: Path) -> tuple[MountPoint, ...]:
        """Return the mounts at and below a real path, the last made first."""
        ...

    def graft(self, descriptor: int, target: Path, *, recursive: bool, follows: bool, veil: Veil | None = None) -> None:
        """Put a copy of what an open file stands for on `target`, with what is mounted below it if it is `recursive`.

        Nothing that becomes of the copy reaches the original; with `follows` later mounts below the original reach the
        copy. Through a veil it is read-only, with whatever is mounted in it. Raises UnsupportedError too.
        """
        ...

    def detach(self, path: Path) -> None:
        """Take everything that is mounted on `path` out of the tree with what is below it; nothing where there is nothing."""
        ...

    def table(self) -> tuple[MountPoint, ...]:
        """Return all mounts, in the order in which they were made."""
        ...

    def is_shared(self, path: Path) -> bool:
        """Return whether mounts made below a path are passed on to other mount namespaces."""
        ...


class SystemMounter:
    """The node's own mount table, changed by mount(8) and umount(8)."""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        """Mount a tmpfs; without swap where the kernel knows how (6.4 and later)."""
        options = [f"mode={mode:o}", *([f"size={size}"] if size else []), *_group(gid)]
        try:
            _mount("tmpfs", "tmpfs", path, [*options, "noswap"])
        except MountError:
            _mount("tmpfs", "tmpfs", path, options)

    def resize_tmpfs(self, path: Path, size: int) -> None:
        """Remount with another size; the other options stay."""
        _run(["mount", "-o", f"remount,size={size}", str(path)])

    def mount_huge_pages(self, path: Path, *, page_bytes: int, size: int, mode: int, gid: int | None) -> None:
        """Mount a hugetlbfs."""
        options = [f"pagesize={page_bytes}", f"mode={mode:o}", *([f"size={size}"] if size else []), *_group(gid)]
        _mount("hugetlbfs", "nodev", path, options)

    def mount_nfs(self, path: Path, source: str, *, read_only: bool) -> None:
        """Mount an NFS export by the node's own mount.nfs."""
        if shutil.which("mount.nfs", path=HELPER_PATH) is None:
            raise MountError("mount.nfs is not installed on this node: install the package nfs-common (or nfs-utils)")
        _mount("nfs", source, path, ["ro"] if read_only else ["rw"])

    def bind(self, descriptor: int, target: Path) -> None:
        """Bind what the descriptor stands for: /proc gives it without a path that somebody could change."""
        source = f"/proc/self/fd/{descriptor}"
        _run(["mount", "--no-canonicalize", "--bind", source, str(target)], descriptors=(descriptor,))

    def unmount(self, path: Path, *, detach: bool = False) -> None:
        """Unmount; one that is busy or whose server is away is detached if that is wanted."""
        command = ["umount", "--no-canonicalize"]
        try:
            _run([*command, str(path)])
        except MountError:
            if not detach:
                raise
            _run([*command, "--force", "--lazy", "--internal-only", str(path)])

    def space(self, path: Path) -> tuple[int, int]:
        """Ask the file system."""
        status = os.statvfs(path)
        return status.f_blocks * status.f_frsize, (status.f_blocks - status.f_bfree) * status.f_frsize

    def mount_points(self, path: Path) -> tuple[MountPoint, ...]:
        """Read them of this process."""
        return mountinfo.below(_read(), path)

    def graft(self, descriptor: int, target: Path, *, recursive: bool, follows: bool, veil: Veil | None = None) -> None:
        """Copy the tree whole, or through a veil mount by mount."""
        try:
            if veil is None:
                grafts.graft(descriptor, target, recursive=recursive, follows=follows)
            else:
                _veiled(descriptor, target, veil, recursive=recursive, follows=follows)
        except grafts.UnsupportedError:
            raise
        except OSError as error:
            raise MountError(f"the kernel refuses to mount it: {error.strerror}") from error

    def detach(self, path: Path) -> None:
        """Detach; what is still in use goes with its last user."""
        try:
            grafts.detach(path)
        except OSError as error:
            raise MountError(f"{path}: {error.strerror}") from error

    def table(self) -> tuple[MountPoint, ...]:
        """Read them of this process."""
        return _read()

    def is_shared(self, path: Path) -> bool:
        """Look at the mount that the path's real place lies on."""
        point = mountinfo.holding(_read(), Path(os.path.realpath(path)))
        return point is not None and point.shared


def _read() -> tuple[MountPoint, ...]:
    return mountinfo.parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def _veiled(descriptor: int, target: Path, veil: Veil, *, recursive: bool, follows: bool) -> None:
    """Show a directory read-only, without what the veil leaves out. A mount that cannot be copied is left out as well."""
    grafts.graft(descriptor, target, recursive=False, follows=follows, read_only=True)
    for point, path in veil.parts if recursive else ():
        try:
            part = os.open(point.path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if mount_id(part) == point.identifier:  # else another mount lies over it
                grafts.graft(part, target / path, recursive=False, follows=follows, read_only=True)
        except grafts.UnsupportedError:
            raise
        except OSError:
            continue
        finally:
            os.close(part)
    for path in veil.covers:
        if (target / path).is_dir():
            grafts.cover(target / path)


def _group(gid: int | None) -> list[str]:
    return [] if gid is None else [f"gid={gid}"]


def _mount(fs_type: str, source: str, path: Path, options: Sequence[str]) -> None:
    # A manifest writes the source: what begins with a dash would be an option, by which anything can be mounted.
    _run(["mount", "-t", fs_type, "-o", ",".join(options), "--", source, str(path)])


def _run(command: list[str], descriptors: Sequence[int] = ()) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
        )
    except FileNotFoundError:
        raise MountError(f"{command[0]} is not installed (package mount)") from None
    except subprocess.TimeoutExpired:
        raise MountError(f"{command[0]} did not answer within {COMMAND_SECONDS} s") from None
    if done.returncode != 0:
        raise MountError(done.stderr.decode("utf-8", "replace").strip() or f"{command[0]} ended with {done.returncode}")
