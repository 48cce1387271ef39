"""Class B state on disk: written behind by one thread, kept in memory while the disk refuses (foundation 21).

The stores hold the truth in memory and give each change here under a key; the newest change of a key is what the
thread writes. A full disk, a locked or a corrupt file never reaches a caller: `problem` says so until it is over.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError
from podstead.store.connection import Connection, Statement, Value, is_corruption
from podstead.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from podstead.store.schema import CorruptFile

_LOG = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
"""5,000 events and the history of 1,000 pods take less than 16 MiB."""
MAX_PENDING = 20_000
"""Changes that wait for the disk; beyond, they are reduced to the rows that live now (some 8,000 at most)."""
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 5.0

Key = tuple[str, ...]
"""Names a row, or a group of rows: its table and what tells it apart there."""


class Database:
    """One SQLite file with one writing thread. All methods but `problem` are called from the event loop's thread."""

    def __init__(
        self,
        path: Path,
        *,
        wall: Callable[[], float],
        max_bytes: int = MAX_BYTES,
        max_pending: int = MAX_PENDING,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._path = path
        self._connection = Connection(path, max_bytes=max_bytes, wall=wall)
        self._max_pending = max_pending
        self._retry_seconds = retry_seconds
        self._dumps: list[Callable[[], Iterable[tuple[Key, Statement]]]] = []
        self._wake = threading.Condition()
        # All below is guarded by `_wake`; the thread holds it only to swap, never while it writes.
        self._pending: dict[Key, Statement] = {}
        self._accepted = 0
        self._committed = 0
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._corrupt: list[CorruptFile] = []
        self._problem: str | None = None
        self._closing = False
        self._usable = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str | None:
        """Why changes are not on disk at present; None while all is well."""
        with self._wake:
            return self._problem

    @property
    def pending(self) -> int:
        """How many changes are not on disk yet."""
        with self._wake:
            return len(self._pending)

    def take_corrupt(self) -> tuple[CorruptFile, ...]:
        """Return the corrupt files set aside since the last call, for an Event about each."""
        with self._wake:
            found, self._corrupt = tuple(self._corrupt), []
        return found

    def attach(self, dump: Callable[[], Iterable[tuple[Key, Statement]]]) -> None:
        """Register what gives all rows of one store: it is asked when a new file must be filled."""
        self._dumps.append(dump)

    async def open(self) -> None:
        """Open and check the file, and start the thread; never raises for a state of the disk."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._try_open)
        self._thread = threading.Thread(target=self._run, name="podstead-database", daemon=True)
        self._thread.start()

    async def rows(self, sql: str, values: tuple[Value, ...] = ()) -> list[tuple[Value, ...]]:
        """Return the rows of a query, none where the file cannot be read (then `problem` says why).

        Meant for loading at start, before anything is written.
        """
        return await asyncio.to_thread(self._rows, Statement(sql, values))

    def write(self, key: Key, sql: str, values: tuple[Value, ...] = ()) -> None:
        """Have a statement written soon; it replaces one of the same key that has not been written yet."""
        with self._wake:
            # Out and in again: the order of statements is that of the last word on each key.
            self._pending.pop(key, None)
            self._pending[key] = Statement(sql, values)
            self._accepted += 1
            overfull = len(self._pending) > self._max_pending
            self._wake.notify()
        if overfull:
            self._refill()

    async def flush(self, timeout_seconds: float = 1.0) -> bool:
        """Wait until everything given so far is committed; False when the disk refuses or the time is over."""
        with self._wake:
            if self._committed >= self._accepted:
                return True
            if self._problem is not None:
                return False
            waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiters.append((self._accepted, waiter))
        try:
            async with asyncio.timeout(timeout_seconds):
                return await waiter
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Write what can be written, end the thread and close the file; does nothing the second time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, CLOSE_SECONDS)

    # What follows runs in the database's own thread (or in one of to_thread before that is started).

    def _try_open(self) -> bool:
        try:
            corrupt = self._connection.open()
        except (sqlite3.Error, PodsteadError, OSError) as error:
            self._report(error)
            return False
        self._usable = True
        if corrupt is not None:
            self._note_corrupt(corrupt)
        return True

    def _rows(self, statement: Statement) -> list[tuple[Value, ...]]:
        try:
            return self._connection.rows(statement)
        except sqlite3.Error as error:
            self._report(error)
            return []

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._pending and not self._closing:
                    self._wake.wait()
                batch, self._pending = self._pending, {}
                accepted, closing = self._accepted, self._closing
            if batch and not self._commit(batch, accepted) and not closing:
                self._pause()
            if closing:
                self._connection.close()
                return

    def _commit(self, batch: dict[Key, Statement], accepted: int) -> bool:
        """Write a batch, or put it back in front of what came since."""
        try:
            if self._usable or self._try_open():
                self._connection.execute(batch.values())
                self._settle(accepted)
                return True
        except sqlite3.Error as error:
            self._report(error)
            if is_corruption(error):
                self._renew(str(error))
        except (UnicodeError, OverflowError) as error:
            # A value that SQLite cannot hold would be refused for ever: this batch is given up, loudly.
            self._report(error)
            return False
        with self._wake:
            older = {key: statement for key, statement in batch.items() if key not in self._pending}
            self._pending = {**older, **self._pending}
        return False

    def _renew(self, reason: str) -> None:
        try:
            self._note_corrupt(self._connection.renew(reason))
        except (sqlite3.Error, OSError) as error:
            self._usable = False
            self._report(error)
        # Only the loop's thread may read the stores' memory.
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refill)

    def _pause(self) -> None:
        """Wait before the next try; closing ends the wait."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing, timeout=self._retry_seconds)

    def _settle(self, accepted: int) -> None:
        with self._wake:
            self._problem = None
            self._committed = accepted
            done = [waiter for number, waiter in self._waiters if number <= accepted]
            self._waiters = [pair for pair in self._waiters if pair[0] > accepted]
        self._answer(done, committed=True)

    def _report(self, error: Exception) -> None:
        text = f"cannot use {self._path}: {error}"
        with self._wake:
            if self._problem is None:
                _LOG.warning("%s; history and events are kept in memory and written later", text)
            self._problem = text
            refused = [waiter for _, waiter in self._waiters]
            self._waiters = []
        self._answer(refused, committed=False)

    def _answer(self, waiters: list[asyncio.Future[bool]], *, committed: bool) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        for waiter in waiters:
            self._loop.call_soon_threadsafe(_resolve, waiter, committed)

    def _note_corrupt(self, corrupt: CorruptFile) -> None:
        _LOG.error("%s is corrupt (%s); it is kept as %s", corrupt.path, corrupt.reason, corrupt.kept_at)
        with self._wake:
            self._corrupt.append(corrupt)

    # And this again in the loop's thread.

    def _refill(self) -> None:
        """Reduce what waits to: empty tables, then every row that lives now."""
        rows = [pair for dump in self._dumps for pair in dump()]
        with self._wake:
            self._pending = {("wipe", table): Statement(f"DELETE FROM {table}") for table in TABLES}  # noqa: S608 - constants
            self._pending.update(rows)
            self._accepted += 1
            self._wake.notify()


def _resolve(waiter: asyncio.Future[bool], committed: bool) -> None:
    if not waiter.done():
        waiter.set_result(committed)
