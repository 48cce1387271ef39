"""The manifest directory (or the directory of a single file): opened by descriptor, identified, listed.

Blocking: runs on a thread of `looker`. The descriptor lives for one look only, since an open one would keep the
operator from unmounting the file system.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import heapq
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.sources.names import INDEX_PAIR, companion_of, is_companion_name, is_manifest_name, printable, why_ignored
from podstead.sources.opening import first_link, open_without_links
from podstead.state.sources import FileTrouble, ManifestFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_OPEN_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
MOST_BESIDE = 2
"""Names of signatures that are remembered while listing, for each manifest that may be listed: half a MiB for a while."""
_AT_EMPTY_PATH = 0x1000  # fcntl.h
_MAX_HANDLE_BYTES = 128  # MAX_HANDLE_SZ, name_to_handle_at(2)
_HANDLE_HEADER = struct.Struct("Ii")


class PlaceFault(Exception):
    """The directory cannot be looked at; the text is a sentence for the operator.

    `missing`: nothing has its name. `insecure`: others than root can change it.
    """

    def __init__(self, message: str, *, missing: bool = False, insecure: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        self.insecure = insecure


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An open directory. `single` is the file's name when only one file is looked at."""

    descriptor: int
    directory: str
    identity: str
    mount: tuple[int, int]
    single: str | None = None

    def close(self) -> None:
        """Close the descriptor; errors on closing a directory mean nothing."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The names in a directory: manifests to look at (sorted), how many more there are, and what is left alone.

    `companions` are the names that belong to those manifests, whether or not there is such a file.
    """

    manifests: tuple[str, ...]
    companions: tuple[str, ...] = ()
    overflow: int = 0
    ignored: tuple[ManifestFile, ...] = ()
    unlisted: int = 0


def is_single_file(identity: str | None) -> bool | None:
    """Return whether an identity is that of a single file's place; None for no identity."""
    return None if identity is None else identity.startswith("file:")


def open_place(path: Path, *, was_single: bool | None, follow: bool = False) -> Place:
    """Open the directory, or the parent of a single file. Raises PlaceFault.

    No part of the path may be a link, whose keeper could lead us elsewhere; with `follow` parts above the last one may.

    Whether `path` is a single file is what the file system says; where there is nothing, what it was before, and
    at the very first look what its name says.
    """
    try:
        return _identified(_open(path, follow=follow), str(path), single=None)
    except FileNotFoundError as error:
        if not (is_manifest_name(path.name) if was_single is None else was_single):
            raise PlaceFault(f"{path} does not exist", missing=True) from error
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise _fault(path, error) from error
        _refuse_linked_directory(path, follow=follow)
    try:
        return _identified(_open(path.parent, follow=follow), str(path.parent), single=path.name)
    except FileNotFoundError as error:
        raise PlaceFault(f"{path.parent} does not exist", missing=True) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            _refuse_linked_directory(path.parent, follow=False)
        raise _fault(path.parent, error) from error


def _open(path: Path, *, follow: bool) -> int:
    return os.open(path, _OPEN_FLAGS | os.O_NOFOLLOW) if follow else open_without_links(path, _OPEN_FLAGS)


def list_place(
    place: Place, *, first: Collection[str], max_files: int, max_ignored: int, companions: bool = False
) -> Listing:
    """List the directory in bounded memory. Raises PlaceFault.

    `first` names (those that hold pods) are never pushed out of the budget by others. With `companions` what says
    something about the manifests is not left alone.
    """
    if place.single is not None:
        return Listing(manifests=(place.single,), companions=_companions((place.single,)) if companions else ())
    counts = [0, 0]
    ignored: list[tuple[str, bool]] = []
    beside: set[str] = set()
    try:
        with os.scandir(place.descriptor) as entries:
            left = _without_companions(entries, beside, MOST_BESIDE * max_files) if companions else entries
            kept = heapq.nsmallest(
                max_files, _manifest_names(left, ignored, counts, max_ignored), key=lambda n: (n not in first, n)
            )
    except OSError as error:
        raise _fault(place.directory, error) from error
    wanted = _companions(kept) if companions else ()
    orphans = beside.difference(wanted)
    counts[1] += len(orphans)
    ignored.extend((name, False) for name in orphans)
    ignored.sort()
    return Listing(
        manifests=tuple(sorted(kept)),
        companions=wanted,
        overflow=counts[0] - len(kept),
        ignored=tuple(_ignored_file(place, name, is_directory) for name, is_directory in ignored[:max_ignored]),
        unlisted=counts[1] - min(len(ignored), max_ignored),
    )


