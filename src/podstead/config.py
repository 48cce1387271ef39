"""Settings of the agent, grouped by room; every limit has its unit in its name and its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from podstead.k8s.signals import Signal

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
    pod_names: bool = True
    """Whether pods with a network of their own find the node's pods by their names (docs/adr/0006)."""
    network_seconds: float = 30.0
    """How often forwarding is looked after: a firewall that starts later may shut pods off. One short iptables call."""
    max_pods: int = 300
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    labels: tuple[tuple[str, str], ...] = ()
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    cgroup_root: str = ""
    """Empty: /podstead-<short instance id>."""
    pids_limit: int = -1
    """How many processes and threads a pod may have; -1: no limit (kubelet: podPidsLimit)."""
    single_process_oom_kill: bool = False
    """Whether the OOM killer ends one process of a container, as on cgroup v1, instead of all of them."""
    cgroup_driver: str = ""
    """systemd or cgroupfs; empty: what the runtime uses, and with a private one systemd where it runs the machine."""


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
class LogSettings:
    """How much of each attempt's log is kept (kubelet: containerLogMaxSize, containerLogMaxFiles)."""

    max_bytes: int = 10 << 20
    """0: no log is rotated."""
    max_files: int = 5
    look_seconds: float = 10.0
    """Period of the look at the sizes (kubelet: containerLogMonitorInterval); a log that grows fast is looked at sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageGCSettings:
    """When images that no pod needs are removed (kubelet: imageGC… and image…GCAge)."""

    high_percent: int = 85
    """Use of the images' file system above which images go; 100: never."""
    low_percent: int = 80
    """Use down to which they go."""
    min_age_seconds: float = 120.0
    """An image younger than this stays: it may be of a manifest that is about to be written."""
    max_age_seconds: float = 0.0
    """An image that no pod has needed for this long goes, however much room there is; 0: never."""
    period_seconds: float = 300.0
    """The kubelet's ImageGCPeriod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So many bytes or pieces, or this part of the whole."""

    number: int = 0
    fraction: float = 0.0

    def of(self, capacity: int) -> int:
        """Return the amount on a node that has so much."""
        return int(capacity * self.fraction) if self.fraction else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What must be left of something; `grace_seconds` is how long it may be less. After that `reclaim` more must be left."""

    signal: Signal
    amount: Amount
    grace_seconds: float = 0.0
    reclaim: Amount = Amount()


HARD_THRESHOLDS = (
    Threshold(signal=Signal.MEMORY, amount=Amount(number=100 << 20)),
    Threshold(signal=Signal.NODEFS, amount=Amount(fraction=0.10)),
    Threshold(signal=Signal.NODEFS_INODES, amount=Amount(fraction=0.05)),
    Threshold(signal=Signal.IMAGEFS, amount=Amount(fraction=0.15)),
    Threshold(signal=Signal.IMAGEFS_INODES, amount=Amount(fraction=0.05)),
)
"""The kubelet's evictionHard on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionSettings:
    """When pods go because the node runs short of something (kubelet: eviction…)."""

    thresholds: tuple[Threshold, ...] = HARD_THRESHOLDS
    max_grace_seconds: int = 0
    """The longest grace of a pod that goes by a soft threshold."""
    transition_seconds: float = 300.0
    """How long everything must have been enough before the node is said to be well and pods come back."""
    look_seconds: float = 10.0
    """Period of the measurement (kubelet: its eviction monitoring period)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    """What keeps the node fit for its pods."""

    logs: LogSettings = LogSettings()
    images: ImageGCSettings = ImageGCSettings()
    eviction: EvictionSettings = EvictionSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownGroup:
    """Pods of this priority or above, up to the next group, and how long they have when the node goes down.

    `seconds` None: as long as their own grace periods take.
    """

    priority: int
    seconds: float | None = None


CRITICAL_LAST = (ShutdownGroup(priority=0), ShutdownGroup(priority=2_000_000_000))
"""The kubelet's two groups: system-critical pods end after all others."""


class SignatureMode(StrEnum):
    """What signatures decide; each is stricter than the one before it."""

    OFF = "off"
    """Nobody looks at them."""
    WARN = "warn"
    """Everything runs; what enforce would refuse is said."""
    ENFORCE = "enforce"
    """What nobody signed for is not parsed."""

    @property
    def strictness(self) -> int:
        """The mode's place in that order."""
        return tuple(SignatureMode).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Who is told of alarms, in the format of Alertmanager's API v2."""

    url: str = field(repr=False)
    """May hold a token in its path or query."""
    ca_file: Path | None = None
    """Who vouches for the receiver; None: whom the system trusts."""
    token_file: Path | None = None
    """A bearer token; read at each request, as tokens are renewed in place."""
    timeout_seconds: float = 15.0
    """For a whole exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Where the audit log goes besides ROOT/audit; None: not there."""

    syslog: Path | None = None
    """Syslog's socket, /dev/log; with systemd journald listens there."""
    webhook: WebhookSettings | None = None
    checkpoint_file: Path | None = None
    """Where checkpoints are appended to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """Who may say what runs on this node."""

    signature_mode: SignatureMode = SignatureMode.OFF
    allowed_signers: Path = Path("/etc/podstead/allowed_signers")
    """Whose signatures count (ssh-keygen(1), ALLOWED SIGNERS)."""
    revoked_keys: Path = Path("/etc/podstead/revoked_keys")
    """Keys that count no more; the file need not be there."""
    policy: Path | None = None
    policy_required: bool = False
    """What may run here (None: nobody is asked), and whether the file was named: then nothing new runs without it."""
    allow_insecure: bool = False
    """Whether files and directories that others than root can write are only warned of."""
    quarantine: bool = False
    """Whether files that signatures or the policy refuse are moved away, to ROOT/quarantine."""
    audit: AuditSettings = AuditSettings()
    stop_foreign: bool = False
    """Whether what the agent did not make is stopped in its runtime; else it is only told of."""


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
    upkeep: UpkeepSettings = UpkeepSettings()
    security: SecuritySettings = SecuritySettings()
    shutdown: tuple[ShutdownGroup, ...] = CRITICAL_LAST
    graceful_shutdown: bool = True
    """Whether pods end in their order when the machine goes down; else they are killed with everything."""
    strict: bool = False
    verbosity: int = 2
    objects: SourceSettings | None = None
    """The objects directory: ConfigMaps and Secrets of this node."""
    files: tuple[Path, ...] = ()
    """The configuration files that were read: whoever may write them is root at the next start."""
    unused: tuple[str, ...] = ()
    """Kubelet flags and fields that were given and mean nothing here; said once at start."""
