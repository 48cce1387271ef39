"""What dpkg is told of the package."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from deb.bundle import LEAST_GLIBC, PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

DEPENDS = (
    f"python3 (>= {PYTHONS[0]})",
    "python3 (<< 3.12) | python3 (>= 3.13)",
    f"python3 (<< {PYTHONS[-1].split('.')[0]}.{int(PYTHONS[-1].split('.')[1]) + 1})",
    f"libc6 (>= {LEAST_GLIBC})",
    "containerd | containerd.io | cri-o",
    "crun | runc",
    "containernetworking-plugins",
    "catatonit",
    "iptables",
    "mount",
)
"""Python 3.12 is in no Debian, and none of the bundled libraries is for it. The programs are those that `podstead.containerd.locate` looks for; a test compares the two."""
RECOMMENDS = ("ca-certificates", "systemd")
"""Registries are asked by TLS; and without systemd something else must start the agent."""
SUGGESTS = ("bash-completion", "nfs-common")
MAINTAINER = "The Podstead authors <maintainers@podstead.io>"
DESCRIPTION = """\
 node agent that keeps static pods running, with no cluster
 Podstead watches a directory of Kubernetes Pod manifests and runs them through
 a CRI runtime: kept healthy, changed when a file changes, stopped when it goes,
 and shown as kubectl shows them. No API server and no kubelet is needed.
 .
 Without a runtime of its own configured it runs a private containerd, from
 Debian's package, that outlives it: upgrades restart no container.
"""
TRIGGERS = """\
# Another Python compiles the libraries anew.
interest-noawait /usr/bin/python3
"""


def control_text(version: str, architecture: str, kibibytes: int) -> str:
    """Return the file DEBIAN/control."""
    return (
        f"Package: podstead\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n"
        f"Installed-Size: {kibibytes}\nDepends: {', '.join(DEPENDS)}\nRecommends: {', '.join(RECOMMENDS)}\n"
        f"Suggests: {', '.join(SUGGESTS)}\nSection: admin\nPriority: optional\nDescription:{DESCRIPTION}"
    )


def digests(tree: Path) -> str:
    """Return the file DEBIAN/md5sums."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return "".join(
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
        if path.relative_to(tree).parts[0] != "DEBIAN"
    )


def conffiles(tree: Path) -> str:
    """Return the file DEBIAN/conffiles: everything below /etc."""
    return "".join(f"/{path.relative_to(tree)}\n" for path in sorted((tree / "etc").rglob("*")) if path.is_file())
