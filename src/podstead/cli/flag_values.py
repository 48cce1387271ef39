"""The flags of `podstead run` as typed values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from podstead.cli.durations import parse_duration
from podstead.cli.options import UsageError
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.cli.run_flags import RunFlags

Value = TypeVar("Value")

MAX_DIGITS = 9


class FlagValues:
    """Reads texts; what cannot be read raises UsageError with the flag's name. None: the flag was not given."""

    def __init__(self, flags: RunFlags) -> None:
        self._flags = flags

    def text(self, name: str) -> str:
        """Return a flag's text, empty where it was not given."""
        return self._flags.values.get(name, "")

    def maybe(self, name: str) -> str | None:
        """Return a flag's text; an empty one that was given means nothing here, on purpose."""
        return self._flags.values.get(name)

    def switch(self, name: str, otherwise: bool | None) -> bool:
        """Return a switch, `otherwise` where it was not given."""
        return self._flags.switches.get(name, bool(otherwise))

    def words(self, name: str) -> tuple[str, ...]:
        """Return what stands between the commas."""
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def path(self, name: str) -> Path | None:
        """Return an absolute path, counted from the working directory."""
        return Path(self.text(name)).absolute() if self.text(name) else None

    def seconds(self, name: str) -> float | None:
        """Return a duration; the kubelet's zero means the default, and so gives None."""
        try:
            return parse_duration(self.text(name), f"--{name}") or None if self.text(name) else None
        except OperatorError as error:
            raise UsageError(str(error)) from None

    def integer(self, name: str, least: int) -> int | None:
        """Return a whole number."""
        text = self.maybe(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS) or int(text) < least:
            raise UsageError(f"--{name} must be a whole number of at least {least}, got {text!r}")
        return int(text)

    def checked(self, name: str, reason: Callable[[str], str | None]) -> str:
        """Return a text that passes a check, empty where it was not given."""
        text = self.text(name)
        problem = reason(text) if text else None
        if problem is not None:
            raise UsageError(f"--{name} {problem}, got {text!r}")
        return text


def first(flag: Value | None, configured: Value | None, usual: Value) -> Value:
    """Return what was given by flag, else by file, else the default."""
    if flag is not None:
        return flag
    return usual if configured is None else configured
