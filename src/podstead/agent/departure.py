"""The machine goes down, or does not after all: ends the pods in their order, or lets them come back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from podstead.admission.shutdown import TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.closing import NodeClosing
    from podstead.clock import Clock

log = logging.getLogger(__name__)

REASON = "Shutdown"
"""The kubelet's event of a node that goes down."""


class NodeRecorder(Protocol):
    """Where events about the node go. Never blocks and never raises."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event."""
        ...


class Departure:
    """Begins once however often it is told to. Callbacks say that something of it changed, and that all pods have ended."""

    def __init__(self, closing: NodeClosing, recorder: NodeRecorder, clock: Clock) -> None:
        self._closing = closing
        self._recorder = recorder
        self._clock = clock
        self._ending: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = lambda: None

    @property
    def under_way(self) -> bool:
        """Whether the machine goes down, as far as is known; pods may all have ended."""
        return self._ending is not None

    def begins(self) -> None:
        """End the pods, in the background."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name="departure")
            self._ending.add_done_callback(_say_failure)
            self.on_change()

    def called_off(self) -> None:
        """Let pods come back, those also whose end is under way."""
        if self._ending is None:
            return
        self._ending.cancel()
        self._ending = None
        self._recorder.node_event("ShutdownCancelled", "the machine does not go down after all: its pods come back")
        self._closing.reopen()
        self.on_change()

    async def ended(self) -> None:
        """Wait until all pods have ended, or their time is over."""
        if self._ending is not None:
            await asyncio.wait({self._ending})

    async def close(self) -> None:
        """Give up what is under way: the agent ends."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.wait({self._ending})

    async def _end(self) -> None:
        began = self._clock.now().boot
        self._recorder.node_event(REASON, "the machine goes down: pods end in their order, the critical last")
        try:
            async for sentence in self._closing.run(TERMINATED):
                log.info("%s", sentence)
            took = self._clock.now().boot - began
            self._recorder.node_event(REASON, f"every pod has ended, or its time is over, after {took:.1f} s")
        finally:
            if self._ending is asyncio.current_task():  # else it was called off
                self.on_end()


def _say_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the end of the pods failed by our own mistake", exc_info=error)
