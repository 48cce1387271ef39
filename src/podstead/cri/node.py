"""Facts of the node that the translation needs and that pure code cannot ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """Given once by the composition root."""

    seccomp_root: str = "/var/lib/podstead/seccomp"
    """Directory of `localhostProfile` files (kubelet: `<root>/seccomp`)."""
    seccomp_default: bool = False
    """Whether a container that names no profile gets the runtime's default one (kubelet: seccompDefault)."""
    cpus: int = 0
    """CPUs whose thermal_throttle directory is masked (as the kubelet does); 0: none."""
    cgroup_v2: bool = False
    """Whether a container's processes are to be killed together on OOM (`memory.oom.group`)."""
