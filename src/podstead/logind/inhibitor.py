"""Holds logind's delay lock for as long as the agent lives, and says when a shutdown begins and when it is called off.

The lock is one end of a FIFO that logind watches: it outlives connections, and logind itself. A bus or a logind that
comes back is asked for another one before the old one goes, so that there is no moment without.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from podstead.logind.delay import DROP_IN, asked_for, write_drop_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.clock import Clock
    from podstead.logind.bus import Signal
    from podstead.logind.manager import LoginManager

log = logging.getLogger(__name__)

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
"""Where the D-Bus specification puts it, unless DBUS_SYSTEM_BUS_ADDRESS says something else."""
LOOK_SECONDS = 10.0
"""How often pods are asked what they need, and a bus that is not there is looked for."""
ASK_SECONDS = 60.0
"""How often logind is asked how long it waits, for its configuration is not ours alone."""
RETRY_SECONDS = 1.0
"""How soon a bus that was lost is tried again: a restart of it takes less."""
RELOADED_SECONDS = 3.0
"""logind reads its configuration within milliseconds of the signal."""
POLL_SECONDS = 0.1


class ShutdownWatcher(Protocol):
    """Is told what logind says; neither call blocks."""

    def begins(self) -> None:
        """The machine goes down: `DelayLock.release` lets it. May be said again."""
        ...

    def called_off(self) -> None:
        """It does not go down after all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """`held` tells whether logind waits for us, `delay` how many seconds at most; `absent` and `trouble` say why not.

    `absent`: there is no logind here to ask. `trouble`: something that somebody could mend.
    """

    held: bool = False
    delay: float | None = None
    absent: str = ""
    trouble: str = ""


