"""The container runtime, and how soon it starts again what crashed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeClass:
    """One `runtimeClasses:` entry of our configuration: what `runtimeClassName: NAME` means on this node."""

    name: str
    handler: str
    """The runtime's own name for the way to make the sandbox and its containers."""
    overhead: tuple[tuple[str, str], ...] = ()
    """What a sandbox of this class takes by itself: resource to quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """The container runtime."""

    endpoint: str = ""
    """Empty: a private containerd."""
    sandbox_image: str = ""
    """Sandbox (pause) image of the private containerd; empty: one built from this machine's catatonit."""
    oci_runtime: str = ""
    """crun or runc; empty: crun where a probe shows that it works, else runc."""
    classes: tuple[RuntimeClass, ...] = ()
    seccomp_root: Path | None = None
    """Directory of the profiles that `localhostProfile` names; None: ROOT/seccomp."""
    seccomp_default: bool = False
    """Whether containers that name no profile get the runtime's own (kubelet: seccompDefault)."""
    share_runtime: bool = False
    request_seconds: float = 120.0
    """Deadline of one CRI call (kubelet: runtimeRequestTimeout)."""
    relist_seconds: float = 30.0
    """The slow list behind the events: four list calls an idle minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartSettings:
    """Crash-loop back-off (kubelet: CrashLoopBackOff)."""

    initial_seconds: float = 10.0
    max_seconds: float = 300.0
    reset_seconds: float = 600.0