def _companions(manifests: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*INDEX_PAIR, *map(companion_of, manifests)}))


def _without_companions(entries: Iterable[os.DirEntry[str]], beside: set[str], most: int) -> Iterator[os.DirEntry[str]]:
    """Give the other entries; collect these names, so that those which belong to no manifest can be named."""
    for entry in entries:
        if not is_companion_name(entry.name):
            yield entry
        elif len(beside) < most:
            beside.add(entry.name)


def _manifest_names(
    entries: Iterable[os.DirEntry[str]], ignored: list[tuple[str, bool]], counts: list[int], max_ignored: int
) -> Iterator[str]:
    """Give the manifest names; collect the others, the lexically first of which remain."""
    for entry in entries:
        if is_manifest_name(entry.name):
            counts[0] += 1
            yield entry.name
            continue
        counts[1] += 1
        ignored.append((entry.name, entry.is_dir(follow_symlinks=False)))
        if len(ignored) >= 4 * max_ignored:
            ignored.sort()
            del ignored[max_ignored:]


def _ignored_file(place: Place, name: str, is_directory: bool) -> ManifestFile:
    reason, message = why_ignored(name, is_directory=is_directory)
    shown = printable(name)
    return ManifestFile(
        name=shown, path=f"{place.directory}/{shown}", trouble=FileTrouble.IGNORED, reason=reason, message=message
    )


def _refuse_linked_directory(path: Path, *, follow: bool) -> None:
    """Raise the fault of a path with a link in it, unless the link is in the place of a single file."""
    try:
        link = first_link(path.absolute())
    except OSError as error:
        raise _fault(path, error) from error
    if link == path.absolute():
        if not is_manifest_name(path.name):
            raise PlaceFault(f"{path} is a symbolic link: give the directory it points to instead")
    elif link is not None and not follow:
        real = os.path.realpath(path)
        raise PlaceFault(f"{path} leads through {link}, which is a symbolic link: give {real} instead")


def _identified(descriptor: int, directory: str, *, single: str | None) -> Place:
    try:
        status = os.fstat(descriptor)
        filesystem = os.fstatvfs(descriptor).f_fsid
        handle, mount = _handle(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    kind = "directory" if single is None else "file"
    return Place(
        descriptor=descriptor,
        directory=directory,
        identity=f"{kind}:{filesystem:x}:{handle or status.st_ino}",
        mount=(status.st_dev, mount),
        single=single,
    )


def _handle(descriptor: int) -> tuple[str, int]:
    """Return the kernel's persistent handle of the directory, or "" where the file system gives none, and its mount id.

    The handle holds the inode's generation beside its number: ext4 gives a directory that is made after `rm -r`
    the old one's number (tried), and its emptiness would look like an operator's wish (foundation 9).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_HANDLE_HEADER.size + _MAX_HANDLE_BYTES)
    _HANDLE_HEADER.pack_into(buffer, 0, _MAX_HANDLE_BYTES, 0)
    mount = ctypes.c_int(0)
    if libc.name_to_handle_at(descriptor, b"", buffer, ctypes.byref(mount), _AT_EMPTY_PATH) != 0:
        return "", mount.value
    size, kind = _HANDLE_HEADER.unpack_from(buffer)
    raw = buffer.raw[_HANDLE_HEADER.size : _HANDLE_HEADER.size + size]
    return f"{kind}-{raw.hex()}", mount.value


def _fault(path: Path | str, error: OSError) -> PlaceFault:
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    hints = {
        errno.ENOTDIR: "a part of the path is not a directory",
        errno.EACCES: "the agent may not read it: check owner, mode and mount options",
        errno.EIO: "the disk or file system under it fails: check the kernel's log",
        errno.ESTALE: "the server of its file system lost it: mount it again",
        errno.ENOTCONN: "the process that serves its file system has ended: mount it again",
        errno.EMFILE: "the agent has too many files open",
        errno.ENFILE: "the system has too many files open",
    }
    hint = hints.get(error.errno or 0, os.strerror(error.errno or 0))
    return PlaceFault(f"cannot read {path} ({code}): {hint}")
