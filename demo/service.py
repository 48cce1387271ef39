"""`make service`: the agent as a service of systemd, which starts at every boot; what runs goes on."""

from __future__ import annotations

import os
import signal
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from demo.checks import check_root
from demo.errors import DemoError
from demo.node import Node
from demo.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from demo.places import Places

INSTALL_SECONDS = 400.0
"""The unit's own start may take 300 s."""
UNIT_DIRECTORIES = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
_PEER = struct.Struct("3i")
"""Linux' ucred: process, user, group (unix(7))."""


def service(places: Places, say: Callable[[str], None]) -> int:
    """Install the service; an agent that the demo started gives way to it, and its pods run on. Idempotent."""
    check_root()
    if places.root is not None:
        raise DemoError("a service has the usual places: leave --under out")
    record, node = Record(places), Node(places)
    if record.exists and record.read().agent and node.running():
        say("ending the agent that 'make run' started; its pods run on")
        os.kill(listening_process(places.socket), signal.SIGTERM)
        node.wait_ended()
        record.set_agent(ours=False)
    node.command("install", "--now", say=say, seconds=INSTALL_SECONDS)
    return 0


def listening_process(path: Path) -> int:
    """Return the id of the process that listens on a UNIX socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        process, _, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(process)


def is_installed(directories: Iterable[Path] = UNIT_DIRECTORIES) -> bool:
    """Return True where the agent is a service, running or not."""
    return any((directory / "podstead.service").exists() for directory in directories)
