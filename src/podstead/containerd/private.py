"""The private containerd as a whole: prepared, started or adopted, asked whether it is well, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from podstead import whole_files
from podstead.containerd import locate
from podstead.containerd.config import ContainerdConfig, check_socket_path, render_config
from podstead.containerd.leftovers import end_leftovers
from podstead.containerd.mounts import PinnedMountNamespace, mixed_cgroup2_mounts, read_mounts
from podstead.containerd.pause import build_pause_image, pause_image_name
from podstead.containerd.probe import ProbeResult, RuntimeProbe
from podstead.containerd.process import MAX_LOG_BYTES, ContainerdProcess
from podstead.containerd.registry_hosts import RegistryHosts, proxy_environment
from podstead.containerd.unit import installed_unit
from podstead.errors import OperatorError, RuntimeFault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from podstead.config.images import ImageSettings
    from podstead.config.paths import Paths
    from podstead.containerd.image_import import ImageImporter

READY_SECONDS = 30.0
"""An empty containerd answers after 50 ms, one with 20 pods after 220 ms (spec/cri.md 5, 9)."""
POLL_SECONDS = 0.02
STOP_SECONDS = 10.0
SANDBOX_PULL_SECONDS = 15.0
"""A pause image is some hundred kilobytes: a registry that needs longer is taken for one that does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdSettings:
    """What the private containerd of one instance is made from."""

    paths: Paths
    images: ImageSettings
    cgroup_parent: str
    """The instance's cgroup, `/podstead-<short id>` or a slice; the probe's containers live below it."""
    fallback_parent: str = ""
    """The instance's cgroup where no OCI runtime works in the first; empty: there is no other."""
    sandbox_image: str = ""
    """The pause image's name; empty: one built from this machine's catatonit."""
    oci_runtime: str = ""
    """crun, runc, or empty for the better one that works."""
    net_namespace: Path | None = None
    """A network namespace to run in, so that one machine can hold several nodes; None: the agent's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContainerd:
    """The outcome of `ensure_running`."""

    pid: int
    adopted: bool
    """It was running already; its pods are untouched."""
    socket: Path
    probe: ProbeResult
    sandbox_image: str

    @property
    def endpoint(self) -> str:
        """The CRI endpoint, as `--container-runtime-endpoint` would name it."""
        return f"unix://{self.socket}"


class PrivateContainerd:
    """One instance's containerd. The caller holds the lock of ROOT, so nobody else starts or ends it meanwhile."""

    def __init__(self, settings: ContainerdSettings) -> None:
        self._settings = settings
        paths = settings.paths
        self.socket = paths.containerd_run / "containerd.sock"
        self.log = paths.containerd / "containerd.log"
        self.cni_conf = paths.network / "net.d"
        """Where the CNI configuration must be before pods start; the network room renders it."""
        self.registry_hosts = RegistryHosts(paths.containerd / "certs.d", settings.images.registries)
        self._namespace = PinnedMountNamespace(paths.containerd_run / "ns", paths.root)
        self._process = ContainerdProcess(
            lock=paths.containerd_run / "containerd.lock",
            socket_path=self.socket,
            log=self.log,
            unit=partial(installed_unit, paths.containerd_run),
        )

    @cached_property
    def importer(self) -> ImageImporter:
        """Imports archives; loaded at its first use, as an agent that finds its images needs no archive reader."""
        from podstead.containerd.image_import import ImageImporter  # noqa: PLC0415 - see above

        return ImageImporter(self.registry_hosts, net_namespace=self._settings.net_namespace)

    async def ensure_running(self) -> RunningContainerd:
        """Adopt the running containerd, or start one that finds the pods of the last.

        One that runs with another configuration (other proxies, another pause image) is restarted; pods run on.

        Raises:
            OperatorError: a program is missing, the socket's path is too long, no OCI runtime works,
                or the socket belongs to someone else.
        """
        return await asyncio.to_thread(self._ensure_running)

    async def wait_ready(
        self, check: Callable[[], Awaitable[object]] | None = None, *, timeout_seconds: float = READY_SECONDS
    ) -> None:
        """Wait until the socket answers and `check` (a CRI call, such as Version) succeeds.

        Raises:
            OperatorError: containerd ended, with the last lines of its log, or the time is over.
        """
        last = "its socket does not answer"
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    if await asyncio.to_thread(self._process.listening):
                        try:
                            if check is not None:
                                await check()
                        except RuntimeFault as fault:  # "server is not initialized yet" and its kin
                            last = str(fault)
                        else:
                            return
                    elif await asyncio.to_thread(self._process.find) is None:
                        raise OperatorError(f"containerd ended while starting: {self._process.ended_because()}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise OperatorError(
                f"containerd is not ready after {timeout_seconds:g} s: {last}; {self._process.log_place()}"
            ) from None

    async def ensure_sandbox_image(
        self,
        *,
        present: Callable[[str], Awaitable[bool]],
        pull: Callable[[str], Awaitable[str]],
        say: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Make sure that the sandbox image is in the running containerd; return its name.

        A configured one is pulled. Where no registry gives it, the pause image of this machine stands in under its
        name, and `say` is told: no pod of a node may wait for a registry to get its sandbox.

        Raises:
            OperatorError: the pause image cannot be built or imported.
            RuntimeFault: `present` failed.
        """
        catatonit = locate.require_program("catatonit")
        name = self._settings.sandbox_image or await asyncio.to_thread(pause_image_name, catatonit)
        if await present(name):
            return name
        if self._settings.sandbox_image:
            try:
                async with asyncio.timeout(SANDBOX_PULL_SECONDS):
                    await pull(name)
            except (RuntimeFault, TimeoutError) as fault:
                if "@" in name:  # a digest names exact bytes, which nothing else can stand in for
                    say(f"sandbox image {name} cannot be pulled: pods wait for it")
                    return name
                why = str(fault) or f"no answer within {SANDBOX_PULL_SECONDS:g} s"
                say(f"sandbox image {name} cannot be pulled ({why}): this machine's own pause image stands in for it")
            else:
                return name
        archive = self._settings.paths.containerd / "pause.tar"
        await asyncio.to_thread(build_pause_image, catatonit, archive)
        await self.importer.import_image(archive, pull=pull, names=[name])
        archive.unlink()
        return name

    async def running_pid(self) -> int | None:
        """Return the pid of this instance's containerd, or None."""
        return await asyncio.to_thread(self._process.find)

    async def trim_log(self) -> None:
        """Cut the log of the running containerd when it has grown large; it appends, so it writes on at the start."""
        await asyncio.to_thread(self._trim_log)

    async def stop(self) -> None:
        """End containerd and everything that it left: shims, containers, mounts, pins; for `stop-all`.

        The caller has stopped and removed the pods through CRI; what it could not is ended here by force.

        Raises:
            OperatorError: a process or a mount outlives this.
        """
        await asyncio.to_thread(self._stop)

    def _ensure_running(self) -> RunningContainerd:
        settings, paths = self._settings, self._settings.paths
        check_socket_path(self.socket)
        programs = locate.find_programs(settings.oci_runtime)
        for directory in (paths.containerd, paths.containerd_run, self.cni_conf):
            directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        probe = RuntimeProbe(
            programs,
            cache=paths.containerd / "probe.json",
            cgroup_parent=settings.cgroup_parent,
            fallback_parent=settings.fallback_parent,
        ).decide(settings.oci_runtime)
        self.registry_hosts.write()
        environment = {
            "PATH": locate.search_path(os.environ.get("PATH", "")),
            **proxy_environment(settings.images),
        }
        changed = self._write_config(programs, probe, environment)
        pid = self._process.find()
        if pid is not None and changed:
            # Its pods run on and are found again; what was asked for counts from now on.
            self._process.terminate(timeout_seconds=STOP_SECONDS)
            pid = None
        adopted = pid is not None
        if pid is None:
            pid = self._start(programs, probe, environment)
        return RunningContainerd(
            pid=pid, adopted=adopted, socket=self.socket, probe=probe, sandbox_image=self._sandbox_image(programs)
        )

    def _sandbox_image(self, programs: locate.Programs) -> str:
        return self._settings.sandbox_image or pause_image_name(programs.catatonit)

    def _write_config(self, programs: locate.Programs, probe: ProbeResult, environment: dict[str, str]) -> bool:
        """Write config.toml; return whether it, or the environment that belongs to it, differs from the last."""
        paths = self._settings.paths
        config = ContainerdConfig(
            containerd=probe.containerd,
            root=paths.containerd / "root",
            state=paths.containerd_run / "state",
            socket=self.socket,
            opt=paths.containerd / "opt",
            cni_conf=self.cni_conf,
            cni_plugins=programs.cni_plugins,
            certs=paths.containerd / "certs.d",
            sandbox_image=self._sandbox_image(programs),
            runtimes=tuple((name, path) for name, path in programs.runtimes if name in probe.handlers),
            default_runtime=probe.runtime,
            restrict_oom_score_adj=probe.mends.restrict_oom_score_adj,
            systemd_cgroup=probe.systemd_cgroup,
        )
        # The PATH of whoever starts the agent is no reason to restart anything; a proxy's URL may hold a password.
        proxies = sorted(item for item in environment.items() if item[0] != "PATH")
        digest = hashlib.sha256(repr(proxies).encode()).hexdigest()
        text = f"# Written by podstead at each start. Proxies: {digest[:16]}\n{render_config(config)}"
        file = paths.containerd / "config.toml"
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            return False
        whole_files.write(file, text.encode(), mode=0o644, durable=False)
        return True

    def _start(self, programs: locate.Programs, probe: ProbeResult, environment: dict[str, str]) -> int:
        self._namespace.share_root()
        namespace = self._namespace.exists()  # running pods live in it, whatever today's probe says
        if not namespace and probe.mends.private_mounts:
            self._namespace.create(mixed_cgroup2_mounts(read_mounts()))
            namespace = True
        return self._process.start(
            (str(programs.containerd), "--config", str(self._settings.paths.containerd / "config.toml")),
            environment=environment,
            mount_namespace=self._namespace.pin if namespace else None,
            net_namespace=self._settings.net_namespace,
        )

    def _trim_log(self) -> None:
        # One that is gone was removed by root: containerd writes on into nothing, and a restart makes another.
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > MAX_LOG_BYTES:
                os.truncate(self.log, 0)

    def _stop(self) -> None:
        paths = self._settings.paths
        self._process.terminate(timeout_seconds=STOP_SECONDS)
        parents = (self._settings.cgroup_parent, self._settings.fallback_parent)
        end_leftovers(socket=self.socket, state=paths.containerd_run / "state", cgroup_parents=parents)
        self._namespace.remove()
