"""logind's manager as far as a node agent needs it (org.freedesktop.login1(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jeepney import DBusAddress

from podstead.logind.bus import DAEMON, CallError

if TYPE_CHECKING:
    from podstead.logind.bus import Bus, Signal

NAME = "org.freedesktop.login1"
INTERFACE = "org.freedesktop.login1.Manager"
PATH = "/org/freedesktop/login1"
PREPARE = "PrepareForShutdown"
PROPERTIES = DBusAddress(PATH, NAME, "org.freedesktop.DBus.Properties")
MANAGER = DBusAddress(PATH, NAME, INTERFACE)
SYSTEMD = DBusAddress("/org/freedesktop/systemd1", "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager")
UNIT = "systemd-logind.service"
WHO = "podstead"
WHY = "pods end in their order, by their grace periods"
SIGHUP = 1

NO_OWNER = "org.freedesktop.DBus.Error.NameHasNoOwner"


class LoginManager:
    """Calls logind over one connection. Every method raises BusError, CallError among them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def watch(self) -> None:
        """Ask for the signals that `owner_of` and `preparation_of` read."""
        bus, daemon = self._bus, DAEMON.bus_name
        await bus.watch(f"type='signal',sender='{daemon}',member='NameOwnerChanged',arg0='{NAME}'")
        await bus.watch(f"type='signal',sender='{NAME}',path='{PATH}',interface='{INTERFACE}',member='{PREPARE}'")

    async def owner(self) -> str:
        """Return the unique name of the running logind; empty where none runs."""
        try:
            return str(await self._bus.call(DAEMON, "GetNameOwner", "s", (NAME,)))
        except CallError as error:
            if error.name != NO_OWNER:
                raise
            return ""

    async def inhibit(self) -> int:
        """Take the lock that delays a shutdown; returns the descriptor that holds it until it is closed."""
        descriptor = await self._bus.call(MANAGER, "Inhibit", "ssss", ("shutdown", WHO, WHY, "delay"))
        return int(descriptor.to_raw_fd())

    async def max_delay(self) -> float:
        """Return how many seconds logind waits for those who delay a shutdown."""
        microseconds: int = await self._property("InhibitDelayMaxUSec")
        return microseconds / 1_000_000

    async def preparing(self) -> bool:
        """Return whether a shutdown is under way."""
        return bool(await self._property("PreparingForShutdown"))

    async def reload(self) -> None:
        """Let logind read its configuration again; on Debian 12 (systemd 252) only a signal does that."""
        await self._bus.call(SYSTEMD, "KillUnit", "ssi", (UNIT, "main", SIGHUP))

    async def _property(self, name: str) -> Any:
        _, value = await self._bus.call(PROPERTIES, "Get", "ss", (INTERFACE, name))
        return value


def owner_of(signal: Signal) -> str | None:
    """Return who logind is now, empty for nobody; None for another signal."""
    if signal.sender != DAEMON.bus_name or signal.member != "NameOwnerChanged" or signal.body[:1] != (NAME,):
        return None
    return str(signal.body[2])


def preparation_of(signal: Signal, owner: str) -> bool | None:
    """Return what logind itself says of a shutdown: it begins, or is over; None for another signal.

    Anyone on the bus may send us a signal of this name: `owner` is the only one whose word counts.
    """
    if not owner or (signal.sender, signal.path, signal.interface, signal.member) != (owner, PATH, INTERFACE, PREPARE):
        return None
    return bool(signal.body[0]) if signal.body else None
