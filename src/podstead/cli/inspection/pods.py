"""The pods of the node's runtimes, as far as they answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.inspection.seen import SeenSandbox

SECONDS = 10.0
"""A runtime that lists no sandboxes in this time is reported, not waited for."""


def pods_of(sockets: Iterable[str]) -> tuple[tuple[SeenSandbox, ...], tuple[tuple[str, str], ...]]:
    """Return the pods of the runtimes at these sockets, and those that did not answer with why."""
    return asyncio.run(_pods(tuple(sockets)))


async def _pods(sockets: tuple[str, ...]) -> tuple[tuple[SeenSandbox, ...], tuple[tuple[str, str], ...]]:
    # The gRPC library costs 0.2 s: an inspection of a disk needs none of it.
    from podstead.cri.listing import PodListing
    from podstead.cri.transport import UnixSocketTransport

    found: list[SeenSandbox] = []
    troubles: list[tuple[str, str]] = []
    for path in sockets:
        endpoint = f"unix://{path}"
        try:
            listing = PodListing(UnixSocketTransport(endpoint), endpoint=endpoint, request_seconds=SECONDS)
        except PodsteadError as error:
            troubles.append((path, str(error)))
            continue
        try:
            found += await listing.pods()
        except PodsteadError as error:
            troubles.append((path, str(error)))
        finally:
            listing.close()
    return tuple(found), tuple(troubles)
