"""One manifest file: looked at, judged by its form, and read safely through the directory's descriptor.

Blocking: runs on a thread of `looker`. Nothing here follows a link, opens a FIFO or a device, or reads a file
that is too large; the bytes that were read are the bytes that are delivered (foundation 7, 8, 10).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.sources.opening import open_beneath
from podstead.sources.posture import file_fault, owner_name
from podstead.state.sources import FileTrouble, ManifestFile

if TYPE_CHECKING:
    from podstead.clock import Instant

READ_ATTEMPTS = 3
"""A file that changes under each of these reads is being written: its close will bring us back."""
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FORMS = (
    (stat.S_ISLNK, "SymbolicLink", "it is a symbolic link: put the file itself here, links are never followed"),
    (stat.S_ISDIR, "IsDirectory", "it is a directory named like a manifest: rename it"),
    (stat.S_ISFIFO, "IsFifo", "it is a FIFO, not a file: remove it"),
    (stat.S_ISSOCK, "IsSocket", "it is a socket, not a file: remove it"),
    (stat.S_ISCHR, "IsDevice", "it is a character device, not a file: remove it"),
    (stat.S_ISBLK, "IsDevice", "it is a block device, not a file: remove it"),
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of a file from another: equal stamps mean equal bytes, owner and mode.

    But for two writes of one length within a tick of the kernel's clock (4 ms before Linux 6.13): the second is known by
    the event of its close.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp of a stat."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def same_writing(self, other: Stamp) -> bool:
        """Return whether nothing was written in between: only mode, owner or links may differ."""
        return (self.device, self.inode, self.size, self.modified_ns) == (
            other.device,
            other.inode,
            other.size,
            other.modified_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one file between looks.

    `stamp` belongs to the bytes in `file.data` and is None without bytes. `waiting` is a newer stamp whose bytes
    are not read yet because they may still be written; it was first seen at `waiting_since` (boot seconds).
    """

    file: ManifestFile
    stamp: Stamp | None = None
    waiting: Stamp | None = None
    waiting_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a look asks of one file.

    `closed`: a writer was seen to close it, or it was renamed into place. `allowance`: bytes left of the budget.
    `lenient`: a file that others than root can write is read all the same, with a warning.
    """

    directory: str
    known: Entry | None
    closed: bool
    now: Instant
    settle_seconds: float
    max_bytes: int
    allowance: int
    lenient: bool = False


def inspect_entry(directory: int, name: str, question: Question) -> Entry | None:
    """Return what this entry of the open directory is now; None where there is none. Raises nothing for a bad file."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        refused = _refusal(name, status, question)
        if refused is not None:
            return refused
        known, stamp = question.known, Stamp.of(status)
        if known is not None and known.stamp == stamp and not question.closed:
            return known if known.waiting is None else Entry(file=known.file, stamp=stamp)
        if not _ripe(stamp, question):
            return _wait(name, status, question)
        return _read(directory, name, question)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(name, question, error)


def _ripe(stamp: Stamp, question: Question) -> bool:
    """Return whether the bytes may be read now.

    A writer that was seen to close decides at once. Without a close (a slow `cat > pod.yaml`, a writer that never
    closes, an event lost in a flood, a file system that tells no events) the stat must have been still for
    `settle_seconds`: longer than an editor's pause between two writes, short enough that nothing waits for ever.
    An emptied file waits even after a close: `: > pod.yaml` is how many scripts begin to write.
    """
    if question.closed and stamp.size > 0:
        return True
    known = question.known
    if known is not None and known.stamp is not None and known.stamp.same_writing(stamp):
        return True
    if question.now.wall - stamp.changed_ns / 1e9 >= question.settle_seconds:
        return True
    if known is None or known.waiting != stamp:
        return False
    return question.now.boot - known.waiting_since >= question.settle_seconds


def _wait(name: str, status: os.stat_result, question: Question) -> Entry:
    known, stamp = question.known, Stamp.of(status)
    since = known.waiting_since if known is not None and known.waiting == stamp else question.now.boot
    if known is not None and known.file.data is not None:
        return Entry(file=known.file, stamp=known.stamp, waiting=stamp, waiting_since=since)
    return Entry(file=_being_written(name, status, question), waiting=stamp, waiting_since=since)


def _being_written(name: str, status: os.stat_result, question: Question) -> ManifestFile:
    message = "it is being written: it is read when its writer closes it, or when it has been still for a second"
    return _trouble(name, question, FileTrouble.PENDING, "BeingWritten", message, status)


