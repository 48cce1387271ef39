"""The files from which `fileKeyRef` takes environment variables (KEP-3721): lines `NAME='value'`.

The kubelet's grammar is a small part of the shell's. A value stands in single quotes, is taken as it is and may go over
several lines; comments begin with `#`, on a line of their own or after a value; a blank after `=` makes an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.k8s import core_v1 as v1

FileName = tuple[str, str]
"""A volume of the pod, and the path of a file in it."""
EnvFiles = Mapping[FileName, str | None]
"""The texts of files, None for one that is not there."""
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_NAME = re.compile(r"[ \t]*([^\s=#][^\s=]*)=")
_VALUE = re.compile(r"'([^']*)'[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_EMPTY = re.compile(r"()[ \t][^\n]*(?:\n|\Z)")


class EnvFileError(ValueError):
    """The text is not of the grammar; the message names the line and shows nothing of it."""


def file_references(container: v1.Container) -> Iterator[FileName]:
    """Yield the files that a container's environment refers to."""
    for entry in container.env:
        reference = entry.value_from.file_key_ref if entry.value_from is not None else None
        if reference is not None:
            yield reference.volume_name, reference.path


def values_from_files(container: v1.Container, env: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the values of an environment that came from files, each with the label that may be shown instead."""
    names = {e.name for e in container.env if e.value_from is not None and e.value_from.file_key_ref is not None}
    for name, value in env:
        if name in names:
            yield value, f"[env {name}]"


def value_of(text: str, key: str) -> str | None:
    """Return the value of the first variable of this name, None where there is none.

    What stands after it is not looked at. Raises EnvFileError.
    """
    text, at = text.replace("\r\n", "\n"), 0
    while at < len(text):
        if (nothing := _NOTHING.match(text, at)) is not None:
            at = nothing.end()
            continue
        name = _NAME.match(text, at)
        value = (_VALUE.match(text, name.end()) or _EMPTY.match(text, name.end())) if name is not None else None
        if name is None or value is None:
            line = text.count("\n", 0, at) + 1
            raise EnvFileError(f"line {line} does not begin NAME='value' with the value in single quotes")
        if name[1] == key:
            return value[1]
        at = value.end()
    return None
