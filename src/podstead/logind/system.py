"""What systemd says of the machine at the very end, when neither logind nor a bus need be there any more."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init system (sd_booted(3))."""
ANSWER_SECONDS = 5


async def is_going_down() -> bool:
    """Return whether systemd is stopping everything; False where it is not the init system, or does not answer."""
    return await asyncio.to_thread(_system_state) == "stopping"


def _system_state() -> str:
    if not BOOTED.is_dir():
        return ""
    # Root's systemctl asks systemd directly, so that it works without a bus.
    try:
        done = subprocess.run(
            ["systemctl", "is-system-running"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
