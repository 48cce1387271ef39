"""Where a pod's paths of the node led when a policy admitted them, or else when they were mounted first. Blocks.

A policy judges a path with its manifest. Whoever may write the directory above one can put a link in its place afterwards:
a local user before the first start, a container of the pod before the next. The path leads elsewhere then, and whoever judged
it is asked about that. What leads where it led is asked of nobody: it was admitted, whatever the policy has become. Where it
led at its admission comes with the revision; what nobody judged is remembered at the first start, in a file with the pod.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from podstead import whole_files

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
"""Paths of a pod's volumes; a manifest is no larger."""

Moved = Callable[[str, Path, bool], str]
"""Why a path that leads elsewhere than at first may not be mounted, in a clause after `it`; empty: it may. Asked with the
path, with where it leads now, and whether somebody would write there."""


class MovedError(OSError):
    """A path leads where the policy would not have it; the text completes `it …`."""


def unjudged(path: str, real: Path, writable: bool) -> str:  # noqa: ARG001 - the shape of what judges
    """Let every path lead where it likes: nobody has forbidden any."""
    return ""


def check(kept: Path, path: str, real: Path, *, writable: bool, moved: Moved, admitted: str | None = None) -> None:
    """Remember where a path leads, or compare it with what is remembered in the file `kept`. Raises MovedError.

    `admitted` is where it led when the policy judged it, with the names of what was not there yet; None: it did not.

    Another place that may be read is not remembered: it would be taken for one that may be written. A file that cannot
    be read or written counts for nothing: it must not keep a pod from starting.
    """
    known = _read(kept)
    if known.get(path) == str(real):
        return
    if admitted == str(real) and path in known:
        return
    if path in known or admitted not in {None, str(real)}:
        if why := moved(path, real, writable):
            raise MovedError(why)
        if not writable:
            return
    _write(kept, {**known, path: str(real)})


def _read(kept: Path) -> dict[str, str]:
    try:
        with kept.open("rb") as file:
            known = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("cannot tell where paths of the node led before: %s: %s", kept, error)
        return {}
    return known if isinstance(known, dict) else {}


def _write(kept: Path, known: dict[str, str]) -> None:
    try:
        whole_files.write(kept, json.dumps(known).encode(), mode=0o600, durable=True)
    except OSError as error:
        log.warning("cannot remember where paths of the node lead: %s: %s", kept, error.strerror)
