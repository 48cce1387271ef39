"""How long logind waits for a lock's holder: raised by a drop-in of ours where it is too short, lowered never.

Under /run, so that a boot forgets it and logind begins with what the administrator has written. The kubelet writes its own
to /etc (99-kubelet.conf) and never takes it back.
"""

from __future__ import annotations

import contextlib
from math import ceil
from pathlib import Path

from podstead import whole_files

DROP_IN = Path("/run/systemd/logind.conf.d/99-podstead.conf")
"""Sorts after what packages bring (unattended-upgrades sets 30 s); it is written only to raise what holds already."""
STEP_SECONDS = 30
"""What is asked for is rounded up to this, so that not every other pod makes logind read its configuration again."""
MOST_SECONDS = 1800
"""systemd itself reboots by force half an hour after it has begun to (reboot.target: JobTimeoutSec=30min)."""


def asked_for(needed: float) -> int:
    """Return the seconds to ask for when pods need so many."""
    return min(MOST_SECONDS, ceil(needed / STEP_SECONDS) * STEP_SECONDS)


def write_drop_in(file: Path, seconds: int) -> None:
    """Write the setting; blocking. Raises OSError."""
    text = f"# Written by podstead while its pods need so long to end; a boot forgets it.\n[Login]\nInhibitDelayMaxSec={seconds}\n"
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Until it is whole its name ends in .new: logind reads only what ends in .conf. A boot forgets it, so nothing is synced.
    whole_files.write(file, text.encode(), mode=0o644, durable=False)


def remove_drop_in(file: Path = DROP_IN) -> bool:
    """Take the setting back; returns whether there was one. logind goes by it until it reads its configuration again."""
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
        return True
    return False
