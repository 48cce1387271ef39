"""The levels of the standards, and their versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NEWEST_MINOR = 37
"""The minor version of Kubernetes 1.x up to which the controls here are those of the standard."""

_WRITTEN = re.compile(r"(?P<level>[a-z]+)(?::(?P<version>.*))?")
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]{0,2})")


class Level(StrEnum):
    """How much a pod may do; each level allows less than the one before."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A level as one version of Kubernetes defines it; `minor` is that version's: 25 is Kubernetes 1.25."""

    level: Level
    minor: int = NEWEST_MINOR

    def __str__(self) -> str:
        return f"{self.level}:v1.{self.minor}"


def standard(text: str) -> Standard:
    """Return the standard that `LEVEL`, `LEVEL:latest` or `LEVEL:v1.N` names. Raises ValueError with a sentence."""
    written = _WRITTEN.fullmatch(text)
    levels = ", ".join(Level)
    if written is None or written["level"] not in set(Level):
        raise ValueError(f"no such level of the Pod Security Standards: {text!r}; the levels are {levels}")
    level = Level(written["level"])
    if written["version"] in {None, "latest"}:
        return Standard(level=level)
    version = _VERSION.fullmatch(written["version"])
    if version is None:
        raise ValueError(f"a version is written v1.N or latest, as in {level}:v1.{NEWEST_MINOR}; not {text!r}")
    if (minor := int(version[1])) > NEWEST_MINOR:
        raise ValueError(f"{text} is not known here: the latest standard that is known is {level}:v1.{NEWEST_MINOR}")
    return Standard(level=level, minor=minor)
