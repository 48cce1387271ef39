"""What this machine's own apt says: which mirror it uses, which release this is, and by which proxy."""

from __future__ import annotations

import platform
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROXIES = ("Acquire::http::Proxy", "Acquire::https::Proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSource:
    """Where Debian packages can be had from."""

    mirror: str
    """URL of the archive, as in this machine's own sources."""
    release: str
    """Code name of this machine's release."""
    proxies: tuple[str, ...] = ()
    """apt options, such as `Acquire::http::Proxy "http://proxy.example:3128"`."""


def read_release() -> str:
    """Return the code name of this machine's release, such as `trixie`; empty where it has none."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def read_package_source() -> PackageSource:
    """Ask apt.

    Raises:
        DemoError: this is not Debian, its sources name no main archive, or none of them was ever asked.
    """
    system, release = platform.freedesktop_os_release(), read_release()
    if system.get("ID") != "debian":
        raise DemoError(
            f"a stand-in is built from Debian's packages, and this is {system.get('NAME', 'another system')}"
        )
    line_format = "$(REPO_URI) $(CODENAME) $(RELEASE) $(COMPONENT)"
    targets = _apt("apt-get", "indextargets", "--format", line_format, "Created-By: Packages")
    return PackageSource(
        mirror=find_mirror(targets, release),
        release=release,
        proxies=tuple(f'{name} "{value}"' for name, value in _proxies().items()),
    )


def find_mirror(targets: str, release: str) -> str:
    """Return the first archive that has the main component of the release; `targets` is what indextargets printed.

    Raises:
        DemoError: there is none, or apt has no list of any: it names only those that it has fetched.
    """
    if not targets.strip():
        raise DemoError(
            f"apt has not fetched the lists of its sources: run 'apt-get update' first, with {release} main among them"
        )
    for line in targets.splitlines():
        uri, *names, component = line.split(" ")
        if release in names and component == "main" and uri.startswith(("http://", "https://", "file:", "copy:")):
            return uri
    raise DemoError(f"no source of {release} main is configured: add one to /etc/apt/sources.list.d")


def _proxies() -> Mapping[str, str]:
    told = _apt("apt-config", "shell", *(part for index, name in enumerate(PROXIES) for part in (f"P{index}", name)))
    values = dict(word.partition("=")[::2] for word in shlex.split(told))
    return {name: values[f"P{index}"] for index, name in enumerate(PROXIES) if f"P{index}" in values}


def _apt(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise DemoError(f"cannot ask apt for this machine's sources: {error}") from error
    return done.stdout
