"""One process, asked of /proc while it is there. Everything it says of itself may be a lie: it is shown, never trusted."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MOST_BYTES = 4096
"""Of a command line: enough for the words that are shown."""
MOST_WORDS = 6
MOST_WORD_LENGTH = 120
NOBODY_LOGGED_IN = 0xFFFFFFFF
"""What /proc/PID/loginuid says of a process of no login (audit(7))."""
LEFT_OUT = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`command` is the name it was called by and those of its words that lie in the directory; a word may be a secret, so
    all others are left out. `login` is the user that logged in, None where nobody did. Users are numbers.
    """

    pid: int
    executable: str
    command: tuple[str, ...] = ()
    user: int
    login: int | None = None


def ask(pid: int, pidfd: int | None, directory: str, proc: Path = PROC) -> Process | None:
    """Return what /proc says of a process; None when it was gone before it could be asked.

    The pidfd shows afterwards that the number still meant the same process while it was read.
    """
    place = proc / str(pid)
    try:
        status = (place / "status").read_text(encoding="utf-8", errors="replace")
        login = int((place / "loginuid").read_text(encoding="ascii"))
        executable, words = _executable(place), _words(place)
        if pidfd is not None:
            signal.pidfd_send_signal(pidfd, 0)
        return Process(
            pid=pid,
            executable=executable,
            command=_shown(words, directory),
            user=_effective(status),
            login=None if login == NOBODY_LOGGED_IN else login,
        )
    except (OSError, ValueError):
        return None


def _executable(place: Path) -> str:
    """Return the path of what runs, or its name where only that may be read (it holds capabilities that we lack)."""
    try:
        return os.readlink(place / "exe").removesuffix(" (deleted)")  # noqa: PTH115 - the text, whatever it is
    except OSError:
        return (place / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")


def _words(place: Path) -> list[str]:
    with (place / "cmdline").open("rb") as file:
        data = file.read(MOST_BYTES)
    return data.rstrip(b"\0").decode("utf-8", "backslashreplace").split("\0") if data else []


def _shown(words: list[str], directory: str) -> tuple[str, ...]:
    if not words:
        return ()
    shown = [Path(words[0]).name[:MOST_WORD_LENGTH]]
    for word in words[1:]:
        inside = word.startswith(f"{directory}/") and os.path.normpath(word).startswith(f"{directory}/")
        text = word[:MOST_WORD_LENGTH] if inside else LEFT_OUT
        if len(shown) < MOST_WORDS and (text != LEFT_OUT or shown[-1] != LEFT_OUT):
            shown.append(text)
    return tuple(shown)


def _effective(status: str) -> int:
    """Return the effective user of a /proc/PID/status. Raises ValueError."""
    for line in status.splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])
    raise ValueError("no Uid in /proc/PID/status")
