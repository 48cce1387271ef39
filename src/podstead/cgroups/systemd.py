"""Asks systemd for slices, over D-Bus. Blocking; each call has a connection of its own, so any thread may call.

The system bus is asked first; where no broker runs (a small image without dbus), systemd's own socket answers root.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cgroups.slices import made_with, slice_path
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cgroups.manager_calls import ManagerCalls
    from podstead.cgroups.slices import Property

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init (sd_booted(3))."""
BUS = Path("/run/dbus/system_bus_socket")
PRIVATE = Path("/run/systemd/private")
READY_SECONDS = 10.0
POLL_SECONDS = 0.005
EXISTS = "org.freedesktop.systemd1.UnitExists"
MISSING = "org.freedesktop.systemd1.NoSuchUnit"


def has_systemd() -> bool:
    """Return whether systemd runs this machine."""
    return BOOTED.is_dir()


class SystemdSlices:
    """The slices of this machine's systemd; see `slices.Slices`."""

    def __init__(self, mount: Path, sockets: tuple[Path, ...] = (BUS, PRIVATE)) -> None:
        """`mount` is where the v2 tree is mounted."""
        self._mount = mount
        self._sockets = sockets

    def ensure(self, unit: str, properties: tuple[Property, ...]) -> None:
        """Start a slice with these properties, or change those of one that is there.

        Raises:
            OperatorError: systemd refuses, does not answer, or the cgroup does not appear.
        """
        told = [(one.name, (one.kind, one.value)) for one in properties]
        made = [(one.name, (one.kind, one.value)) for one in made_with(unit)]
        with self._calls(f"make the slice {unit}") as calls:
            if not calls.call("StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "replace", made + told, []), but=EXISTS):
                # It is there; somebody may have stopped it, and starting one that runs changes nothing.
                calls.call("StartUnit", "ss", (unit, "replace"))
                if told:
                    calls.call("SetUnitProperties", "sba(sv)", (unit, True, told))
            self._wait(unit, calls)

    def stop(self, unit: str) -> None:
        """End a slice; one that is not there has ended. Raises OperatorError: systemd refuses or does not answer."""
        with self._calls(f"end the slice {unit}") as calls:
            calls.call("StopUnit", "ss", (unit, "replace"), but=MISSING)

    def _wait(self, unit: str, calls: ManagerCalls) -> None:
        """Wait for the cgroup. Each further answer also tells that systemd has written the values it was given before.

        It writes them at the end of the turn in which it was asked, and answers the next question in a later turn.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            calls.call("GetUnit", "s", (unit,))
            if (self._mount / slice_path(unit)).is_dir():
                return
            if time.monotonic() >= deadline:
                raise OperatorError(f"systemd did not make the cgroup of {unit} within {READY_SECONDS:g} s")
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _calls(self, doing: str) -> Iterator[ManagerCalls]:
        # Only an agent that works with systemd loads it.
        from podstead.cgroups.manager_calls import ManagerCalls, RefusedError  # noqa: PLC0415 - see above

        try:
            with ManagerCalls.open(self._sockets) as calls:
                yield calls
        except RefusedError as refused:
            raise OperatorError(f"cannot {doing}: systemd says: {refused}") from refused
        except (OSError, ValueError) as error:
            raise OperatorError(f"cannot {doing}: systemd does not answer: {error}") from error
