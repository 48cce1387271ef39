"""Puts the files of an installation in their places, and takes away again what is still as it was put.

Nothing that an operator has edited is ever overwritten: beside the files a record says how each was written.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead import whole_files
from podstead.config.paths import DEFAULT_ROOT
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RECORD = DEFAULT_ROOT / "install.json"
ROOT_MODE = 0o711
"""Of the agent's root directory, as the agent itself makes it."""
FILE_MODE = 0o644


class Outcome(enum.Enum):
    """What became, or in a dry run would become, of a file."""

    MADE = "made"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    """It was edited, or is none of ours."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One file or directory, as the system will see it (without `--root`)."""

    path: Path
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory to make; one that is there keeps its mode."""

    path: Path
    mode: int


class _Record(msgspec.Struct, kw_only=True):
    """RECORD's content: the sha256 of each file as it was written, and the directories that were made."""

    files: dict[str, str] = msgspec.field(default_factory=dict)
    directories: list[str] = msgspec.field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Placing:
    """One installation below `root` (`/` on a running machine); `dry` changes nothing."""

    root: Path = Path("/")
    dry: bool = False
    record: Path = RECORD
    _known: _Record = field(init=False)

    def __post_init__(self) -> None:
        self._known = self._read()

    def real(self, path: Path) -> Path:
        """Return where a path of the installed system is now."""
        return self.root / path.relative_to("/")

    def put(self, directories: Sequence[Directory], files: Mapping[Path, str]) -> Iterator[Placed]:
        """Make what is missing and update what nobody edited; raises OperatorError."""
        try:
            for directory in directories:
                yield self._make(directory)
            for path, text in files.items():
                yield self._write(path, text)
        finally:
            self._save()  # also where one could not be written: the others are ours to update and to take away

    def take(self, *, edited: bool = False) -> Iterator[Placed]:
        """Remove what is as it was put: files first, then directories that are empty by then; raises OperatorError.

        With `edited` files go too that were changed since.
        """
        for name, digest in list(self._known.files.items()):
            path, found = Path(name), self._digest(Path(name))
            if found is None:
                del self._known.files[name]
                continue
            if found != digest and not edited:
                yield Placed(path=path, outcome=Outcome.KEPT)
                continue
            if not self.dry:
                _checked(self.real(path).unlink, path)
            del self._known.files[name]
            yield Placed(path=path, outcome=Outcome.REMOVED)
        for name in sorted(self._known.directories, key=lambda name: -len(Path(name).parts)):
            yield from self._take_directory(Path(name))
        if not (self._known.files or self.dry):
            self.real(self.record).unlink(missing_ok=True)
        else:
            self._save()

    def _take_directory(self, path: Path) -> Iterator[Placed]:
        if self.dry:
            return
        with contextlib.suppress(OSError):  # not empty, or gone: then it is the operator's
            self.real(path).rmdir()
            yield Placed(path=path, outcome=Outcome.REMOVED)

    def _make(self, directory: Directory) -> Placed:
        real = self.real(directory.path)
        if real.is_dir():
            return Placed(path=directory.path, outcome=Outcome.UNCHANGED)
        if not self.dry:
            _checked(lambda: _make_directory(real, directory.mode), directory.path)
            self._known.directories.append(str(directory.path))
        return Placed(path=directory.path, outcome=Outcome.MADE)

    def _write(self, path: Path, text: str) -> Placed:
        data = text.encode()
        digest, found = hashlib.sha256(data).hexdigest(), self._digest(path)
        if found == digest:
            self._known.files[str(path)] = digest  # the record is older where a crash came between file and record
            return Placed(path=path, outcome=Outcome.UNCHANGED)
        if found is not None and found != self._known.files.get(str(path)):
            return Placed(path=path, outcome=Outcome.KEPT)
        if not self.dry:
            _checked(lambda: _write_whole(self.real(path), data), path)
            self._known.files[str(path)] = digest
        return Placed(path=path, outcome=Outcome.MADE if found is None else Outcome.UPDATED)

    def _digest(self, path: Path) -> str | None:
        """Return the sha256 of a file as it is, None where there is none."""
        try:
            return hashlib.sha256(self.real(path).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error.strerror}") from error

    def _read(self) -> _Record:
        try:
            return msgspec.json.decode(self.real(self.record).read_bytes(), type=_Record)
        except (FileNotFoundError, msgspec.DecodeError):
            return _Record()  # without it every file that differs counts as edited
        except OSError as error:
            raise OperatorError(f"cannot read {self.record}: {error.strerror}") from error

    def _save(self) -> None:
        if self.dry:
            return
        real, data = self.real(self.record), msgspec.json.format(msgspec.json.encode(self._known), indent=1)
        _checked(lambda: _make_directory(real.parent, ROOT_MODE), self.record.parent)
        _checked(lambda: _write_whole(real, data + b"\n"), self.record)


def _make_directory(path: Path, mode: int) -> None:
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.mkdir()
    path.chmod(mode)  # whatever the umask says


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    whole_files.write(path, data, mode=FILE_MODE, durable=True)


def _checked(change: Callable[[], object], path: Path) -> None:
    try:
        change()
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror or error}") from error
