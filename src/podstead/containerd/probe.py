"""Decides by trying which OCI runtime works on this machine, and which mends it needs (foundation 3).

A container as containerd would make it is run by the OCI runtime itself, with the fewest mends first. The answer is
kept in a file with everything it depends on (versions, kernel, cgroup mounts, capabilities), and found anew when one
of these differs.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead import whole_files
from podstead.containerd.mounts import mixed_cgroup2_mounts, read_mounts
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from podstead.containerd.locate import Programs

TRY_SECONDS = 10
"""One try takes about 0.1 s; a runtime that hangs longer does not work."""
_CONTAINERD_VERSION = re.compile(r"\sv?(\d+)\.(\d+)\b")
"""As in `containerd github.com/containerd/containerd/v2 2.1.9`; builds of upstream write `v2.1.9`."""
OLDEST_SPEC = "1.0.2"
"""Version of the OCI runtime specification that every runtime takes."""
CRITICAL_OOM_SCORE = -998
"""What containerd asks for its sandboxes; lowering it needs CAP_SYS_RESOURCE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mends:
    """What is done only because this machine needs it; shown by `get nodes`."""

    restrict_oom_score_adj: bool = False
    """Negative oom_score_adj values cannot be set here: critical pods get no protection from the OOM killer."""
    private_mounts: bool = False
    """containerd runs in a mount namespace without the cgroup2 mount beside the v1 controllers: mounts made on the
    host outside the root directory after its start are invisible to containers, and theirs to the host."""

    def described(self) -> tuple[str, ...]:
        """Return one sentence a mend, for people."""
        told = []
        if self.restrict_oom_score_adj:
            told.append("negative oom_score_adj cannot be set here: critical pods have no OOM protection")
        if self.private_mounts:
            told.append("containerd runs in a mount namespace without the mixed cgroup2 mount")
        return tuple(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try; `said` is the runtime's own message, empty if it worked."""

    runtime: str
    mends: Mends
    said: str = ""
    cgroup_parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What works here."""

    runtime: str
    """The default OCI runtime: crun or runc."""
    handlers: tuple[str, ...]
    """Every OCI runtime that works with these mends."""
    mends: Mends
    versions: tuple[tuple[str, str], ...] = ()
    """Program to the first line of its `--version`."""
    attempts: tuple[Attempt, ...] = ()
    cgroup_parent: str = ""
    """The cgroup that containers were tried in; a slice means that systemd makes their cgroups."""

    @property
    def systemd_cgroup(self) -> bool:
        """Whether containers' cgroups are made by systemd."""
        return is_slice(self.cgroup_parent)

    @property
    def containerd(self) -> tuple[int, int]:
        """Major and minor version of containerd; (0, 0) where it does not tell."""
        found = _CONTAINERD_VERSION.search(dict(self.versions).get("containerd", ""))
        return (int(found[1]), int(found[2])) if found is not None else (0, 0)


class _Cached(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file's content."""

    depends_on: dict[str, str]
    result: ProbeResult


def is_slice(cgroup_parent: str) -> bool:
    """Return whether a cgroup is systemd's; CRI runtimes tell by the same suffix."""
    return cgroup_parent.endswith(".slice")


def cgroups_path(cgroup_parent: str, name: str) -> str:
    """Return the cgroup of a container as the OCI specification writes it; `slice:prefix:name` for systemd."""
    unit = cgroup_parent.rpartition("/")[2]
    return f"{unit}:podstead:{name}" if is_slice(cgroup_parent) else f"{cgroup_parent}/{name}"


def runtime_spec(*, version: str, cgroups_path: str, oom_score_adj: int) -> dict[str, object]:
    """Return an OCI runtime configuration that runs `catatonit --version` from a root that holds only that.

    `version` is the specification's version that containerd writes: an old crun refuses newer ones.
    """
    return {
        "ociVersion": version,
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/catatonit", "--version"],
            "env": ["PATH=/"],
            "cwd": "/",
            "noNewPrivileges": True,
            "oomScoreAdj": oom_score_adj,
            "capabilities": {name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")},
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "probe",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        ],
        "linux": {
            "cgroupsPath": cgroups_path,
            "resources": {"devices": [{"allow": False, "access": "rwm"}], "cpu": {"shares": 2}},
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
        },
    }


class RuntimeProbe:
    """Tries the OCI runtimes of `programs`; blocking, bounded by eight tries of `TRY_SECONDS` for each cgroup."""

    def __init__(self, programs: Programs, *, cache: Path, cgroup_parent: str, fallback_parent: str = "") -> None:
        """`fallback_parent` is tried where nothing works in `cgroup_parent`: systemd without a bus that crun needs."""
        self._programs = programs
        self._cache = cache
        self._parents = (cgroup_parent, *([fallback_parent] if fallback_parent else ()))

    def decide(self, wanted: str = "") -> ProbeResult:
        """Return what works here; `wanted` is crun, runc or empty for the better one.

        Raises:
            OperatorError: nothing, or not the wanted runtime, runs a container; with the runtime's own words.
        """
        depends_on = {**self._circumstances(), "wanted": wanted, "parents": " ".join(self._parents)}
        known = self._read_cache(depends_on)
        if known is not None:
            return known
        result = self._try_all(wanted, tuple((name, text) for name, text in depends_on.items() if name in _VERSIONED))
        self._write_cache(_Cached(depends_on=depends_on, result=result))
        return result

    def _try_all(self, wanted: str, versions: tuple[tuple[str, str], ...]) -> ProbeResult:
        names = [name for name, _ in self._programs.runtimes if wanted in {"", name}]
        attempts: list[Attempt] = []
        version = written_spec_version(self._programs.containerd)
        for parent, name, mends in itertools.product(self._parents, names, self._choices()):
            attempts.append(self._try(name, mends, version, parent))
            if attempts[-1].said:
                continue
            others = [other for other, _ in self._programs.runtimes if other != name]
            trials = [self._try(other, mends, version, parent) for other in others]
            return ProbeResult(
                runtime=name,
                handlers=(name, *(trial.runtime for trial in trials if not trial.said)),
                mends=mends,
                versions=versions,
                attempts=(*attempts, *trials),
                cgroup_parent=parent,
            )
        # The last try of each runtime had every mend: its words name what really stands in the way.
        said = "; ".join(f"{name}: {[one.said for one in attempts if one.runtime == name][-1]}" for name in names)
        raise OperatorError(f"cannot run containers on this machine: {said}")

    @staticmethod
    def _choices() -> tuple[Mends, ...]:
        """Return the sets of mends, the smallest first."""
        private = (False, True) if mixed_cgroup2_mounts(read_mounts()) else (False,)
        return tuple(
            Mends(restrict_oom_score_adj=restrict, private_mounts=own)
            for own, restrict in sorted(itertools.product(private, (False, True)), key=sum)
        )

    def _try(self, runtime: str, mends: Mends, version: str, cgroup_parent: str) -> Attempt:
        with tempfile.TemporaryDirectory(prefix="ps-probe-") as directory:
            bundle = Path(directory)
            (bundle / "rootfs").mkdir()
            for name in ("proc", "dev"):
                (bundle / "rootfs" / name).mkdir()
            shutil.copy(self._programs.catatonit, bundle / "rootfs" / "catatonit")
            spec = runtime_spec(
                version=version,
                cgroups_path=cgroups_path(cgroup_parent, f"probe-{bundle.name}"),
                oom_score_adj=own_oom_score_adj() if mends.restrict_oom_score_adj else CRITICAL_OOM_SCORE,
            )
            (bundle / "config.json").write_text(json.dumps(spec), encoding="utf-8")
            program = [str(self._programs.runtime(runtime)), "--root", str(bundle / "state")]
            if is_slice(cgroup_parent):
                program.insert(1, "--systemd-cgroup")
            command = [*program, "run", "--bundle", directory, bundle.name]
            said = _run(_without_mounts(command, mends), TRY_SECONDS)
            if said:  # a failed or timed-out try may have left a container; the directory goes, so must it
                _run([*program, "delete", "--force", bundle.name], TRY_SECONDS)
        return Attempt(runtime=runtime, mends=mends, said=said, cgroup_parent=cgroup_parent)

    def _circumstances(self) -> dict[str, str]:
        cgroups = [entry for entry in read_mounts() if entry.fs_type in {"cgroup", "cgroup2"}]
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        capabilities = next((line for line in status.splitlines() if line.startswith("CapEff:")), "")
        return {
            **{name: first_version_line(path) for name, path in self._programs.runtimes},
            "containerd": first_version_line(self._programs.containerd),
            "kernel": platform.release(),
            "cgroups": " ".join(f"{entry.mount_point}:{entry.fs_type}" for entry in cgroups),
            "capabilities": capabilities.partition(":")[2].strip(),
        }

    def _read_cache(self, depends_on: dict[str, str]) -> ProbeResult | None:
        try:
            cached = msgspec.json.decode(self._cache.read_bytes(), type=_Cached)
        except (OSError, msgspec.DecodeError):
            return None  # a missing or damaged file only costs the tries
        return cached.result if cached.depends_on == depends_on else None

    def _write_cache(self, cached: _Cached) -> None:
        content = {"depends_on": cached.depends_on, "result": asdict(cached.result)}
        data = msgspec.json.format(msgspec.json.encode(content), indent=1)
        whole_files.write(self._cache, data, mode=0o644, durable=False)


def own_oom_score_adj() -> int:
    """Return this process's value, which containerd inherits and to which it restricts its containers' values."""
    return int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))


