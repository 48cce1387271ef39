"""Makes inotify instances without holding up the loop, and without leaving one behind when nobody waits any more."""

from __future__ import annotations

import asyncio

from inotify_simple import INotify


async def open_inotify() -> INotify:
    """Return a new instance that does not block; raises OSError where there is none to be had (inotify(7))."""
    # In a thread: the library starts ldconfig to find libc, once.
    making = asyncio.ensure_future(asyncio.to_thread(INotify, nonblocking=True))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(_close_unused)
        raise


def _close_unused(making: asyncio.Future[INotify]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().close()
