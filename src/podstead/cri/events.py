"""Where exits are learned of: found by capability, and reconnecting for ever (foundation 19, spec/cri.md 4).

Asked in this order, each only when the one before is unimplemented: containerd's event service, the CRI's
GetContainerEvents, nothing (the listener is told to list instead). None of them replays what was missed, so each
time a stream opens a RECONNECTED comes first. An event may come twice, and before the state that it tells of.
"""

from __future__ import annotations

from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.cri import event_streams
from podstead.cri.errors import CallError, fault
from podstead.errors import UnimplementedFault
from podstead.state.runtime import EventKind, RuntimeEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from podstead.clock import Clock
    from podstead.cri.transport import Transport
    from podstead.errors import RuntimeFault

FIRST_RETRY_SECONDS = 0.1
"""A restarting containerd answers after 0.05 to 0.25 s (spec/cri.md 9)."""
LAST_RETRY_SECONDS = 5.0
"""Longest wait: what a runtime that was away for long may cost after its return."""
RELIST_SECONDS = 1.0
"""How often a listener is told to list where there are no events at all (kubelet: generic PLEG)."""


class Capability(StrEnum):
    """By which means exits are learned of."""

    CONTAINERD = "containerd events"
    CRI = "GetContainerEvents"
    RELIST = "relist"


_NEXT = {Capability.CONTAINERD: Capability.CRI, Capability.CRI: Capability.RELIST}


class ExitSource:
    """Tells what happens to containers, from the best source the runtime has.

    `capability` is the source in use; it is certain once `events` has yielded. `trouble` is why no stream is open at
    this moment, None while one is.
    """

    def __init__(self, transport: Transport, clock: Clock, *, relist_seconds: float = RELIST_SECONDS) -> None:
        self._transport = transport
        self._clock = clock
        self._relist_seconds = relist_seconds
        self.capability = Capability.CONTAINERD
        self.trouble: RuntimeFault | None = None

    async def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        """Yield events for ever; RECONNECTED each time a stream opens, or each period where there is none."""
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                async with aclosing(self._stream()) as stream:
                    async for event in stream:
                        self.trouble = None
                        wait = FIRST_RETRY_SECONDS
                        yield event
                error = CallError(event_streams.ENDED, "the runtime ended the stream of events")
            except CallError as failed:
                error = failed
            self.trouble = fault(error, "listen to the runtime's events")
            if isinstance(self.trouble, UnimplementedFault):
                self.capability = _NEXT[self.capability]
                continue
            await self._clock.sleep(wait)
            wait = min(2 * wait, LAST_RETRY_SECONDS)

    def _stream(self) -> AsyncGenerator[RuntimeEvent, None]:
        match self.capability:
            case Capability.CONTAINERD:
                return event_streams.containerd(self._transport)
            case Capability.CRI:
                return event_streams.cri(self._transport)
            case Capability.RELIST:
                return self._ticks()

    async def _ticks(self) -> AsyncGenerator[RuntimeEvent, None]:
        while True:
            yield RuntimeEvent(kind=EventKind.RECONNECTED)
            await self._clock.sleep(self._relist_seconds)
