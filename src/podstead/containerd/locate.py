"""Finds the programs that the private containerd needs; what is missing is named with its Debian package."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from podstead.errors import OperatorError

PACKAGES = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "crun": "crun",
    "runc": "runc",
    "catatonit": "catatonit",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "umount": "mount",
}
"""Program to Debian package; the names are the same in Debian 12, 13 and Ubuntu 22.04 and later."""

SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Looked at behind $PATH: a plain user's or a unit's PATH often lacks the sbin directories."""

CNI_DIRECTORIES = ("/usr/lib/cni", "/opt/cni/bin")
"""Where Debian and where the CNI project's own archives put the plugins."""
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Absolute paths of what was found."""

    containerd: Path
    shim: Path
    runtimes: tuple[tuple[str, Path], ...]
    """OCI runtimes by name, crun before runc; at least one."""
    cni_plugins: Path
    """The directory that holds all plugins of `CNI_PLUGINS`."""
    iptables: Path
    catatonit: Path

    def runtime(self, name: str) -> Path:
        """Return the path of an OCI runtime; KeyError if it was not found."""
        return dict(self.runtimes)[name]


def search_path(environment_path: str) -> str:
    """Return a PATH that also holds the usual system directories, in order, without repeats."""
    directories = [part for part in environment_path.split(os.pathsep) if part]
    return os.pathsep.join(dict.fromkeys([*directories, *SEARCH_PATH]))


def find_program(name: str, *, path: str | None = None) -> Path | None:
    """Return the absolute path of a program, or None."""
    found = shutil.which(name, path=search_path(os.environ.get("PATH", "") if path is None else path))
    return Path(found) if found else None


def require_program(name: str, *, path: str | None = None) -> Path:
    """Return the absolute path of a program.

    Raises:
        OperatorError: it is missing; the sentence names the Debian package.
    """
    found = find_program(name, path=path)
    if found is None:
        package = PACKAGES.get(name, name)
        raise OperatorError(
            f"cannot run a private containerd: the program {name!r} is missing; install the Debian package {package!r}"
        )
    return found


def find_cni_plugins(directories: tuple[str, ...] = CNI_DIRECTORIES) -> Path:
    """Return the first directory that holds every CNI plugin we use.

    Raises:
        OperatorError: no directory holds them all.
    """
    missing: dict[str, list[str]] = {}
    for directory in directories:
        absent = [name for name in CNI_PLUGINS if not os.access(Path(directory) / name, os.X_OK)]
        if not absent:
            return Path(directory)
        missing[directory] = absent
    told = "; ".join(f"{directory} lacks {', '.join(absent)}" for directory, absent in missing.items())
    raise OperatorError(
        "cannot give pods a network of their own: CNI plugins are missing "
        f"({told}); install the Debian package 'containernetworking-plugins'"
    )


def find_programs(oci_runtime: str = "", *, path: str | None = None) -> Programs:
    """Find everything a private containerd needs; `oci_runtime` is crun, runc or empty for any.

    Raises:
        OperatorError: something is missing, or `oci_runtime` is neither crun nor runc.
    """
    if oci_runtime not in {"", "crun", "runc"}:
        raise OperatorError(f"cannot use the OCI runtime {oci_runtime!r}: write crun or runc")
    containerd = require_program("containerd", path=path)
    shim = require_program("containerd-shim-runc-v2", path=path)
    if oci_runtime:
        require_program(oci_runtime, path=path)
    found = tuple((name, at) for name in ("crun", "runc") if (at := find_program(name, path=path)))
    if not found:
        raise OperatorError(
            "cannot run a private containerd: no OCI runtime is installed; install the Debian package 'crun' (or 'runc')"
        )
    for name in ("nsenter", "unshare", "mount", "umount"):
        require_program(name, path=path)
    return Programs(
        containerd=containerd,
        shim=shim,
        runtimes=found,
        cni_plugins=find_cni_plugins(),
        iptables=require_program("iptables", path=path),
        catatonit=require_program("catatonit", path=path),
    )
