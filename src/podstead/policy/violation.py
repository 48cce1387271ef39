"""One thing in a pod that the policy does not allow, and the value that stands there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")
UNSET = "(unset)"
"""The value of a field that is not there: an exemption may name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What a control found at one field. `value` is what an exemption must name, where it names values."""

    control: str
    field: str
    problem: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A breach and what became of it. `by` names the exemption that lifts it; empty: it stands.

    `near` says why exemptions that seem to be meant do not count, a sentence each.
    """

    breach: Breach
    by: str = ""
    near: tuple[str, ...] = ()


def cleaned(path: str) -> str:
    """Return a path of the node in one spelling."""
    return "/" + normpath(path).lstrip("/") if path else path


def as_json(pod: v1.Pod) -> dict[str, Any]:
    """Return a pod as plain values under Kubernetes' own names, without what is not set."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(pod))
    return told


def value_at(pod: v1.Pod, path: str) -> str:
    """Return the value of a field as an exemption writes it; of a hostPath its path."""
    found: Any = as_json(pod)
    for name, index in _STEP.findall(path):
        key = index or name
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return UNSET
    match found:
        case bool():
            return str(found).lower()
        case {"path": str(where)}:
            return cleaned(where)
        case dict() | list() | None:
            return UNSET
        case _:
            return str(found)
