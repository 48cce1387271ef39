"""Where everything of one instance lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = Path("/var/lib/podstead")
DEFAULT_RUN = Path("/run/podstead")
DEFAULT_LOGS = Path("/var/log/pods")
DEFAULT_LINKS = Path("/var/log/containers")
SOCKET_ENV = "PODSTEAD_SOCKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where everything of one instance lives; made by `paths_for`."""

    root: Path
    run: Path
    """Sockets, pid-less runtime state, the pinned mount namespace; on tmpfs with the default root."""
    pod_logs: Path
    log_links: Path
    """Where log shippers look: a link to the log of each container."""
    socket_path: Path | None = None
    """The local HTTP socket where `--socket` moved it."""

    @property
    def socket(self) -> Path:
        """The local HTTP socket."""
        return self.socket_path or self.run / "podstead.sock"

    @property
    def state(self) -> Path:
        """Records, revisions and databases; 0700."""
        return self.root / "state"

    @property
    def audit(self) -> Path:
        """The audit log and its keys; 0700."""
        return self.root / "audit"

    @property
    def pods(self) -> Path:
        """One directory a pod uid: volumes, etc-hosts, termination messages."""
        return self.root / "pods"

    @property
    def containerd(self) -> Path:
        """Configuration and persistent data of the private containerd."""
        return self.root / "containerd"

    @property
    def containerd_run(self) -> Path:
        """Sockets and volatile state of the private containerd."""
        return self.run / "containerd"

    @property
    def network(self) -> Path:
        """CNI configuration and address leases."""
        return self.root / "network"


def paths_for(root: Path | None, pod_logs: Path | None = None, log_links: Path | None = None) -> Paths:
    """Return the layout: with a root given everything lives under it, else the system's usual places are used."""
    if root is None:
        logs, links = pod_logs or DEFAULT_LOGS, log_links or DEFAULT_LINKS
        return Paths(root=DEFAULT_ROOT, run=DEFAULT_RUN, pod_logs=logs, log_links=links)
    logs, links = pod_logs or root / "log" / "pods", log_links or root / "log" / "containers"
    return Paths(root=root, run=root, pod_logs=logs, log_links=links)