class DelayLock:
    """The lock and what is heard over the bus; `run` does the work. `needed` is how many seconds pods take to end."""

    def __init__(self, watcher: ShutdownWatcher, needed: Callable[[], float], clock: Clock) -> None:
        self._watcher = watcher
        self._needed = needed
        self._clock = clock
        self._drop_in = DROP_IN
        self._address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_BUS
        self._lock: int | None = None
        self._owner = ""
        self._from = ""
        """The unique name of the logind that gave the lock."""
        self._preparing = False
        self._signals = 0
        """How often logind has said that a shutdown begins or is called off."""
        self._heard = asyncio.Event()
        self._asked = 0.0
        self._short = ""
        self.state = LockState()

    async def run(self) -> None:
        """Hold the lock, for ever; ends by cancellation, and with it the lock."""
        try:
            while True:
                pause = LOOK_SECONDS
                if (absent := _absent(self._address)) is not None:
                    self.state = LockState(absent=absent)
                else:
                    pause = await self._follow()
                await self._clock.sleep(pause)
        finally:
            self.release()

    def release(self) -> None:
        """Let the machine go down, as far as we are concerned."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self.state = LockState(delay=self.state.delay)

    async def _follow(self) -> float:
        """Serve one connection until it is lost; returns the seconds to wait before the next."""
        # Not at the top: where there is no bus, its library is not imported.
        from podstead.logind.bus import Bus, BusError  # noqa: PLC0415 - see above
        from podstead.logind.manager import LoginManager  # noqa: PLC0415 - see above

        try:
            bus = await Bus.connect(self._address)
        except BusError as error:
            self._impaired(str(error))
            return LOOK_SECONDS
        try:
            bus.on_signal = self._hear
            manager = LoginManager(bus)
            await manager.watch()
            self._owner, self._from = await manager.owner(), ""
            while not bus.lost.is_set():
                self._heard.clear()
                await self._settle(manager)
                await self._rest(bus.lost)
        except BusError as error:
            self._impaired(str(error))
            return LOOK_SECONDS
        finally:
            bus.close()
        log.warning("the connection to the system bus is lost; it is made again")
        return RETRY_SECONDS

    def _impaired(self, why: str) -> None:
        """Note that nothing is heard now; a lock that is held stays."""
        if why != self.state.trouble:
            log.warning("a shutdown may not be heard of: %s", why)
        self.state = LockState(held=self._lock is not None, delay=self.state.delay, trouble=why)

    def _hear(self, signal: Signal) -> None:
        from podstead.logind.manager import owner_of, preparation_of  # noqa: PLC0415 - imported already

        if (owner := owner_of(signal)) is not None:
            self._owner = owner
            self._heard.set()
        elif (preparing := preparation_of(signal, self._owner)) is not None:
            self._signals += 1
            self._tell(preparing)
            self._heard.set()

    def _tell(self, preparing: bool) -> None:
        """Pass on what logind says, also when it says what it said before a connection was lost."""
        was, self._preparing = self._preparing, preparing
        if preparing:
            self._watcher.begins()
        elif was:
            self._watcher.called_off()

    async def _settle(self, manager: LoginManager) -> None:
        """Have the lock of the logind that runs now, and long enough; asks what it says where it is new to us."""
        if not self._owner:
            self.state = LockState(held=self._lock is not None, absent="logind does not run")
            return
        if self._owner != self._from:
            owner, before = self._owner, self._signals
            preparing = await manager.preparing()
            if self._signals == before:  # else the answer is older than what was heard meanwhile
                self._tell(preparing)
            if not self._preparing:
                await self._take(manager)
            self._from, self._asked = owner, 0.0
        elif not self._preparing and self._lock is None:  # released for a shutdown that was called off
            await self._take(manager)
        if not self._preparing:
            await self._lengthen(manager)
        self.state = LockState(held=self._lock is not None, delay=self.state.delay, trouble=self._short)

    async def _take(self, manager: LoginManager) -> None:
        lock = await manager.inhibit()
        self.release()
        self._lock = lock
        log.info("logind waits for the pods when the machine goes down")

    async def _lengthen(self, manager: LoginManager) -> None:
        """Have logind wait as long as the pods need, if it does not already."""
        now, needed, known = self._clock.now().boot, self._needed(), self.state.delay
        if known is not None and needed <= known and now < self._asked + ASK_SECONDS:
            return
        self._asked = now
        delay = await manager.max_delay()
        wanted = asked_for(needed)
        if delay < needed and delay < wanted:
            try:
                await asyncio.to_thread(write_drop_in, self._drop_in, wanted)
            except OSError as error:
                self._too_short(delay, needed, f"cannot write {self._drop_in}: {error.strerror}")
                return
            await manager.reload()
            delay = await self._reloaded(manager, wanted)
        if delay < min(needed, wanted):
            self._too_short(delay, needed, f"another file than {self._drop_in} sets InhibitDelayMaxSec")
            return
        self._short = ""
        self.state = LockState(held=self.state.held, delay=delay)

    def _too_short(self, delay: float, needed: float, why: str) -> None:
        text = f"logind waits {delay:g} s for pods that need {needed:g} s to end: {why}"
        if text != self._short:
            log.warning("%s", text)
        self._short = text
        self.state = LockState(held=self.state.held, delay=delay, trouble=text)

    async def _reloaded(self, manager: LoginManager, wanted: int) -> float:
        end = self._clock.now().boot + RELOADED_SECONDS
        while (delay := await manager.max_delay()) < wanted and self._clock.now().boot < end:
            await self._clock.sleep(POLL_SECONDS)
        return delay

    async def _rest(self, lost: asyncio.Event) -> None:
        """Wait until something is heard, the connection is lost, or it is time to look again."""
        waits = [asyncio.create_task(event.wait()) for event in (self._heard, lost)]
        try:
            await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()


def _absent(address: str) -> str | None:
    """Return why there is no bus to ask, None where there is one."""
    kind, _, path = address.partition("path=")
    if kind != "unix:":
        return None  # whether it is there is for the connection to find out
    path = path.partition(",")[0]
    try:
        is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        is_socket = False
    return None if is_socket else f"there is no D-Bus system bus at {path}"
