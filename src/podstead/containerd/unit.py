"""Under systemd containerd is a unit of its own: the end of the agent's unit, and its limits, do not reach it.

Foundation 4. Shims stay in the unit when containerd ends (KillMode=process), so a unit's name is never used again.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init system (sd_booted(3))."""
PROPERTIES = (
    "Delegate=yes",
    "KillMode=process",
    "OOMScoreAdjust=-999",
    "LimitNOFILE=1048576",
    "LimitNPROC=infinity",
    "LimitCORE=infinity",
    "TasksMax=infinity",
)
"""As in containerd's own unit: pods are its descendants, and their number is not to be limited by it."""


def unit_command(environment: Mapping[str, str], file: Path, booted: Path = BOOTED) -> tuple[str, ...]:
    """Return the words that, put before a command, make it a unit of its own; none where systemd does not run.

    The environment goes through `file`, which is root's alone: a proxy's URL may hold a password, and everybody may ask
    systemd for the command line and the variables of a unit.

    Raises:
        OSError: the file cannot be written.
    """
    program = shutil.which("systemd-run")
    if program is None or not booted.is_dir():
        return ()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(f"{name}={_quoted(value)}\n" for name, value in sorted(environment.items()))
    properties = (*PROPERTIES, f"EnvironmentFile={file}", "Description=containerd of podstead")
    return (
        program,
        "--quiet",
        "--collect",
        "--service-type=exec",
        f"--unit=podstead-containerd-{secrets.token_hex(4)}",
        *(f"--property={entry}" for entry in properties),
        "--",
    )


def _quoted(value: str) -> str:
    """Return a value as systemd.exec(5) reads it from an environment file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'
