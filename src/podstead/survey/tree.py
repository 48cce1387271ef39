"""Files below a root directory, as whoever has it for `/` would find them."""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import stat
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from podstead.inspection.seen import Kind, SeenFile
from podstead.survey.patience import Patience
from podstead.threads import StuckError

MAX_LINKS = 40
"""As the kernel (path_resolution(7))."""
MAX_BYTES = 10 * 2**20
"""So many bytes of a file are read: from this size on a kubelet refuses a manifest."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISREG, Kind.FILE),
    (stat.S_ISDIR, Kind.DIRECTORY),
    (stat.S_ISLNK, Kind.LINK),
    (stat.S_ISFIFO, Kind.FIFO),
    (stat.S_ISSOCK, Kind.SOCKET),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A path without links, and the links that were on the way to it."""

    real: str
    links: tuple[str, ...]


class Tree:
    """The files below one root. Paths given and returned begin with `/`, which is that root.

    Whom another root directory belongs to is root in it: so it is in a container with users of its own, and in an image that
    a user has unpacked. A path that does not answer is given up after a while, and listed in `patience.silent`.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.patience = Patience()
        self.is_whole = root == Path("/")
        status = None if self.is_whole else root.stat()
        self._uid, self._gid = (status.st_uid, status.st_gid) if status is not None else (0, 0)

    def host(self, path: str) -> Path:
        """Return where a path without links lies for this process."""
        return self._root / path.lstrip("/")

    def resolve(self, path: str) -> Resolved:
        """Return a path with its links followed within the root. Raises OSError where it leads nowhere, or nothing answers."""
        return self.patience.run(path, lambda: self._resolve(path))

    def _at(self, path: str) -> Path:
        """Return where a path lies, to be touched now. Raises OSError where nothing there has answered before."""
        return self.patience.touch(self.host(path))

    def _resolve(self, path: str) -> Resolved:
        waiting = [part for part in reversed(PurePosixPath("/", path).parts) if part != "/"]
        here, links = PurePosixPath("/"), list[str]()
        while waiting:
            part = waiting.pop()
            if part == "..":
                here = here.parent
                continue
            there = here / part
            status = self._at(str(there)).lstat()
            if not stat.S_ISLNK(status.st_mode):
                here = there
                continue
            links.append(str(there))
            if len(links) > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(there))
            target = PurePosixPath(self._at(str(there)).readlink())
            here = PurePosixPath("/") if target.is_absolute() else here
            waiting += [one for one in reversed(target.parts) if one != "/"]
        return Resolved(real=str(here), links=tuple(links))

    def real(self, path: str) -> str:
        """Return a path with its links followed as far as it is there; what is not there stays as it is written."""
        whole = PurePosixPath(os.path.normpath(PurePosixPath("/", path)))
        for above in (whole, *whole.parents):
            try:
                return str(PurePosixPath(self.resolve(str(above)).real, whole.relative_to(above)))
            except OSError:
                continue
        return str(whole)

    def look(self, path: str, *, read: bool = True) -> SeenFile:
        """Return what stands at a path; with `read` its bytes as well. Never raises."""
        try:
            return self.patience.run(path, lambda: self._look(path, read=read))
        except StuckError as error:
            return SeenFile(path=path, kind=Kind.UNREADABLE, error=f"it cannot be read: {error.strerror}")

    def _look(self, path: str, *, read: bool) -> SeenFile:
        try:
            status = self._at(path).lstat()
            target, real = "", path
            if stat.S_ISLNK(status.st_mode):
                target = str(self._at(path).readlink())
                real = self.resolve(path).real
                status = self._at(real).lstat()
            seen = self._see(path, real, status, target)
            return self._with_bytes(seen) if read and seen.kind is Kind.FILE else seen
        except FileNotFoundError:
            return SeenFile(path=path, kind=Kind.MISSING, target=self._target(path))
        except StuckError:
            raise
        except OSError as error:
            why = f"it cannot be read: {error.strerror or error}"
            return SeenFile(path=path, kind=Kind.UNREADABLE, error=why)

    def seen(self, path: str, status: os.stat_result) -> SeenFile:
        """Return what a status that was got otherwise says of the file that is called so."""
        return self._see(path, path, status, "")

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted by their bytes; none where there is no such directory."""
        try:
            return self.listed(path)
        except OSError:
            return ()

    def listed(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted by their bytes. Raises OSError."""
        return self.patience.run(path, lambda: self._listed(path))

    def _listed(self, path: str) -> tuple[str, ...]:
        return tuple(sorted((one.name for one in self._at(self.resolve(path).real).iterdir()), key=os.fsencode))

    def way(self, real: str) -> tuple[SeenFile, ...]:
        """Return the directories from the root to a path without links, the path itself left out unless it is one."""
        whole = PurePosixPath(real)
        seen = (self.look(str(one), read=False) for one in (*reversed(whole.parents), whole))
        return tuple(one for one in seen if one.kind is Kind.DIRECTORY)

    def owner(self, uid: int, gid: int) -> str:
        """Return user and group as a person reads them; of another root's users only root has a name here."""
        return f"{self.user(uid)}:{'root' if gid == 0 else gid}"

    def user(self, uid: int) -> str:
        """Return a user's name, the number where there is none."""
        if uid == 0:
            return "root"
        try:
            return pwd.getpwuid(uid).pw_name if self.is_whole else f"uid {uid}"
        except KeyError:
            return f"uid {uid}"

    def _target(self, path: str) -> str:
        try:
            return str(self._at(path).readlink())
        except OSError:
            return ""

    def _see(self, path: str, real: str, status: os.stat_result, target: str) -> SeenFile:
        kind = next((kind for test, kind in _KINDS if test(status.st_mode)), Kind.DEVICE)
        uid = 0 if status.st_uid == self._uid else status.st_uid
        gid = 0 if status.st_gid == self._gid else status.st_gid
        return SeenFile(
            path=path,
            real=real,
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=uid,
            gid=gid,
            owner=self.owner(uid, gid),
            links=status.st_nlink,
            size=status.st_size,
            modified_at=status.st_mtime,
            target=target,
        )

    def _with_bytes(self, seen: SeenFile) -> SeenFile:
        """Return the file with its bytes, its mode and owner those of the very descriptor that was read."""
        descriptor = os.open(self._at(seen.real), _FLAGS)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, opened with flags of its own
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return replace(seen, kind=Kind.UNREADABLE, error="it changed while it was looked at")
            data = file.read(MAX_BYTES)
        again = self._see(seen.path, seen.real, status, seen.target)
        return replace(again, data=data, digest=hashlib.sha256(data).hexdigest())
