"""`make uninstall`: removes what `make run` made, data included; packages stay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from demo.checks import check_root
from demo.errors import DemoError
from demo.places import SHARED_CACHE
from demo.record import Made, Record
from demo.service import is_installed
from demo.stop import stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.places import Places


def uninstall(places: Places, say: Callable[[str], None]) -> int:
    """Stop, then remove what the record lists and the cache of the usual places; idempotent."""
    check_root()
    record = Record(places)
    if record.exists:
        stop(places, say)
        made = record.read()
        if places.root is None and is_installed():
            say(
                f"{places.state} and its kin stay: the agent is a service here, 'podstead uninstall --purge' removes both"
            )
            made = without_agents_places(made, places)
        for path in map(Path, made.files):
            path.unlink(missing_ok=True)
        # The directory with the record goes last: what an interruption leaves can be removed by the next try.
        for path in sorted(map(Path, made.trees), key=lambda path: path == places.mysql):
            _remove_tree(path, say)
        for path in sorted(map(Path, made.directories), key=lambda path: -len(path.parts)):
            _remove_directory(path, say)
    else:
        say("the demo was not run here")
    if places.root is None and SHARED_CACHE.exists():
        _remove_tree(SHARED_CACHE, say)
    return 0


def without_agents_places(made: Made, places: Places) -> Made:
    """Return what is the demo's alone where the agent that it started has become a service."""
    agents = {str(path) for path in (places.state, places.socket.parent, places.log.parent, places.pod_logs)}
    return msgspec.structs.replace(
        made,
        trees=tuple(path for path in made.trees if path not in agents),
        directories=tuple(path for path in made.directories if path not in agents),
    )


def _remove_tree(path: Path, say: Callable[[str], None]) -> None:
    if not path.exists():
        return
    if mounted := mounts_below(path, Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        raise DemoError(f"cannot remove {path}: {mounted[0]} is mounted there; unmount it first")
    shutil.rmtree(path)
    say(f"removed {path}")


def _remove_directory(path: Path, say: Callable[[str], None]) -> None:
    try:
        path.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        say(f"{path} stays: there is something of others in it")
    else:
        say(f"removed {path}")


def mounts_below(path: Path, table: str) -> list[str]:
    """Return the mount points at or below a path; `table` is the text of /proc/self/mountinfo (proc(5))."""
    points = (line.split(" ")[4] for line in table.splitlines())
    return [point for point in points if point == str(path) or point.startswith(f"{path}/")]
