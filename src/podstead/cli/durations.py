"""Durations as Go and the kubelet write them: `20s`, `2m`, `1h30m`, `100ms`."""

from __future__ import annotations

import re

from podstead.errors import OperatorError

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
MOST_SECONDS = (2**63 - 1) / 1e9
"""Go counts nanoseconds in 64 bits."""
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration(text: str, where: str) -> float:
    """Return the seconds of a duration; raises OperatorError that names `where` it was written."""
    if text == "0":
        return 0.0
    if not text or _PART.sub("", text):
        raise OperatorError(f"{where}: {text!r} is not a duration: write for example 20s or 1m30s")
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > MOST_SECONDS:
        raise OperatorError(
            f"{where}: the duration is longer than Go's longest, 292 years: write for example 20s or 1m30s"
        )
    return seconds
