"""The whole agent under test: a process of its own with its private containerd, its manifests and its API.

    with agent_under_test(net_namespace=hosts.node) as agent:
        agent.write("web.yaml", manifest("web"))
        agent.wait_running("web")

Every wait is bounded and says what it saw last. Whatever a test does, the end removes processes, mounts, cgroups and
files, and fails if something is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.runtime import RestartSettings, RuntimeSettings
from podstead.config.settings import Settings
from podstead.config.sources import SourceSettings
from podstead.config.upkeep import EvictionSettings, UpkeepSettings
from podstead.containerd.leftovers import shim_pids
from tests.support.blocking_api import LocalAPI
from tests.support.images import build_busybox_image
from tests.support.instance import InstanceUnderTest
from tests.support.manifests import is_running
from tests.support.run_agent import AgentStart, armed_file, encode, passed_file, wall_file
from tests.support.runtimes import chosen_oci
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN = "/apis/podstead.io/v1alpha1"
NODE = "node1"
START_SECONDS = 40.0
SOURCES = Path(__file__).parents[2]
QUICK_RESTARTS = RestartSettings(initial_seconds=0.5, max_seconds=2.0, reset_seconds=600.0)


@dataclass
class AgentUnderTest(InstanceUnderTest):
    """One agent and its instance. `settings` may be replaced between `stop` or `kill9` and `start`."""

    boot_id: str = ""
    programs: Path | None = None
    """A directory whose programs go before the machine's own."""
    process: subprocess.Popen[bytes] | None = None
    _told: dict[str, int] = field(default_factory=dict)
    """How often each event had been told at the last `clear`, by the event's name."""

    @property
    def api(self) -> LocalAPI:
        """The local socket."""
        return LocalAPI(self.settings.paths.socket)

    @property
    def log_file(self) -> Path:
        """What every agent process of this instance wrote to stderr."""
        return self.root / "agent.log"

    # The process.

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the agent's process without waiting for it."""
        assert self.process is None or self.process.poll() is not None, "an agent runs already"
        argument = encode(AgentStart(settings=self.settings, boot_id=self.boot_id))
        enter = ["nsenter", f"--net={self.net_namespace}"] if self.net_namespace else []
        path = os.pathsep.join([*([str(self.programs)] if self.programs else []), os.environ["PATH"]])
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*enter, sys.executable, "-m", "tests.support.run_agent", argument],
                cwd=SOURCES,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def start(self) -> None:
        """Start the agent and wait until it is ready."""
        self.launch()
        self.wait("the agent is ready", self.is_ready, START_SECONDS)

    def is_ready(self) -> bool:
        """Return whether the agent answers and has worked through its first look; its end is a failure."""
        assert self.process is not None
        assert self.process.poll() is None, f"the agent ended with {self.process.returncode}\n{self.last_words()}"
        with contextlib.suppress(OSError):
            return self.api.ask("GET", "/readyz").status == 200
        return False

    def kill9(self) -> None:
        """Kill the agent at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """End the agent as systemd would; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def pull_the_plug(self) -> None:
        """End everything of the instance that a reboot ends; the next agent believes to live in another boot."""
        self.kill9()
        pid = self.containerd_pid()
        assert pid is not None
        tree = CgroupTree(self.cgroup_root, read_hierarchies())
        shims = shim_pids(self.containerd.socket)
        for victim in (pid, *shims, *tree.pids(self.cgroup_root)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        self.wait("all processes have ended", lambda: not tree.pids(self.cgroup_root), 10)
        self.wait("the shims have ended", lambda: not any(Path(f"/proc/{p}/ns/net").exists() for p in shims), 10)
        self.boot_id = str(uuid4())

    def step_wall_clock(self, seconds: float) -> None:
        """Set the agent's wall clock this far from the machine's, at once."""
        temporary = self.root / "stepping"
        temporary.write_text(str(seconds), encoding="ascii")
        temporary.replace(wall_file(self.root))

    def rss_bytes(self) -> int:
        """Return the agent's resident memory."""
        assert self.process is not None
        # With nsenter in front the agent is still this process: it executes the program in its own place.
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def restart(self) -> None:
        """Kill the agent and start it again."""
        if self.process is not None and self.process.poll() is None:
            self.kill9()
        self.start()

    def wait_dead(self, seconds: float) -> bool:
        """Return whether the agent's process ended within this time."""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def arm(self, die_at: int = 0) -> None:
        """Count crash points from now on, and kill the agent at the one with this number; 0 only counts."""
        passed_file(self.root).unlink(missing_ok=True)
        temporary = self.root / "arming"
        temporary.write_text(str(die_at), encoding="ascii")
        temporary.replace(armed_file(self.root))

    def disarm(self) -> None:
        """Count crash points no more."""
        armed_file(self.root).unlink(missing_ok=True)

    def points_passed(self) -> list[str]:
        """Return the crash points passed since they were armed."""
        file = passed_file(self.root)
        return file.read_text().splitlines() if file.exists() else []

    # The manifests.

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a manifest as careful tools do: beside it, then renamed."""
        path = self.manifests / name
        temporary = self.root / f"new-{name}"
        temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
        temporary.replace(path)
        return path

    def give(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file of the objects directory as careful tools do."""
        assert self.settings.objects is not None
        path = self.settings.objects.path / name
        temporary = self.root / f"new-{name}"
        temporary.write_text(text)
        temporary.chmod(mode)
        temporary.replace(path)
        return path

    def remove(self, name: str) -> None:
        """Remove a manifest."""
        (self.manifests / name).unlink()

    def clear(self, seconds: float = 30.0) -> None:
        """Remove every manifest and every file of objects, and wait until nothing of them is left or known.

        Pods go first: what they refer to is kept for them. Events told until then are shown no more.
        """
        for path in self.manifests.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.wait("no pod is left", lambda: not self.pods() and not self.sandboxes(), seconds)
        if self.settings.objects is not None:
            for path in self.settings.objects.path.iterdir():
                path.unlink()
            kept = self.settings.paths.state / "objects"
            self.wait("no object is known", lambda: not list(kept.glob("*")), seconds)
        self.wait("no file is known", lambda: not self.files(), seconds)
        self._told = {e["metadata"]["name"]: e["count"] for e in self._all_events()}

    # What the API says.

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return all pods by name; those outside `default` by namespace/name."""
        found = {}
        for pod in self.api.get("/api/v1/pods")["items"]:
            space, name = pod["metadata"].get("namespace", "default"), pod["metadata"]["name"]
            found[name if space == "default" else f"{space}/{name}"] = pod
        return found

    def pod(self, name: str) -> dict[str, Any]:
        """Return a pod by its name in the manifest; an empty value if there is none."""
        return self.pods().get(self.full_name(name), {})

    def events(self, reason: str = "", about: str = "", uid: str = "") -> list[dict[str, Any]]:
        """Return events since the last `clear`: of a reason, about an object whose name begins so, or of an incarnation."""
        return [
            e
            for e in self._all_events()
            if self._told.get(e["metadata"]["name"], 0) < e["count"]
            and reason in {"", e["reason"]}
            and e["involvedObject"].get("name", "").startswith(about)
            and uid in {"", e["involvedObject"].get("uid")}
        ]

    def _all_events(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.api.get("/api/v1/events")["items"]
        return items

    def files(self) -> dict[str, dict[str, Any]]:
        """Return the report on every file, by file name."""
        return {Path(f["path"]).name: f for f in self.api.get(f"{OWN}/files")["items"]}

    def status(self) -> dict[str, Any]:
        """Return the node's status."""
        found: dict[str, Any] = self.api.get(f"{OWN}/status")
        return found

    def runtime_version(self) -> tuple[int, int]:
        """Return the runtime's major and minor version, as the node shows it."""
        major, minor = self.status()["runtime"]["version"].lstrip("v").split(".")[:2]
        return int(major), int(minor)

    def problems(self) -> dict[str, str]:
        """Return what is wrong with the node: message by reason."""
        return {p["reason"]: p["message"] for p in self.status()["problems"]}

    def log_of(self, name: str, container: str = "main") -> str:
        """Return a container's log."""
        reply = self.api.ask(
            "GET",
            f"/api/v1/namespaces/default/pods/{self.full_name(name)}/log?container={container}",
        )
        return reply.body.decode()

    def import_image(self, archive: Path) -> None:
        """Import an image archive as an operator does."""
        lines = self.api.ask("POST", f"{OWN}/images/import", {"path": str(archive)}).lines()
        assert lines[-1]["type"] == "Done", lines

    def import_busybox(self, *names: str) -> None:
        """Import the busybox image, or the same under other names."""
        archive = self.root / "busybox.tar"
        build_busybox_image(archive, *names)
        self.import_image(archive)
        archive.unlink()

    # Waiting.

    def wait(self, what: str, holds: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait until something holds and return it; says the agent's last words when it does not."""
        return wait_until(what, holds, seconds, lambda: f"\n{self.last_words()}")

    def wait_pod(
        self, name: str, holds: Callable[[dict[str, Any]], Any], seconds: float = 10.0, what: str = ""
    ) -> dict[str, Any]:
        """Wait until a pod is as it should be, and return it."""
        seen: dict[str, Any] = {}

        def check() -> bool:
            seen.clear()
            seen.update(self.pod(name))
            return bool(seen and holds(seen))

        try:
            self.wait(what or f"pod {name}", check, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\npod {name}: {json.dumps(seen.get('status'), indent=1)}") from None
        return dict(seen)

    def wait_running(self, name: str, seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a pod runs and is ready, and return it."""
        return self.wait_pod(name, is_running, seconds, f"pod {name} runs")

    def wait_gone(self, name: str, seconds: float = 10.0) -> None:
        """Wait until nothing of a pod is left in the API and the runtime."""
        self.wait(f"pod {name} is gone", lambda: not self.pod(name) and not self.sandboxes(name), seconds)

    def wait_file(self, name: str, verdict: str, seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a file has this verdict, and return the report."""
        found: dict[str, Any] = self.wait(
            f"{name} is {verdict}",
            lambda: (report := self.files().get(name)) and report["verdict"] == verdict and report,
            seconds,
        )
        return found

    def last_words(self, lines: int = 40) -> str:
        """Return the end of the agent's log."""
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def settings_for(root: Path, manifests: Path, node: str = NODE) -> Settings:
    """Return settings with short waits where a test would only wait."""
    return Settings(
        paths=paths_for(root),
        source=SourceSettings(path=manifests, check_seconds=2.0, absence_seconds=0.4),
        node=NodeSettings(name=node),
        runtime=RuntimeSettings(oci_runtime=chosen_oci()),
        restart=QUICK_RESTARTS,
        # How full this machine is must decide no test.
        upkeep=UpkeepSettings(eviction=EvictionSettings(thresholds=())),
        verbosity=2,
    )


@contextlib.contextmanager
def agent_under_test(
    *, net_namespace: Path | None, node: str = NODE, changed: Callable[[Settings], Settings] = lambda s: s
) -> Iterator[AgentUnderTest]:
    """Give an agent that runs with the busybox image imported."""
    with agent_at_rest(net_namespace=net_namespace, node=node, changed=changed) as agent:
        agent.start()
        agent.import_busybox()
        yield agent


@contextlib.contextmanager
def agent_at_rest(
    *, net_namespace: Path | None, node: str = NODE, changed: Callable[[Settings], Settings] = lambda s: s
) -> Iterator[AgentUnderTest]:
    """Give an agent that was not started yet; nothing of it is left behind."""
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    manifests = root / "manifests"
    manifests.mkdir(mode=0o755)
    agent = AgentUnderTest(
        settings=changed(settings_for(root, manifests, node)), manifests=manifests, net_namespace=net_namespace
    )
    try:
        yield agent
    finally:
        try:
            if agent.process is not None and agent.process.poll() is None:
                agent.kill9()
            agent.remove_everything()
        finally:
            shutil.rmtree(root, ignore_errors=True)


def with_objects(settings: Settings) -> Settings:
    """Return the settings with an objects directory, which is made."""
    directory = settings.paths.root / "objects"
    directory.mkdir(mode=0o700, exist_ok=True)
    return replace(settings, objects=SourceSettings(path=directory, check_seconds=2.0, absence_seconds=0.4))


def with_restart(restart: RestartSettings) -> Callable[[Settings], Settings]:
    """Return a change of settings: another back-off."""
    return lambda settings: replace(settings, restart=restart)
