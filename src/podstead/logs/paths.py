"""Where logs lie: the kubelet's layout, by which log shippers find them (spec/kubelet-static-pods.md 5.8). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from podstead.identity import ContainerID, PodKey, PodUID

COMPRESSED = ".gz"
UNFINISHED = ".tmp"
LINK_NAME_LIMIT = 251
"""Longest name of a link without its suffix: file systems take 255 bytes, `.log` is four of them."""

SPARED_ATTEMPTS = 2
"""Attempts of a container whose logs stay whatever the runtime says: the one that is being made may not be in a list yet,
and `logs --previous` works also where the runtime has lost its records."""

_FILE = re.compile(r"(?P<attempt>[0-9]+)\.log(?:\.(?P<stamp>[0-9]{8}-[0-9]{6})(?P<compressed>\.gz)?)?")


class LogFile(NamedTuple):
    """What the name of a log file says; sorts in the order of writing. `stamp` is empty for the one being written to."""

    attempt: int
    written: bool
    stamp: str
    compressed: bool

    @property
    def plain(self) -> str:
        """The name that the file has, or had before it was compressed."""
        return f"{self.attempt}.log.{self.stamp}" if self.stamp else f"{self.attempt}.log"

    @property
    def name(self) -> str:
        """The file's name."""
        return self.plain + (COMPRESSED if self.compressed else "")


def log_directory(pod_logs: Path, key: PodKey, uid: PodUID) -> Path:
    """Return the directory of a pod incarnation's logs: the sandbox's `log_directory`."""
    return pod_logs / f"{key.namespace}_{key.name}_{uid}"


def log_path(container: str, attempt: int) -> str:
    """Return a container's log below its pod's directory: the container's `log_path`."""
    return f"{container}/{attempt}.log"


def log_file(name: str) -> LogFile | None:
    """Return what a file's name says, None when it is not a log's: `3.log`, `3.log.20261123-023918`, the same with .gz."""
    match = _FILE.fullmatch(name)
    if match is None:
        return None
    stamp = match["stamp"] or ""
    return LogFile(int(match["attempt"]), not stamp, stamp, match["compressed"] is not None)


def written_log(name: str) -> LogFile:
    """Return what the name of a log that is written to says.

    Raises:
        FileNotFoundError: it is no container's log.
    """
    file = log_file(name)
    if file is None or not file.written:
        raise FileNotFoundError(f"{name} is no container's log")
    return file


def attempts(names: Iterable[str]) -> tuple[int, ...]:
    """Return the attempts whose logs are among the file names of a container's directory, newest first."""
    return tuple(sorted({file.attempt for name in names if (file := log_file(name)) is not None}, reverse=True))


def attempt_files(names: Iterable[str], attempt: int) -> list[LogFile]:
    """Return the files of one attempt in the order of writing; one that is there plain and compressed is given plain.

    A crash between the two leaves both, and the compressed one is complete: it had another name before.
    """
    found: dict[str, LogFile] = {}
    for name in sorted(names):  # `X` comes before `X.gz`
        file = log_file(name)
        if file is not None and file.attempt == attempt:
            found.setdefault(file.plain, file)
    return sorted(found.values())


def forgotten(
    listed: Mapping[str, Collection[str]],
    recorded: Mapping[str, Collection[int]],
    names: Collection[str],
    spare: int = SPARED_ATTEMPTS,
) -> list[str]:
    """Return what nobody can ask for any more of a pod's log directory: containers' directories, and files in them.

    `listed` are the file names by container, `recorded` the attempts of which the runtime has a record, `names` the
    containers of the revisions that the pod may run. So many of the newest attempts stay in any case.
    """
    gone = []
    for container, files in listed.items():
        if container not in names and container not in recorded:
            gone.append(container)
            continue
        kept = {*recorded.get(container, ()), *attempts(files)[:spare]}
        found = {name: log_file(name.removesuffix(UNFINISHED)) for name in files}
        gone += [f"{container}/{name}" for name, file in found.items() if file is not None and file.attempt not in kept]
    return gone


def link_name(key: PodKey, container: str, identifier: ContainerID | str) -> str:
    """Return the name of a container's link in the directory that log shippers look at (/var/log/containers)."""
    return f"{key.name}_{key.namespace}_{container}-{identifier}"[:LINK_NAME_LIMIT] + ".log"


def pod_of(log: str, pod_logs: str) -> str:
    """Return the uid in the path of a log below `pod_logs`, empty where it has none."""
    relative = log.removeprefix(f"{pod_logs}/")
    directory, slash, _ = relative.partition("/")
    return directory.rpartition("_")[2] if slash and relative != log and directory.count("_") >= 2 else ""