def _read(directory: int, name: str, question: Question) -> Entry:
    """Return the entry with its bytes, or why there are none. Raises OSError."""
    status = None
    for _ in range(READ_ATTEMPTS):
        descriptor = open_beneath(directory, name, _OPEN_FLAGS)
        try:
            before = os.fstat(descriptor)
            refused = _refusal(name, before, question)  # the name may have changed hands since it was looked at
            if refused is not None:
                return refused
            data = _read_bounded(descriptor, before.st_size + 1)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        refused = _refusal(name, status, question)  # who may write it now may have written it meanwhile
        if refused is not None:
            return refused
        if Stamp.of(before) == Stamp.of(status) and len(data) == status.st_size:
            return Entry(file=_content(name, status, question, data), stamp=Stamp.of(status))
    if status is None:
        raise AssertionError("READ_ATTEMPTS is positive")
    return _wait(name, status, question)


def _read_bounded(descriptor: int, limit: int) -> bytes:
    """Return at most `limit` bytes: one more than the size tells a file that grew."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _refusal(name: str, status: os.stat_result, question: Question) -> Entry | None:
    """Return the entry of a file whose form forbids reading it, else None."""
    for is_form, reason, message in _FORMS:
        if is_form(status.st_mode):
            return _refused(name, question, reason, message, status)
    if status.st_nlink > 1:
        message = f"it has {status.st_nlink} hard links, so another name can change it: copy it instead"
        return _refused(name, question, "HardLink", message, status)
    fault = None if question.lenient else file_fault(f"{question.directory}/{name}", status)
    if fault is not None:
        return _refused(name, question, *fault, status)
    if status.st_size > question.max_bytes:
        message = (
            f"it has {status.st_size} bytes, the limit is {question.max_bytes}: nothing that belongs here is that large"
        )
        return _refused(name, question, "TooLarge", message, status)
    if not status.st_mode & (stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH):
        message = f"its mode {stat.S_IMODE(status.st_mode):04o} lets nobody read it: chmod 600 if it is to run"
        return Entry(file=_trouble(name, question, FileTrouble.UNREADABLE, "NoReadPermission", message, status))
    if status.st_size > question.allowance:
        message = "all manifests together exceed the memory set aside for them: remove some"
        return _refused(name, question, "TooManyBytes", message, status)
    return None


def _refused(name: str, question: Question, reason: str, message: str, status: os.stat_result) -> Entry:
    return Entry(file=_trouble(name, question, FileTrouble.REFUSED, reason, message, status))


def _unreadable(name: str, question: Question, error: OSError) -> Entry:
    """Return the entry of a file that the file system would not give."""
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
        message = "it was replaced by a link or a device while it was opened: put a plain file here"
        return Entry(file=_trouble(name, question, FileTrouble.REFUSED, "NotAPlainFile", message))
    reasons = {
        errno.EACCES: ("NoReadPermission", "the agent may not read it: check owner, mode and mount options"),
        errno.EPERM: ("NoReadPermission", "the agent may not read it: check owner, mode and mount options"),
        errno.EIO: ("InputOutputError", "the disk or file system under it fails: check the kernel's log"),
        errno.ESTALE: ("StaleFileHandle", "the server of this file system lost it: mount it again"),
        errno.ENOTCONN: ("FileSystemGone", "the process that serves this file system has ended: mount it again"),
    }
    reason, message = reasons.get(error.errno or 0, ("CannotRead", "the file system refuses to read it"))
    return Entry(file=_trouble(name, question, FileTrouble.UNREADABLE, reason, f"cannot read it ({code}): {message}"))


def _content(name: str, status: os.stat_result, question: Question, data: bytes) -> ManifestFile:
    fault = file_fault(f"{question.directory}/{name}", status)
    return ManifestFile(
        name=name,
        path=f"{question.directory}/{name}",
        data=data,
        digest=hashlib.sha256(data).hexdigest(),
        size=len(data),
        modified_at=status.st_mtime,
        owner=owner_name(status.st_uid),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        warnings=(fault[1],) if fault is not None else (),
    )


def _trouble(
    name: str,
    question: Question,
    trouble: FileTrouble,
    reason: str,
    message: str,
    status: os.stat_result | None = None,
) -> ManifestFile:
    return ManifestFile(
        name=name,
        path=f"{question.directory}/{name}",
        size=status.st_size if status else 0,
        modified_at=status.st_mtime if status else 0.0,
        owner=owner_name(status.st_uid) if status else "",
        mode=stat.S_IMODE(status.st_mode) if status else 0,
        trouble=trouble,
        reason=reason,
        message=message,
    )
