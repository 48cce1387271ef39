"""Where manifests come from, and how much of them is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """The manifest directory or file."""

    path: Path
    check_seconds: float = 20.0
    """Period of the full look (kubelet: fileCheckFrequency)."""
    absence_seconds: float = 1.0
    """Two looks this far apart make an absence certain: editors leave shorter gaps."""
    max_files: int = 2000
    """Manifests beyond this are listed as a number only: a node holds hundreds of pods, not thousands."""
    max_file_bytes: int = 1 << 20
    """1 MiB: etcd refuses larger objects, so no Pod that ever met a cluster is larger."""
    inline_bytes: int = 8 << 10
    """Larger files are decoded in a child process with limits of its own; 8 KiB of the worst YAML take 31 ms here."""
    read_seconds: float = 2.0
    """A file that has not answered by then is Pending and read on in the background (FUSE, NFS)."""
    max_stuck_reads: int = 16
    """Threads that unanswered reads may hold."""
    companions: bool = False
    """Whether signatures and the signed index beside the files are read too; off, they are left alone."""
    allow_insecure: bool = False
    """Whether what others than root can write is taken all the same, with a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSettings:
    """The manifest URL (kubelet: staticPodURL)."""

    url: str = field(repr=False)
    """May hold a password or a token: `shown` is what people see."""
    shown: str
    headers: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), repr=False)
    """Request headers, each with its values (kubelet: staticPodURLHeader)."""
    check_seconds: float = 20.0
    """kubelet: httpCheckFrequency."""
    timeout_seconds: float = 10.0
    """For a whole exchange, as in the kubelet."""
    max_file_bytes: int = 1 << 20
    """A list of a hundred Pods of 10 KiB."""
    inline_bytes: int = 8 << 10
    """As for files."""
