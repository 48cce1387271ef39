"""The texts of the units and of their options file. Pure but for reading the templates beside this file."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATES = Path(__file__).parent / "units"
AGENT_UNIT = "podstead.service"
CONTAINERD_UNIT = "podstead-containerd.service"
OPTIONS_FILE = Path("/etc/podstead/podstead.conf")
MANIFESTS = Path("/etc/podstead/manifests")
UNIT_DIRECTORIES = tuple(map(Path, ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")))
"""Where systemd finds units and their drop-ins (systemd.unit(5))."""
DEFAULT_OPTIONS = (f"--pod-manifest-path={MANIFESTS}",)
# What means itself in a unit: no blank, quote, backslash, `$` or `%` (systemd.service(5), COMMAND LINES).
_PLAIN_PATH = re.compile(r"/[\w@/.+:,~-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What the units start: paths that are there after every boot."""

    program: Path
    """The command `podstead`."""
    python: Path
    """The interpreter of the launcher, which needs nothing but its standard library."""
    launcher: Path
    """podstead/containerd/launch.py as it is installed."""


def unit_texts(programs: Programs) -> dict[str, str]:
    """Return the text of each unit by its name, for `podstead install` and for packages.

    Raises:
        OperatorError: a path cannot be written into a unit.
    """
    words = {
        "@PROGRAM@": _plain(programs.program),
        "@PYTHON@": _plain(programs.python),
        "@LAUNCHER@": _plain(programs.launcher),
    }
    texts = {}
    for name in (AGENT_UNIT, CONTAINERD_UNIT):
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        texts[name] = text
    return texts


def options_text(options: Sequence[str] = DEFAULT_OPTIONS) -> str:
    """Return the content of podstead.conf: the options, one a line.

    Raises:
        OperatorError: an option has a character that systemd would read as something else.
    """
    template = (TEMPLATES / OPTIONS_FILE.name).read_text(encoding="utf-8")
    return template.replace("@OPTIONS@", " \\\n".join(map(_option, options)))


def _option(option: str) -> str:
    """Return an option as a word within the quotes of the file: the file is read first, then the words are split."""
    if any(not character.isprintable() or character in "'\"\\$`" for character in option):
        raise OperatorError(
            f"the option {shlex.quote(option)} cannot be written into {OPTIONS_FILE}: use no quotes, $ or backslashes"
        )
    return shlex.quote(option) if re.search(r"\s", option) else option


def _plain(path: Path) -> str:
    text = str(path)
    if not _PLAIN_PATH.fullmatch(text):
        raise OperatorError(
            f"the path {shlex.quote(text)} cannot be written into a unit: install the program in a directory "
            "whose path has only letters, digits and @ / . + : , ~ -"
        )
    return text
