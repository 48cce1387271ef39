"""The agent, as an operator uses it: its command line, and its socket for what is read often."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from demo.errors import DemoError
from podstead.cli.client import OWN, AgentClient, AgentUnreachableError, ApiRefusedError
from podstead.identity import PodKey, PodUID
from podstead.k8s import core_v1 as v1
from podstead.k8s.labels import CONFIG_HASH
from podstead.logs.paths import log_directory
from podstead.server.port import FileReport, ImageReport, NodeStatusReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from demo.places import Places

PODSTEAD = (sys.executable, "-m", "podstead")
NAMESPACE = "kube-system"
POD = "mysql"
START_SECONDS = 300.0
"""A first start probes the OCI runtimes and starts a containerd: 2 s here, more on a slow disk."""
STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.25


class _Items(msgspec.Struct):
    items: list[msgspec.Raw] = []


class Node:
    """One agent by its socket, running or not. Methods that ask it raise `AgentUnreachableError` or `ApiRefusedError`."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._client = AgentClient(places.socket)

    @property
    def socket_arguments(self) -> tuple[str, ...]:
        """What a command of the command line needs to mean this agent."""
        return (f"--root-dir={self._places.root}",) if self._places.root else ()

    def running(self) -> bool:
        """Return True when an agent answers."""
        try:
            self._client.get("/livez")
        except AgentUnreachableError:
            return False
        return True

    def start(self) -> subprocess.Popen[bytes]:
        """Start an agent in a session of its own, so that it outlives this program and its terminal."""
        self._places.log.parent.mkdir(parents=True, exist_ok=True)
        command = [*PODSTEAD, "run", f"--pod-manifest-path={self._places.manifests}", *self.socket_arguments]
        descriptor = os.open(self._places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(descriptor)

    def wait_ready(self, process: subprocess.Popen[bytes] | None) -> NodeStatusReport:
        """Wait until the agent has looked at its directory and its runtime answers; `process` if it was just started.

        Raises:
            DemoError: it ended, or is not ready in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise DemoError(f"the agent ended at its start: {self._last_log_line()}")
            try:
                status = self.status()
            except (AgentUnreachableError, ApiRefusedError):
                status = None
            if status is not None and status.ready:
                return status
            time.sleep(_LOOK_SECONDS)
        raise DemoError(f"the agent is not ready after {START_SECONDS:.0f} s: see {self._places.log}")

    def wait_ended(self) -> None:
        """Wait until no agent answers any more."""
        deadline = time.monotonic() + STOP_SECONDS
        while self.running():
            if time.monotonic() > deadline:
                raise DemoError(
                    f"the agent still answers {STOP_SECONDS:.0f} s after it was stopped: see {self._places.log}"
                )
            time.sleep(_LOOK_SECONDS)

    def status(self) -> NodeStatusReport:
        """Return the node's facts."""
        return msgspec.json.decode(self._client.get(f"{OWN}/status"), type=NodeStatusReport)

    def images(self) -> list[ImageReport]:
        """Return what the runtime holds."""
        return [msgspec.json.decode(item, type=ImageReport) for item in self._items(f"{OWN}/images")]

    def file(self, path: Path) -> FileReport | None:
        """Return the verdict on a manifest; None before the agent has seen it."""
        reports = [msgspec.json.decode(item, type=FileReport) for item in self._items(f"{OWN}/files")]
        return next((report for report in reports if report.path.rpartition("/")[2] == path.name), None)

    def pod(self) -> v1.Pod | None:
        """Return the article's pod; None when there is none."""
        of_article = (NAMESPACE, POD)
        return next(
            (p for p in self.pods() if (p.metadata.namespace, p.metadata.labels.get("run")) == of_article), None
        )

    def pods(self) -> list[v1.Pod]:
        """Return every pod."""
        return [msgspec.json.decode(item, type=v1.Pod) for item in self._items("/api/v1/pods")]

    def log_directories(self) -> list[Path]:
        """Return where the pods' logs are."""
        return [
            log_directory(
                self._places.pod_logs,
                PodKey(pod.metadata.namespace or "", pod.metadata.name or ""),
                PodUID(pod.metadata.annotations.get(CONFIG_HASH, "none")),
            )
            for pod in self.pods()
        ]

    def pod_log(self, name: str, namespace: str = NAMESPACE) -> str:
        """Return what a pod's only container has printed."""
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        return self._client.get(path).decode("utf-8", errors="replace")

    def command(self, *words: str, say: Callable[[str], None] | None = None, seconds: float = 120.0) -> str:
        """Run a command of the command line and return what it printed; `say` gets its lines as they come.

        Raises:
            DemoError: with the command's own sentence, or because it takes longer than `seconds`.
        """
        command = [*PODSTEAD, *words, *self.socket_arguments]
        printed: list[str] = []
        late = threading.Event()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
        ) as process:

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(seconds, end)
            timer.start()
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                for line in process.stdout:
                    printed.append(line)
                    if say is not None:
                        say(line.rstrip("\n"))
                complaint = process.stderr.read()
            finally:
                timer.cancel()
        if late.is_set():
            raise DemoError(f"'podstead {' '.join(words)}' took longer than {seconds:.0f} s")
        if process.returncode != 0:
            raise DemoError(complaint.strip().removeprefix("error: ") or f"'podstead {words[0]}' failed")
        return "".join(printed)

    def _items(self, path: str) -> list[msgspec.Raw]:
        return msgspec.json.decode(self._client.get(path), type=_Items).items

    def _last_log_line(self) -> str:
        lines = self._places.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else f"see {self._places.log}"
