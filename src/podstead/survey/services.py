"""Units of systemd that start a kubelet or an agent, from their files: systemd itself is not asked."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.inspection.arguments import Launch, Reader, reader_of
from podstead.inspection.seen import Kind, SeenFile, SeenUnit
from podstead.inspection.units import UNIT_PATHS, command_line, drop_in_directories, read_service, variables
from podstead.threads import StuckError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.inspection.units import EnvironmentFile
    from podstead.survey.tree import Tree

WORDS = (b"kubelet", b"podstead")
"""One of these stands in every unit that is looked for, or in a drop-in of it."""
MAX_UNIT_BYTES = 2**20
MAX_UNITS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One command of a unit: how it would be started, who it is, and the files that say so."""

    launch: Launch
    reader: Reader
    files: tuple[SeenFile, ...]


def services(tree: Tree) -> Iterator[Started]:
    """Yield every command of a unit that starts a kubelet or an agent."""
    for unit in _units(tree):
        texts = [file.data.decode(errors="replace") for file in unit.files if file.data is not None]
        service = read_service(texts)
        files = tuple(seen for named in service.files for seen in _environment_files(tree, named))
        contents = [seen.data.decode(errors="replace") for seen in files if seen.data is not None]
        environment = variables(service, contents)
        for command in service.commands:
            words = command_line(command, environment)
            reader = reader_of(words[0], words[1:]) if words else None
            if reader is not None:
                launch = Launch(origin=unit.name, program=words[0], arguments=words[1:], directory=service.directory)
                yield Started(launch=launch, reader=reader, files=(*unit.files, *files))


def _units(tree: Tree) -> Iterator[SeenUnit]:
    """Yield the units that one of the words stands in; a name in a weightier directory hides the others."""
    homes: dict[str, str] = {}
    listed = {directory: tree.names(directory) for directory in UNIT_PATHS}
    for directory, names in listed.items():
        for name in names:
            if name.endswith(".service") and len(homes) < MAX_UNITS:
                homes.setdefault(name, directory)
    for name, home in sorted(homes.items()):
        unit = tree.look(f"{home}/{name}")
        if unit.target == "/dev/null" or (unit.kind is Kind.FILE and unit.size == 0):
            continue  # masked: systemd starts nothing of it
        files = (unit, *_drop_ins(tree, name, listed))
        if any(word in (file.data or b"")[:MAX_UNIT_BYTES] for file in files for word in WORDS):
            yield SeenUnit(name=name, files=tuple(file for file in files if file.kind is Kind.FILE))


def _drop_ins(tree: Tree, name: str, listed: dict[str, tuple[str, ...]]) -> Iterator[SeenFile]:
    """Yield a unit's drop-ins in the order of their names; of equal names the weightiest directory's counts."""
    found: dict[str, str] = {}
    for special in reversed(drop_in_directories(name)):
        for directory in UNIT_PATHS:
            if special not in listed[directory]:
                continue
            for entry in tree.names(f"{directory}/{special}"):
                if entry.endswith(".conf"):
                    found.setdefault(entry, f"{directory}/{special}/{entry}")
    for _, path in sorted(found.items()):
        seen = tree.look(path)
        if seen.target != "/dev/null":
            yield seen


def _environment_files(tree: Tree, named: EnvironmentFile) -> Iterator[SeenFile]:
    if not any(character in named.path for character in "*?["):
        yield tree.look(named.path)
        return
    below = str(tree.host("/"))
    pattern = str(tree.host(named.path))
    try:
        paths = tree.patience.run(named.path, lambda: glob.glob(pattern))  # noqa: PTH207 - a pattern, as glob(7) reads it
    except StuckError:
        return
    for path in sorted(paths):
        yield tree.look(f"/{path.removeprefix(below).lstrip('/')}")
