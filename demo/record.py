"""The demo's own list of what it made: nothing else is ever removed, and what is not on it is not the demo's."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from demo.errors import DemoError
from podstead import whole_files

if TYPE_CHECKING:
    from demo.places import Places


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What was made, as absolute paths."""

    trees: tuple[str, ...] = ()
    """Directories that are the demo's with everything in them."""
    directories: tuple[str, ...] = ()
    """Directories that others may have put files into since: removed when empty."""
    files: tuple[str, ...] = ()
    agent: bool = False
    """True when the demo started the agent; one that was running stays."""


class Record:
    """The list, kept as a file in the directory that holds the database."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @property
    def exists(self) -> bool:
        """True when the directory of the database is the demo's."""
        return self._places.record.exists()

    def read(self) -> Made:
        """Return what was made; an empty list without a record.

        Raises:
            DemoError: the record cannot be read.
        """
        try:
            return msgspec.json.decode(self._places.record.read_bytes(), type=Made)
        except FileNotFoundError:
            return Made()
        except (OSError, msgspec.DecodeError) as error:
            raise DemoError(f"cannot read {self._places.record}, the list of what the demo made: {error}") from error

    def begin(self) -> None:
        """Make the database's directory together with its record, in one step: neither is ever there alone.

        Raises:
            DemoError: the directory is there and is not the demo's.
        """
        if self.exists:
            return
        mysql = self._places.mysql
        if os.path.lexists(mysql):
            raise DemoError(
                f"{mysql} is there and was not made by this demo, so nothing was changed: move it away first"
            )
        mysql.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".podstead-demo-", dir=mysql.parent))
        try:
            temporary.chmod(0o755)
            _write(temporary / self._places.record.name, Made(trees=(str(mysql),)))
            temporary.rename(mysql)
        except OSError as error:
            shutil.rmtree(temporary)
            raise DemoError(f"cannot make {mysql}: {error.strerror}") from error

    def add(
        self, *, trees: tuple[Path, ...] = (), directories: tuple[Path, ...] = (), files: tuple[Path, ...] = ()
    ) -> None:
        """Write down what is about to be made; call it before making it, with what is not there yet."""
        made = self.read()
        _write(
            self._places.record,
            msgspec.structs.replace(
                made,
                trees=_more(made.trees, trees),
                directories=_more(made.directories, directories),
                files=_more(made.files, files),
            ),
        )

    def set_agent(self, *, ours: bool) -> None:
        """Write down whether the agent was started by the demo."""
        _write(self._places.record, msgspec.structs.replace(self.read(), agent=ours))


def _write(path: Path, made: Made) -> None:
    whole_files.write(path, msgspec.json.format(msgspec.json.encode(made)) + b"\n", mode=0o644, durable=True)


def _more(known: tuple[str, ...], new: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *map(str, new))))
