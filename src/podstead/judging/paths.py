"""What a path of the node leads to: each directory on the way by device, inode and mount, links followed."""

from __future__ import annotations

import os
import re
import stat

from podstead.policy.values import PathFacts, PathStep

MOST_LINKS = 40
"""As the kernel follows at most (path_resolution(7))."""
_FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNT = re.compile(r"^mnt_id:\s*(\d+)", re.MULTILINE)


def resolve(path: str) -> PathFacts:
    """Return what a path leads to. Raises OSError where a component cannot be looked at.

    Blocks as long as a file system does not answer. What is not there is told by its names; such a rest is never followed.
    """
    left = [part for part in path.split("/") if part not in {"", "."}]
    links = 0
    root = os.open("/", _FLAGS | os.O_DIRECTORY)
    opened: list[tuple[str, int]] = [("", root)]
    try:
        while left:
            name = left.pop(0)
            if name == "..":
                if len(opened) > 1:
                    os.close(opened.pop()[1])
                continue
            try:
                descriptor = os.open(name, _FLAGS, dir_fd=opened[-1][1])
            except FileNotFoundError:
                return _facts(opened, (name, *left))
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                target = os.readlink("", dir_fd=descriptor)
                os.close(descriptor)
                links += 1
                if links > MOST_LINKS:
                    raise OSError(40, "too many links")
                if target.startswith("/"):
                    while len(opened) > 1:
                        os.close(opened.pop()[1])
                left[:0] = [part for part in target.split("/") if part not in {"", "."}]
                continue
            opened.append((name, descriptor))
        return _facts(opened, ())
    finally:
        for _, descriptor in opened:
            os.close(descriptor)


def _facts(opened: list[tuple[str, int]], missing: tuple[str, ...]) -> PathFacts:
    names = [name for name, _ in opened[1:]]
    real = "/" + "/".join((*names, *missing))
    return PathFacts(real=real, steps=tuple(_step(descriptor) for _, descriptor in opened), missing=missing)


def _step(descriptor: int) -> PathStep:
    status = os.fstat(descriptor)
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:  # noqa: PTH123 - of the kernel
        found = _MOUNT.search(file.read())
    return PathStep(status.st_dev, status.st_ino, int(found[1]) if found is not None else 0)
