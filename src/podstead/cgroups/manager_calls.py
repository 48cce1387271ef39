"""Calls of systemd's manager over one D-Bus connection; blocking. jeepney is imported here, so import this lazily."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, DBusConnectionBase, prep_socket

if TYPE_CHECKING:
    from pathlib import Path

AUTHENTICATION_SECONDS = 5.0
CALL_SECONDS = 20.0
"""systemd answers within milliseconds; while it reloads the units of a loaded machine, within seconds."""
BUS_NAME = "system_bus_socket"
"""The socket of a bus begins with a greeting; systemd's own does not."""
MANAGER = DBusAddress("/org/freedesktop/systemd1", "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager")


class RefusedError(Exception):
    """systemd answered with an error; `name` is D-Bus' name of it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text or name)
        self.name = name


class ManagerCalls:
    """One connection; use it as a context."""

    def __init__(self, connection: DBusConnectionBase) -> None:
        self._connection = connection

    @classmethod
    def open(cls, sockets: tuple[Path, ...]) -> ManagerCalls:
        """Connect to the first socket that answers; raises OSError or ValueError of the last one."""
        for path in sockets[:-1]:
            try:
                return cls(_connect(path))
            except (OSError, ValueError):
                continue
        return cls(_connect(sockets[-1]))

    def __enter__(self) -> Self:
        """Return itself; the connection ends with the context."""
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, method: str, signature: str, arguments: tuple[object, ...], *, but: str = "") -> bool:
        """Call a method of the manager; return False for the error named by `but`, which is an answer too.

        Raises:
            RefusedError: the answer is another error.
            OSError: there is none in time, or the connection broke.
        """
        serial = next(self._connection.outgoing_serial)
        message = new_method_call(MANAGER, method, signature, arguments)
        self._connection.sock.sendall(message.serialise(serial=serial))
        deadline = time.monotonic() + CALL_SECONDS
        while True:
            answer = self._connection._receive(deadline)  # noqa: SLF001 - the base class reads nowhere else
            fields = answer.header.fields
            if fields.get(HeaderFields.reply_serial) != serial:
                continue  # a signal: the private socket carries them all
            body = tuple(answer.body or ())
            if answer.header.message_type is not MessageType.error:
                return True
            name = fields.get(HeaderFields.error_name, "")
            if name == but:
                return False
            raise RefusedError(name, str(body[0]) if body else "")


def _connect(path: Path) -> DBusConnectionBase:
    connected = prep_socket(str(path), timeout=AUTHENTICATION_SECONDS)
    if path.name != BUS_NAME:
        return DBusConnectionBase(connected)
    connected.settimeout(CALL_SECONDS)  # the greeting waits for an answer
    try:
        return DBusConnection(connected)
    except BaseException:
        connected.close()
        raise
