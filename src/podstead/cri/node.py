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
    oom_group: bool = False
    """Whether a container's processes are to be killed together on OOM (`memory.oom.group`, cgroup v2 only)."""
    no_swap: bool = False
    """Whether containers must be kept from the node's swap one by one (`memory.swap.max`, cgroup v2 only)."""
    huge_page_sizes: tuple[str, ...] = ()
    """Sizes of huge pages that the kernel counts, in the CRI's words (`2MB`): what is not asked for is not given."""
