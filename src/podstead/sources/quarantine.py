"""Where refused files are put on request: moved by descriptor, never lost, within bounds, and given back on root's word.

A file is moved only if it is, byte for byte and inode for inode, what was judged. Blocking.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.sources.opening import open_beneath, open_without_links
from podstead.sources.place import PlaceFault, open_place
from podstead.state.sources import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.sources import SourceSettings

MOST_FILES = 100
MOST_BYTES = 16 << 20
"""Of all files: a hundred of 160 KiB, which no Pod has. Beyond that new ones stay where they are: no flood pushes out the
evidence of the one that mattered."""
CONTENT, NOTE = ".manifest", ".json"
ASIDE = ".podstead-quarantine-"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE = 1  # linux/fs.h, RENAME_NOREPLACE
_ID = re.compile(r"[0-9]{14}-[0-9a-f]{8}")


def cell_of(root: Path) -> Path:
    """Return where the quarantine of a root directory is; 0700."""
    return root / "quarantine"


class QuarantineFault(Exception):
    """A file stays where it is; the text is one sentence. `full`: there is no room for it."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What lies in quarantine: which file it was, when it was moved (RFC 3339), why, and who is known to have written it."""

    id: str
    name: str
    path: str
    digest: str
    size: int
    owner: str
    moved_at: str
    reason: str
    message: str
    writer: str = ""


def take(settings: SourceSettings, cell: Path, what: Quarantined) -> None:
    """Move a file of the manifest directory into quarantine. Raises QuarantineFault where it stays as it is."""
    if is_url(what.name):
        raise QuarantineFault(f"{what.name} is no file")
    with contextlib.ExitStack() as held:
        try:
            place = open_place(settings.path.absolute(), was_single=None, follow=settings.allow_insecure)
            held.callback(place.close)
            inside = _open_cell(cell)
            held.callback(os.close, inside)
            _check_room(inside, what.size)
            judged = _open_judged(place.descriptor, what, settings.max_file_bytes)
            held.callback(os.close, judged)
            _write(inside, what.id + NOTE, msgspec.json.format(msgspec.json.encode(what)))
            try:
                _move(place.descriptor, what.name, inside, what.id + CONTENT, judged)
            except BaseException:
                os.unlink(what.id + NOTE, dir_fd=inside)
                raise
            os.fsync(place.descriptor)
            os.fsync(inside)
        except PlaceFault as fault:
            raise QuarantineFault(str(fault)) from fault
        except OSError as error:
            raise QuarantineFault(f"{what.path} cannot be moved: {error.strerror}") from error


def entries(cell: Path) -> tuple[Quarantined, ...]:
    """Return what lies there, the oldest first; what cannot be read is left out. Raises OSError."""
    try:
        inside = open_without_links(cell.absolute(), _DIRECTORY)
    except FileNotFoundError:
        return ()
    try:
        return tuple(sorted(_entries(inside), key=lambda one: one.id))
    finally:
        os.close(inside)


def restore(cell: Path, identifier: str) -> Quarantined:
    """Put a file back where it was, if nothing has its name by now. Raises QuarantineFault."""
    found = next((one for one in entries(cell) if one.id == identifier), None)
    if found is None:
        raise QuarantineFault(f"nothing in {cell} is called {identifier}")
    with contextlib.ExitStack() as held:
        try:
            inside = open_without_links(cell.absolute(), _DIRECTORY)
            held.callback(os.close, inside)
            directory = open_without_links(Path(found.path).parent, _DIRECTORY)
            held.callback(os.close, directory)
            judged = open_beneath(inside, found.id + CONTENT, _READ)
            held.callback(os.close, judged)
            _move(inside, found.id + CONTENT, directory, found.name, judged)
            os.fsync(directory)
            os.unlink(found.id + NOTE, dir_fd=inside)
        except FileExistsError:
            raise QuarantineFault(f"{found.path} is there: move it away first") from None
        except OSError as error:
            raise QuarantineFault(f"{found.path} cannot be put back: {error.strerror}") from error
    return found


