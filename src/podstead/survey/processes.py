"""Processes that are called kubelet, or are one, as /proc shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.inspection.arguments import Reader, reader_of
from podstead.inspection.seen import SeenFile, SeenProcess
from podstead.threads import StuckError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.survey.tree import Tree

_DELETED = " (deleted)"
_UIDS = re.compile(r"^Uid:\s*(.*)$", re.MULTILINE)
_MAX_ARGUMENTS = 128 * 1024
"""Bytes of a command line that are read: the kernel's limit of one argument."""


def kubelet_processes(tree: Tree) -> Iterator[SeenProcess]:
    """Yield every process that could be a kubelet by its name, its program or what it calls itself."""
    for name in tree.names("/proc"):
        if name.isascii() and name.isdigit():
            found = _answering(tree, int(name))
            if found is not None:
                yield found


def _answering(tree: Tree, pid: int) -> SeenProcess | None:
    """Return a process; None also where its memory or its program lies on a file system that does not answer."""
    try:
        return tree.patience.run(f"/proc/{pid}", lambda: _process(tree, pid))
    except StuckError:
        return None


def _process(tree: Tree, pid: int) -> SeenProcess | None:
    home = tree.host(f"/proc/{pid}")
    try:
        name = _text(home / "comm").strip()
        words = _text(home / "cmdline").removesuffix("\0").split("\0")
        status = _text(home / "status")
    except OSError:
        return None  # it is gone
    arguments = tuple(words) if words != [""] else ()
    program = _link(home / "exe")
    deleted = program.endswith(_DELETED)
    program = program.removesuffix(_DELETED)
    is_one = reader_of(program, arguments[1:]) is Reader.KUBELET
    claims = name == "kubelet" or (arguments and reader_of(arguments[0], arguments[1:]) is Reader.KUBELET)
    if not is_one and not claims:
        return None
    uid = _foremost_uid(status)
    return SeenProcess(
        pid=pid,
        name=name,
        executable=program,
        arguments=arguments,
        uid=uid,
        user=tree.user(uid),
        image=_image(tree, home, program),
        way=() if deleted else tree.way(program),
        directory=_link(home / "cwd") or "/",
        elsewhere=_elsewhere(tree, home),
        deleted=deleted,
    )


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_ARGUMENTS).decode("utf-8", "surrogateescape")


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _foremost_uid(status: str) -> int:
    """Return the user that a process acts as; of real, effective, saved and file system's the first that is not root."""
    found = _UIDS.search(status)
    uids = [int(text) for text in found[1].split()] if found is not None else []
    return next((uid for uid in uids if uid != 0), 0 if uids else -1)


def _image(tree: Tree, home: Path, program: str) -> SeenFile | None:
    """Return the file that runs: through the kernel's own link where there is one, whatever lies at its path by now."""
    link = home / "exe"
    try:
        magic = link.lstat().st_size == 0  # a link of /proc names an open file, not a path
        status = link.stat() if magic else None
    except OSError:
        return None
    return tree.look(program, read=False) if status is None else tree.seen(program, status)


def _elsewhere(tree: Tree, home: Path) -> bool:
    try:
        there, here = (home / "root").stat(), tree.host("/").stat()
    except OSError:
        return False
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
