"""One SQLite file: opened, checked, migrated, renewed where it is corrupt. Used by the database's thread only."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from podstead.store import files
from podstead.store.schema import CorruptFile
from podstead.store.tables import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Value = str | bytes | int | float | None
"""What a cell may hold."""

PAGE_BYTES = 4096
CORRUPTION = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Statement(NamedTuple):
    """One SQL statement with its values."""

    sql: str
    values: tuple[Value, ...] = ()


def is_corruption(error: sqlite3.Error) -> bool:
    """Return whether the file itself is spoilt, as against a full disk or a lock."""
    # The low byte of an extended result code is the primary one (sqlite.org/rescode.html).
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in CORRUPTION


class Connection:
    """An open database file. `max_bytes` is the size beyond which SQLite answers that the disk is full."""

    def __init__(self, path: Path, *, max_bytes: int, wall: Callable[[], float]) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._wall = wall
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of the open file."""

    def open(self) -> CorruptFile | None:
        """Open the file, or a new one in its place where it is corrupt; then return what was set aside.

        Raises:
            sqlite3.Error: the file cannot be opened or made now.
            StoreError: its directory cannot be made.
        """
        self.close()
        files.make_directory(self._path.parent)
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            self.close()
            if not is_corruption(error):
                raise
            corrupt = self._set_aside(str(error))
            self._connect()
            return corrupt
        return None

    def renew(self, reason: str) -> CorruptFile:
        """Set the open file aside, make a new one, and return where the old one is.

        Raises:
            sqlite3.Error: the new one cannot be made now.
        """
        self.close()
        corrupt = self._set_aside(reason)
        self._connect()
        return corrupt

    def execute(self, statements: Iterable[Statement]) -> None:
        """Run statements in one transaction.

        Raises:
            sqlite3.Error: none of them took effect.
        """
        connection = self._require()
        if self._named() != self._file:
            # SQLite would write on, to a file without a name.
            raise _damaged("its file was removed, or another put in its place")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement.sql, statement.values)
            connection.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back on some errors (full disk, I/O): a second ROLLBACK would then be an error.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def rows(self, statement: Statement) -> list[tuple[Value, ...]]:
        """Return all rows of a query.

        Raises:
            sqlite3.Error: the query failed.
        """
        return self._require().execute(statement.sql, statement.values).fetchall()

    def close(self) -> None:
        """Close the file if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _require(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the database is not open")
        return self._connection

    def _connect(self) -> None:
        if not self._path.exists():
            self._path.touch(mode=files.FILE_MODE)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL: a commit survives the agent's death, the last ones may be lost with the machine's power (class B).
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -512")  # KiB: the tables are read once, at start
        connection.execute("PRAGMA journal_size_limit = 4194304")  # bytes kept of a WAL that was once larger
        connection.execute(f"PRAGMA max_page_count = {max(1, self._max_bytes // PAGE_BYTES)}")
        checked = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if checked != ("ok",):
            raise _damaged(str(checked[0]))
        self._migrate(connection)
        self._file = self._named()

    def _named(self) -> tuple[int, int] | None:
        """Return which file has the database's name now, None where none has."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        # A newer version's file is used as it is: its scripts only ever added to what is known here.
        for number in range(version, len(MIGRATIONS)):
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            )

    def _set_aside(self, reason: str) -> CorruptFile:
        kept = files.set_aside(self._path, self._wall())
        for suffix in ("-wal", "-shm"):
            companion = self._path.with_name(self._path.name + suffix)
            if companion.exists():
                files.set_aside(companion, self._wall())
        return CorruptFile(path=self._path, kept_at=kept, reason=reason)


def _damaged(why: str) -> sqlite3.DatabaseError:
    """Return the error of a file that is to be renewed."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