_VERSIONED = frozenset({"crun", "runc", "containerd", "kernel"})


class _Spec(msgspec.Struct, rename="camel"):
    oci_version: str


def written_spec_version(containerd: Path) -> str:
    """Return the version of the OCI runtime specification that containerd writes, as its own `ctr oci spec` tells.

    That asks no daemon. (`containerd oci-spec` is no way: 1.6 and 1.7 do not know it, and start a containerd.)
    """
    ctr = containerd.with_name("ctr")
    try:
        done = subprocess.run(
            [str(ctr), "oci", "spec"], capture_output=True, timeout=TRY_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
        return msgspec.json.decode(done.stdout, type=_Spec).oci_version
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
        return OLDEST_SPEC  # without a ctr beside containerd the try asks for less than containerd will


def first_version_line(program: Path) -> str:
    """Return the first line of `program --version`, or a word of why there is none."""
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, timeout=TRY_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({type(error).__name__})"
    return next(iter(done.stdout.decode(errors="replace").splitlines()), "unknown")


def _without_mounts(command: list[str], mends: Mends) -> list[str]:
    mixed = mixed_cgroup2_mounts(read_mounts()) if mends.private_mounts else ()
    if not mixed:
        return command
    # The paths are arguments of the shell, never part of its program.
    script = f'n={len(mixed)}; while [ $n -gt 0 ]; do umount "$1" || exit 1; shift; n=$((n-1)); done; exec "$@"'
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *map(str, mixed), *command]


def _run(command: list[str], seconds: float) -> str:
    """Run to the end; return an empty text for success, else the last line of what was said."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else f"exit code {done.returncode}")[:400]
