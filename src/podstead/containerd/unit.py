"""Under systemd containerd is a unit of its own: the end of the agent's unit, and its limits, do not reach it.

Foundation 4. Where `podstead install` or a package has brought `podstead-containerd.service`, the machine's own agent writes
a plan for it and starts it; any other agent makes a transient unit, whose name is never used again, as shims stay in it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead import whole_files
from podstead.config.paths import DEFAULT_RUN
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init system (sd_booted(3))."""
UNIT = "podstead-containerd.service"
"""The unit that ships; its text is podstead/systemd/units."""
PLANNED = DEFAULT_RUN / "containerd"
"""Where that unit looks for its plan: it belongs to the agent of this directory, and to no other."""
SYSTEMCTL_SECONDS = 30
"""A stop takes TimeoutStopSec of the unit at most."""
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
    _write_private(file, environment_text(environment))
    properties = [*PROPERTIES, f"EnvironmentFile={file}", "Description=containerd of podstead"]
    if agent := own_service():  # stops before containerd when the machine goes down: it ends the pods by it
        properties.append(f"Before={agent}")
    return (
        program,
        "--quiet",
        "--collect",
        "--service-type=exec",
        f"--unit=podstead-containerd-{secrets.token_hex(4)}",
        *(f"--property={entry}" for entry in properties),
        "--",
    )


def own_service(cgroups: Path = Path("/proc/self/cgroup")) -> str:
    """Return the service of systemd that this process is part of; empty for none."""
    try:
        lines = cgroups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    names = (line.rpartition("/")[2] for line in lines if line.startswith("0::") or ":name=systemd:" in line)
    return next((name for name in names if name.endswith(".service")), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledUnit:
    """podstead-containerd.service; `directory` holds what it is started from. Blocking; all raise OperatorError."""

    directory: Path

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Let systemd run the launcher with these arguments; does not wait for containerd."""
        try:
            _write_private(self.directory / "containerd.env", environment_text(environment))
            _write_private(self.directory / "launch.json", json.dumps({"arguments": list(arguments)}))
        except OSError as error:
            raise OperatorError(f"cannot start containerd: cannot write {error.filename}: {error.strerror}") from error
        _systemctl("start", "--no-block", UNIT)

    def holds(self, pid: int) -> bool:
        """Return whether a process is one of this unit."""
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        return any(line.endswith(f"/{UNIT}") for line in lines)

    def stop(self) -> None:
        """End containerd; systemd would start it again after a mere signal."""
        _systemctl("stop", UNIT)


def installed_unit(directory: Path, booted: Path = BOOTED, planned: Path = PLANNED) -> InstalledUnit | None:
    """Return the unit that ships where there is one, and it is that of the agent with this directory."""
    if directory != planned or not booted.is_dir() or shutil.which("systemctl") is None:
        return None
    try:
        known = _systemctl("show", "--value", "--property=LoadState", UNIT).strip() == "loaded"
    except OperatorError:
        return None
    return InstalledUnit(directory=directory) if known else None


def _systemctl(*words: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SYSTEMCTL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"systemctl {' '.join(words)} failed: {error}") from error
    if done.returncode != 0:
        raise OperatorError(f"systemctl {' '.join(words)} failed: {' '.join(done.stderr.split())[:400]}")
    return done.stdout


def environment_text(environment: Mapping[str, str]) -> str:
    """Return the variables as an environment file (systemd.exec(5))."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(environment.items()))


def _write_private(path: Path, text: str) -> None:
    """Write what only root may read, as a whole: systemd may start the unit at any moment. It lies below /run, in memory."""
    whole_files.write(path, text.encode(), mode=0o600, durable=False)


def _quoted(value: str) -> str:
    """Return a value as systemd.exec(5) reads it from an environment file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'
