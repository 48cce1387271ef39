"""The flags of a kubelet that say what it runs and who may ask it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_SWITCHES = {"anonymous-auth"}
_VALUES = {
    "authorization-mode",
    "client-ca-file",
    "config",
    "config-dir",
    "container-runtime-endpoint",
    "hostname-override",
    "kubeconfig",
    "manifest-url",
    "pod-manifest-path",
    "read-only-port",
}
_PROGRAMS = ("kubelet", "hyperkube")


class Reader(StrEnum):
    """Who reads a directory."""

    KUBELET = "kubelet"
    """Every name that does not begin with a dot."""
    PODSTEAD = "podstead"
    """`*.yaml`, `*.yml` and `*.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a kubelet is, or would be, started. `origin` names the process or the unit; paths count from `directory`."""

    origin: str
    program: str
    arguments: tuple[str, ...]
    directory: str = "/"
    live: bool = False

    def flags(self) -> dict[str, str]:
        """Return the flags that matter here by name; of equal ones the last, as with the kubelet."""
        found: dict[str, str] = {}
        words = list(self.arguments)
        while words:
            word = words.pop(0)
            if word == "--":
                break
            if not word.startswith("-"):
                continue
            name, equals, value = word.lstrip("-").partition("=")
            name = name.replace("_", "-")
            if name in _SWITCHES:
                found[name] = value if equals else "true"
            elif name in _VALUES:
                found[name] = value if equals or not words else words.pop(0)
        return found

    def path(self, text: str) -> str:
        """Return a path of the arguments as an absolute one."""
        return absolute(text, self.directory)


def absolute(text: str, directory: str) -> str:
    """Return a path that counts from a directory, without `.` and repeated slashes; `..` stays for the file system."""
    joined = posixpath.join("/", directory, text)
    return re.sub(r"/(?:\.?/)+", "/", joined).rstrip("/") or "/"


def reader_of(program: str, arguments: tuple[str, ...]) -> Reader | None:
    """Return what a program of this path with these arguments is by its name; None: it reads no manifests."""
    name = posixpath.basename(program)
    if name == _PROGRAMS[0] or (name == _PROGRAMS[1] and _PROGRAMS[0] in arguments[:1]):
        return Reader.KUBELET
    if name == "podstead" and "run" in arguments[:1]:
        return Reader.PODSTEAD
    return None


def lies_in(path: str, directory: str) -> bool:
    """Return whether a path is a directory's or below it; both without links."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def shown_url(url: str) -> str:
    """Return a URL without its user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