def _entries(inside: int) -> Iterator[Quarantined]:
    for name in os.listdir(inside):
        identifier = name.removesuffix(NOTE)
        if identifier == name or not _ID.fullmatch(identifier):
            continue
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            os.stat(identifier + CONTENT, dir_fd=inside, follow_symlinks=False)
            found = msgspec.json.decode(_content(inside, name, 64 << 10), type=Quarantined)
            if found.id == identifier and "/" not in found.name:
                yield found


def _open_cell(cell: Path) -> int:
    with contextlib.suppress(FileExistsError):
        cell.mkdir(mode=0o700)
    inside = open_without_links(cell.absolute(), _DIRECTORY)
    os.fchmod(inside, 0o700)
    return inside


def _check_room(inside: int, size: int) -> None:
    held = [os.stat(n, dir_fd=inside, follow_symlinks=False) for n in os.listdir(inside) if n.endswith(CONTENT)]
    if len(held) >= MOST_FILES or sum(one.st_size for one in held) + size > MOST_BYTES:
        text = f"the quarantine is full ({len(held)} files): look through it (podstead quarantine list) and empty it"
        raise QuarantineFault(text, full=True)


def _open_judged(directory: int, what: Quarantined, limit: int) -> int:
    descriptor = open_beneath(directory, what.name, _READ)
    with contextlib.ExitStack() as held:
        held.callback(os.close, descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or _digest(descriptor, limit) != what.digest:
            raise QuarantineFault(f"{what.path} has changed since it was judged")
        held.pop_all()
    return descriptor


def _move(source: int, name: str, target: int, new: str, judged: int) -> None:
    """Move what `judged` has open; whatever else has its name by then is put back. Raises OSError, QuarantineFault."""
    try:
        _rename(source, name, target, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(source, name, target, new, judged)
        return
    if not _is(target, new, judged):
        _rename(target, new, source, name)
        raise QuarantineFault(f"{name} was exchanged while it was moved: it is left where it is")


def _move_across(source: int, name: str, target: int, new: str, judged: int) -> None:
    """Do the same between two file systems: take the name away first, so that what is removed is what was copied."""
    aside = f"{ASIDE}{secrets.token_hex(8)}"
    _rename(source, name, source, aside)
    try:
        _copy(source, name, aside, target, new, judged)
    except BaseException:
        _rename(source, aside, source, name)
        raise
    os.unlink(aside, dir_fd=source)


def _copy(source: int, name: str, aside: str, target: int, new: str, judged: int) -> None:
    if not _is(source, aside, judged):
        raise QuarantineFault(f"{name} was exchanged while it was moved: it is left where it is")
    status, fresh = os.fstat(judged), f"{ASIDE}{secrets.token_hex(8)}"
    os.lseek(judged, 0, os.SEEK_SET)
    _write(target, fresh, _all(judged, status.st_size + 1), status)
    _rename(target, fresh, target, new)


def _is(directory: int, name: str, judged: int) -> bool:
    found, wanted = os.stat(name, dir_fd=directory, follow_symlinks=False), os.fstat(judged)
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def _rename(source: int, name: str, target: int, new: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(source, os.fsencode(name), target, os.fsencode(new), ctypes.c_uint(_NOREPLACE)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)


def _write(directory: int, name: str, data: bytes, like: os.stat_result | None = None) -> None:
    """Write a new file durably; on error it is gone again. Raises OSError."""
    # Not by `whole_files`: nothing here may take the place of a file, and a copy has the owner of what it was made from.
    descriptor = os.open(name, _WRITE, 0o600, dir_fd=directory)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            if like is not None:
                os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        os.unlink(name, dir_fd=directory)
        raise


def _digest(descriptor: int, limit: int) -> str:
    return hashlib.sha256(_all(descriptor, limit + 1)).hexdigest()


def _content(directory: int, name: str, limit: int) -> bytes:
    descriptor = open_beneath(directory, name, _READ)
    try:
        return _all(descriptor, limit)
    finally:
        os.close(descriptor)


def _all(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
