"""Settings of the agent, grouped by room; every limit has its unit in its name and its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_ROOT = Path("/var/lib/podstead")
DEFAULT_RUN = Path("/run/podstead")
DEFAULT_LOGS = Path("/var/log/pods")
SOCKET_ENV = "PODSTEAD_SOCKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where everything of one instance lives; made by `paths_for`."""

    root: Path
    run: Path
    """Sockets, pid-less runtime state, the pinned mount namespace; on tmpfs with the default root."""
    pod_logs: Path
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


def paths_for(root: Path | None, pod_logs: Path | None = None) -> Paths:
    """Return the layout: with a root given everything lives under it, else the system's usual places are used."""
    if root is None:
        return Paths(root=DEFAULT_ROOT, run=DEFAULT_RUN, pod_logs=pod_logs or DEFAULT_LOGS)
    return Paths(root=root, run=root, pod_logs=pod_logs or root / "log" / "pods")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One `registries:` entry of our configuration."""

    host: str
    mirrors: tuple[str, ...] = ()
    ca_file: str = ""
    skip_verify: bool = False
    plain_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Pulling images."""

    registries: tuple[Registry, ...] = ()
    credentials_file: str = ""
    """A docker config.json; empty: ROOT/config.json, then /root/.docker/config.json."""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    parallel_pulls: int = 3
    """Pulls share one link: more at once finish later, not sooner."""
    backoff_seconds: float = 10.0
    max_backoff_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The node's identity and limits."""

    name: str
    ip: str = ""
    """Empty: the address of the default route's interface."""
    pod_cidr: str = ""
    """Empty: a /24 of 10.88.0.0/13 that no route of the node uses, kept in state."""
    max_pods: int = 300
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    labels: tuple[tuple[str, str], ...] = ()
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    cgroup_root: str = ""
    """Empty: /podstead-<short instance id>."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `podstead run` works with."""

    paths: Paths
    source: SourceSettings | None
    node: NodeSettings
    url: UrlSettings | None = None
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    restart: RestartSettings = field(default_factory=RestartSettings)
    strict: bool = False
    verbosity: int = 2
    objects: SourceSettings | None = None
    """The objects directory: ConfigMaps and Secrets of this node."""
    files: tuple[Path, ...] = ()
    """The configuration files that were read: whoever may write them is root at the next start."""
    unused: tuple[str, ...] = ()
    """Kubelet flags and fields that were given and mean nothing here; said once at start."""
