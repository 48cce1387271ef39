"""The differences of two contents of a pod as people see them: field, old and new value, and what each restarts.

Values that may be secret are left out (foundation 24): those of env, commands, arguments and HTTP headers, whatever stands
in an item that comes or goes as a whole, and annotations that hold a copy of a manifest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.text import printable
from podstead.manifest.compare import compare
from podstead.manifest.differences import differences
from podstead.manifest.restart_table import Effect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.compare import FieldChange

HIDDEN = "(not shown)"
ABSENT = "(none)"
MAX_CHARACTERS = 60
_SECRET = re.compile(r"(?:^|[.\]])(?:env|command|args|httpHeaders)(?:\[\]|\.|$)|annotations\[.*last-applied")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """One line of a diff. `before` and `after` are texts fit for a terminal; `restarts` is empty for nothing."""

    path: str
    before: str
    after: str
    restarts: str = ""


def shown_changes(old: v1.Pod, new: v1.Pod) -> tuple[ShownChange, ...]:
    """Return every difference between two defaulted pods, in the order of the schema, and what follows from several."""
    values = {found.path: (found.pattern, found.old, found.new) for found in differences(old, new)}
    shown = []
    changes = compare(old, new).fields
    for change in changes:
        if _is_key(change.path, values, [other.path for other in changes]):
            continue
        pattern, before, after = values.get(change.path, ("", None, None))
        known = change.path in values
        shown.append(
            ShownChange(
                path=printable(change.path),
                before=_text(pattern or change.path, change.path, before) if known else "",
                after=_text(pattern or change.path, change.path, after) if known else "",
                restarts=_restarts(change),
            )
        )
    return tuple(shown)


def _is_key(path: str, values: Mapping[str, tuple[str, object, object]], paths: Sequence[str]) -> bool:
    """Return whether a path is that of the key of an item that comes or goes, while other lines tell of the item."""
    item, dot, _ = path.rpartition(".")
    _, before, after = values.get(path, ("", None, None))
    alone = before is None or after is None
    named = dot and alone and item.endswith(f"[{after if before is None else before}]")
    return bool(named) and any(other != path and other.startswith(f"{item}.") for other in paths)


def _restarts(change: FieldChange) -> str:
    if change.containers:
        return f"{change.effect.value}: {', '.join(sorted(change.containers))}"
    return "" if change.effect is Effect.NOTHING else change.effect.value


def _text(pattern: str, path: str, value: object) -> str:
    """Return a value for people, None and what is empty as none."""
    if value is None or value in ("", (), {}):
        return ABSENT
    if _SECRET.search(pattern) or _SECRET.search(path):
        return HIDDEN
    if isinstance(value, tuple) and all(isinstance(item, str | int) for item in value):
        text = ", ".join(str(item) for item in value)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        return HIDDEN
    return printable(text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…")
