"""Files that change all at once under running containers, as Kubernetes writes them. Everything here blocks.

    ..2026_11_23_07_41_03.1a2b3c/conf/my.cnf      the content, never changed once it is there
    ..data -> ..2026_11_23_07_41_03.1a2b3c        swapped by one rename
    conf -> ..data/conf                           what containers open

A privileged container may have put anything into the directory. So every name is opened relative to an open directory
and no link is followed; what is not as it must be is replaced.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podstead.volumes.removal import remove_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from podstead.volumes.payload import FileContent

DATA = "..data"
NEW_DATA = "..data_tmp"
DIRECTORY_MODE = 0o755
GROUP_READS = 0o440
"""What fsGroup adds to a file that containers only read (the kubelet's mask for read-only volumes)."""

_STAMPED = re.compile(r"\.\.\d{4}(?:_\d\d){5}\.[0-9a-f]+")
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(path: Path, payload: Mapping[str, FileContent], group: int | None) -> bool:
    """Make a directory show exactly these files; return whether anything had to change.

    `group` (fsGroup) owns them and may read them. Readers see the old files or the new ones, never some of each.
    """
    top = os.open(path, _OPEN_DIRECTORY)
    try:
        links = {name.partition("/")[0] for name in payload}
        current = _current(top)
        if current is not None and _shows(top, current, payload, group):
            changed = _link(top, links, path)
        else:
            current = _fill(top, payload, group, path)
            _swap(top, current, path)
            _link(top, links, path)
            changed = True
        _tidy(top, {*links, DATA, current}, path)
        return changed
    finally:
        os.close(top)


def is_written(path: Path) -> bool:
    """Return whether a directory shows files that were written here before."""
    try:
        top = os.open(path, _OPEN_DIRECTORY)
    except OSError:
        return False
    try:
        return _current(top) is not None
    finally:
        os.close(top)


def _current(top: int) -> str | None:
    """Return the name of the directory that is shown, None where there is none or the link leads elsewhere."""
    try:
        name = os.readlink(DATA, dir_fd=top)
        if _STAMPED.fullmatch(name) and stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
            return name
    except OSError:
        return None
    return None


def _shows(top: int, current: str, payload: Mapping[str, FileContent], group: int | None) -> bool:
    """Return whether what is shown is this content, with its modes and owners and nothing beside it."""
    base = os.open(current, _OPEN_DIRECTORY, dir_fd=top)
    try:
        return sorted(_files(base)) == sorted(payload) and all(
            _is(base, name, content, group) for name, content in payload.items()
        )
    except OSError:
        return False
    finally:
        os.close(base)


def _files(directory: int, prefix: str = "") -> Iterable[str]:
    """Yield the path of everything below an open directory that is none; no deeper than the paths of a manifest."""
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            yield f"{prefix}{name}"
            continue
        below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
        try:
            yield from _files(below, f"{prefix}{name}/")
        finally:
            os.close(below)


def _is(base: int, name: str, content: FileContent, group: int | None) -> bool:
    handle = _walk(base, name, _OPEN_FILE)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        wanted = (content.user or 0, _mode(content, group))
        if not stat.S_ISREG(status.st_mode) or (status.st_uid, stat.S_IMODE(status.st_mode)) != wanted:
            return False
        if group is not None and status.st_gid != group:
            return False
        return file.read(len(content.data) + 1) == content.data


def _walk(base: int, name: str, flags: int) -> int:
    """Open a file below an open directory, following no link at any step."""
    *folders, last = name.split("/")
    here = os.dup(base)
    try:
        for folder in folders:
            below = os.open(folder, _OPEN_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        return os.open(last, flags, 0o600, dir_fd=here)
    finally:
        os.close(here)


def _fill(top: int, payload: Mapping[str, FileContent], group: int | None, path: Path) -> str:
    """Write the content into a directory of its own that nothing shows yet; return its name.

    Where it does not fit nothing stays behind: a smaller content would find no room beside it either.
    """
    name = f"{datetime.now(UTC):..%Y_%m_%d_%H_%M_%S}.{secrets.token_hex(4)}"
    try:
        _make_directory(top, name, group)
        _fill_in(top, name, payload, group)
    except OSError:
        remove_entry(top, name, path)
        raise
    return name


def _fill_in(top: int, name: str, payload: Mapping[str, FileContent], group: int | None) -> None:
    base = os.open(name, _OPEN_DIRECTORY, dir_fd=top)
    try:
        for folder in sorted({above for path in payload for above in _folders(path)}):
            _make_below(base, folder, group)
        for path, content in payload.items():
            with os.fdopen(_walk(base, path, _CREATE), "wb") as file:
                file.write(content.data)
                os.fchown(file.fileno(), _unless(content.user), _unless(group))
                os.fchmod(file.fileno(), _mode(content, group))
    finally:
        os.close(base)


def _folders(path: str) -> Iterable[str]:
    """Yield the directories that a path lies in, from the top."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _make_below(base: int, folder: str, group: int | None) -> None:
    above, _, last = folder.rpartition("/")
    parent = _walk(base, above, _OPEN_DIRECTORY) if above else os.dup(base)
    try:
        _make_directory(parent, last, group)
    finally:
        os.close(parent)


def _make_directory(parent: int, name: str, group: int | None) -> None:
    os.mkdir(name, 0o700, dir_fd=parent)
    here = os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
    try:
        os.fchown(here, -1, _unless(group))
        os.fchmod(here, DIRECTORY_MODE | (stat.S_ISGID if group is not None else 0))
    finally:
        os.close(here)


def _swap(top: int, current: str, path: Path) -> None:
    """Let `..data` lead to another directory by one rename; something that is no link is taken away first."""
    remove_entry(top, NEW_DATA, path)
    os.symlink(current, NEW_DATA, dir_fd=top)
    try:
        os.rename(NEW_DATA, DATA, src_dir_fd=top, dst_dir_fd=top)
    except OSError:
        remove_entry(top, DATA, path)
        os.rename(NEW_DATA, DATA, src_dir_fd=top, dst_dir_fd=top)


def _link(top: int, names: Iterable[str], path: Path) -> bool:
    """Make the links that containers open; return whether one was not there."""
    changed = False
    for name in names:
        target = f"{DATA}/{name}"
        try:
            if os.readlink(name, dir_fd=top) == target:
                continue
        except OSError:
            pass  # nothing there, or no link
        remove_entry(top, name, path)
        os.symlink(target, name, dir_fd=top)
        changed = True
    return changed


def _tidy(top: int, keep: Iterable[str], path: Path) -> None:
    """Remove everything else: links to files that are no more, and what was shown before."""
    kept = set(keep)
    for name in os.listdir(top):
        if name not in kept:
            remove_entry(top, name, path)


def _mode(content: FileContent, group: int | None) -> int:
    return content.mode if group is None else content.mode | GROUP_READS


def _unless(owner: int | None) -> int:
    """Return an owner as chown(2) takes it: -1 leaves it as it is."""
    return -1 if owner is None else owner
