"""What must hold before anything is changed; each refusal is one sentence."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from demo.errors import DemoError
from demo.ports import find_listener

if TYPE_CHECKING:
    from demo.places import Places
    from demo.record import Record

PORT = 3311
_PROGRAMS = (("nsenter", "util-linux"), ("unshare", "util-linux"), ("ip", "iproute2"))


def check_root() -> None:
    """Refuse to work as anybody but root."""
    if os.geteuid() != 0:
        raise DemoError(
            "the demo runs containers, so it needs root: run 'sudo make run', or make run where sudo is set up"
        )


def check_machine(places: Places, record: Record) -> None:
    """Refuse a machine where something of the demo's is somebody else's.

    Raises:
        DemoError: a program is missing, or a file, a directory or the port is not the demo's.
    """
    for program, package in _PROGRAMS:
        if shutil.which(program) is None:
            raise DemoError(f"the program {program} is missing: run 'make setup', or install the package {package}")
    if os.path.lexists(places.mysql) and not record.exists:
        raise DemoError(
            f"{places.mysql} is there and was not made by this demo, so nothing was changed: move it away first"
        )
    made = record.read()
    if places.manifest.exists() and str(places.manifest) not in made.files:
        raise DemoError(
            f"{places.manifest} is there and was not made by this demo, so nothing was changed: move it away first"
        )
    holder = find_listener(PORT)
    # After a crash of the agent its pods run on: a listener among them is the demo's own.
    if holder is not None and not (record.exists and "/podstead-" in holder.cgroups):
        who = f"{holder.program} (pid {holder.pid})" if holder.pid else holder.program
        raise DemoError(f"port {PORT} is taken by {who}, so nothing was changed: stop it first")
