"""One connection to a D-Bus daemon, on the agent's loop: calls with their answers, and signals.

jeepney frames and parses; the socket is handled here, for logind's lock is a descriptor that comes beside the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from jeepney import DBusAddress, HeaderFields, MessageType, Parser, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.bus import get_connectable_addresses
from jeepney.fds import FileDescriptor, fds_buf_size

from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jeepney import Message

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""A daemon and logind answer within milliseconds; a machine that is going down may take its time."""
AUTHENTICATION_BYTES = 1024

DAEMON = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
"""The bus itself."""


class BusError(PodsteadError):
    """The bus cannot be reached, or is lost."""


class CallError(BusError):
    """The other side answered with an error; `name` is D-Bus' name of it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message or name)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal as the daemon delivered it: `sender` is the unique name of who sent it, which nobody can forge."""

    sender: str
    path: str
    interface: str
    member: str
    body: tuple[Any, ...]


class Bus:
    """An authenticated connection. `on_signal` is called on the loop for every signal that arrives, forged ones too."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._parser = Parser()
        self._serials = count(1)
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._sending = asyncio.Lock()
        self.on_signal: Callable[[Signal], None] = lambda _: None
        self.lost = asyncio.Event()
        """Set when the connection has ended."""
        self._loop.add_reader(connection.fileno(), self._readable)

    @classmethod
    async def connect(cls, address: str) -> Bus:
        """Connect and say hello. `address` is D-Bus' (unix:path=…). Raises BusError."""
        loop = asyncio.get_running_loop()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(0)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await loop.sock_connect(connection, next(get_connectable_addresses(address)))
                await _authenticate(loop, connection)
        except (OSError, ValueError, RuntimeError, TimeoutError) as error:
            connection.close()
            raise BusError(f"no D-Bus daemon serves at {address}: {str(error) or 'it does not answer'}") from error
        except BaseException:
            connection.close()
            raise
        bus = cls(connection)
        try:
            await bus.call(DAEMON, "Hello")
        except BaseException:
            bus.close()
            raise
        return bus

    async def call(self, target: DBusAddress, member: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        """Call a method; returns its only value, or a tuple where it has none or more.

        Descriptors in the answer are the caller's, as `jeepney.FileDescriptor`.

        Raises:
            CallError: the answer is an error.
            BusError: there is no answer.
        """
        serial = next(self._serials)
        message = new_method_call(target, member, signature or None, body)
        answer = self._answers[serial] = self._loop.create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._sending:
                    await self._loop.sock_sendall(self._socket, message.serialise(serial))
                found = await answer
        except TimeoutError as error:
            raise BusError(f"{target.bus_name} does not answer to {member}") from error
        except OSError as error:
            raise BusError(f"the connection to the bus is lost: {error}") from error
        finally:
            self._answers.pop(serial, None)
        if found.header.message_type is MessageType.error:
            text = str(found.body[0]) if found.body else ""
            raise CallError(found.header.fields.get(HeaderFields.error_name, ""), text)
        return found.body[0] if len(found.body) == 1 else found.body

    async def watch(self, rule: str) -> None:
        """Ask the daemon for the signals that a match rule names."""
        await self.call(DAEMON, "AddMatch", "s", (rule,))

    def close(self) -> None:
        """End the connection; who waits for an answer gets BusError."""
        if self.lost.is_set():
            return
        self.lost.set()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BusError("the connection to the bus is lost"))
        for left in self._parser.fds:
            left.close()

    def _readable(self) -> None:
        try:
            while not self.lost.is_set():
                # No more than one message at once, so that descriptors belong to the message they came with.
                data, extra, _, _ = self._socket.recvmsg(self._parser.bytes_desired(), fds_buf_size())
                if not data:
                    self.close()
                    return
                self._parser.add_data(data, FileDescriptor.from_ancdata(extra))
                while (message := self._parser.get_next_message()) is not None:
                    self._take(message)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.warning("the connection to the bus is given up: %s", error)
            self.close()
        except Exception:
            # What jeepney makes of bytes that are no message is not told by one kind of error.
            log.exception("the connection to the bus is given up")
            self.close()

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        answer = self._answers.get(fields.get(HeaderFields.reply_serial, 0))
        if answer is not None and not answer.done():
            answer.set_result(message)
            return
        _close_descriptors(message.body)  # nobody asked for them
        if message.header.message_type is MessageType.signal:
            self.on_signal(
                Signal(
                    sender=fields.get(HeaderFields.sender, ""),
                    path=fields.get(HeaderFields.path, ""),
                    interface=fields.get(HeaderFields.interface, ""),
                    member=fields.get(HeaderFields.member, ""),
                    body=message.body,
                )
            )


async def _authenticate(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    """Say who we are (the kernel vouches for it), and that descriptors may be passed; raises OSError or ValueError."""
    conversation = Authenticator(enable_fds=True)
    for line in conversation:
        await loop.sock_sendall(connection, line)
        heard = await loop.sock_recv(connection, AUTHENTICATION_BYTES)
        if not heard:
            raise AuthenticationError(b"", "the connection was closed")
        conversation.feed(heard)
    await loop.sock_sendall(connection, BEGIN)


def _close_descriptors(value: object) -> None:
    if isinstance(value, FileDescriptor):
        with contextlib.suppress(OSError):
            value.close()
    elif isinstance(value, tuple | list):
        for part in value:
            _close_descriptors(part)
