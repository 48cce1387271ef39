"""One client's view of the changes of a kind: what it missed, then what happens."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic

from podstead.store.changes import Change, Expired, T

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

QUEUE = 1024
"""Changes that wait for a slow client; one further behind must list again rather than hold memory."""


class Watch(Generic[T]):
    """An async iterator of changes, from the moment it was made. Close it, best by `with`."""

    def __init__(self, past: Iterable[Change[T]], *, queue: int, closed: Callable[[Watch[T]], None]) -> None:
        self._past = deque(past)
        self._live: deque[Change[T]] = deque()
        self._limit = queue
        self._on_close = closed
        self._arrived = asyncio.Event()
        self._expired = False
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change[T]:
        """Return the next change.

        Raises:
            Expired: the client was too slow; what it missed is not kept.
            StopAsyncIteration: the watch was closed.
        """
        while not (self._expired or self._past or self._live or self._closed):
            self._arrived.clear()
            await self._arrived.wait()
        if self._expired:
            raise Expired("the watch is too far behind; list again")
        if self._past:
            return self._past.popleft()
        if self._closed:
            raise StopAsyncIteration
        return self._live.popleft()

    def offer(self, change: Change[T]) -> bool:
        """Hand over a change; False when the client is too far behind, which ends its watch."""
        if len(self._live) >= self._limit:
            self._expired = True
            self._live.clear()
            self._past.clear()
        else:
            self._live.append(change)
        self._arrived.set()
        return not self._expired

    def close(self) -> None:
        """End the watch: a reader that waits sees the end."""
        self._closed = True
        self._past.clear()
        self._live.clear()
        self._arrived.set()
        self._on_close(self)
