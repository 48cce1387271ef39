"""What the agent bears: many probes, execs, pods and edits at once. Only Podstead takes part, and the floor in execs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.blocking_api import LocalAPI
from tests.support.images import BUSYBOX_IMAGE

from bench.floor import STARTS_AT_ONCE, Floor
from bench.pods import BenchError, BenchPod, marked, now
from bench.table import FLOOR, PODSTEAD
from bench.usage import MIB, cpu_percent, memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.agent import Node
    from bench.subjects import Subject
    from bench.table import Results

HTTP_PORT, GRPC_PORT = 18200, 18201
CONTAINERS = 10
"""Of each probed pod; each has a liveness and a readiness probe of one second: 20 probes a second a pod."""
HANDLERS: tuple[dict[str, Any], ...] = (
    {"httpGet": {"port": HTTP_PORT, "path": "/"}},
    {"tcpSocket": {"port": HTTP_PORT}},
    {"grpc": {"port": GRPC_PORT}},
)
SETTLE_SECONDS = 5.0
DEADLINE_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEffort:
    """How much is borne."""

    probed_pods: int
    exec_containers: int
    pods: int
    edits: int
    seconds: float


class Load:
    """Measures the group `load` on one OCI runtime."""

    def __init__(self, node: Node, subjects: tuple[Subject, Subject], results: Results, out: Path) -> None:
        self._node = node
        self._floor, self._agent = subjects
        self._results = results
        self._out = out
        self._api = LocalAPI(node.paths.socket)

    async def run(self, effort: LoadEffort) -> None:
        """Measure everything."""
        await self._probes(effort)
        await self._execs(effort)
        await self._pods(effort)
        await self._edits(effort)

    async def _probes(self, effort: LoadEffort) -> None:
        """Run tcp, http and grpc probes of one second against a server that answers for all containers."""
        names = [f"probed-{number}" for number in range(effort.probed_pods)]
        self._say(f"{2 * CONTAINERS * len(names)} probes a second")
        with probed_server(), self._manifests({name: _probed_pod(name) for name in names}):
            await self._until(lambda: sum(map(_ready, self._pods_of("probed-"))) == len(names), "probed pods")
            await asyncio.sleep(SETTLE_SECONDS)
            self._add("probes-cpu", await cpu_percent(self._node.agent, effort.seconds))
            self._add("probes-rss", memory([self._node.agent]).rss / MIB)
            statuses = [s for pod in self._pods_of("probed-") for s in pod["status"]["containerStatuses"]]
            self._add("probes-false", float(sum(s["restartCount"] for s in statuses)))
        await self._until(lambda: not self._pods_of("probed-"), "the end of probed pods")

    async def _execs(self, effort: LoadEffort) -> None:
        """Ask for more exec probes than the machine can run; the floor is as many calls at once as it bears best."""
        self._say(f"{effort.exec_containers} exec probes a second")
        pod = BenchPod(name="floor-exec", out=self._out, idle=True)
        await self._floor.start(pod)
        await marked(pod, 0.0)
        if isinstance(self._floor, Floor):
            done = await self._floor.execs(pod, ("true",), STARTS_AT_ONCE, effort.seconds)
            self._results.add("exec", FLOOR, 1000 * effort.seconds / done)
        await self._floor.delete([pod])
        tally = self._out / "execs"
        tally.write_bytes(b"")
        with self._manifests({"execs": _exec_pod("execs", self._out, effort.exec_containers)}):
            await self._until(lambda: any(map(_ready, self._pods_of("execs"))), "the pod with exec probes")
            await asyncio.sleep(SETTLE_SECONDS)
            before, begun = tally.stat().st_size, time.monotonic()
            await asyncio.sleep(effort.seconds)
            done = tally.stat().st_size - before
            self._results.add("exec", PODSTEAD, 1000 * (time.monotonic() - begun) / max(1, done))
        await self._until(lambda: not self._pods_of("execs"), "the end of the pod with exec probes")

    async def _pods(self, effort: LoadEffort) -> None:
        """Run as many pods as a large node has."""
        self._say(f"{effort.pods} pods")
        pods = [BenchPod(name=f"many-{number}", out=self._out, idle=True) for number in range(effort.pods)]
        begun = now()
        await self._agent.start_many(pods)
        await self._until(lambda: all(pod.mark.exists() for pod in pods), f"{len(pods)} pods")
        self._add("many-start", 1000 * (now() - begun) / len(pods))
        await asyncio.sleep(SETTLE_SECONDS)
        self._add("many-cpu", await cpu_percent(self._node.agent, effort.seconds))
        self._add("many-rss", memory([self._node.agent]).rss / MIB)
        await self._agent.delete(pods)

    async def _edits(self, effort: LoadEffort) -> None:
        """Edit the annotations of pods, as fast as files can be written, until the API shows the last of each."""
        self._say(f"{effort.edits} edits")
        names = [f"edited-{number}" for number in range(20)]
        with self._manifests({name: _edited_pod(name, 0) for name in names}):
            await self._until(lambda: sum(map(_ready, self._pods_of("edited-"))) == len(names), "edited pods")
            begun = time.monotonic()
            for number in range(effort.edits):
                self._write(names[number % len(names)], _edited_pod(names[number % len(names)], number))
            last = {str(number) for number in range(effort.edits)[-len(names) :]}
            await self._until(lambda: {_number(pod) for pod in self._pods_of("edited-")} == last, "the last edits")
            self._add("edits", 1000 * (time.monotonic() - begun) / effort.edits)
        await self._until(lambda: not self._pods_of("edited-"), "the end of edited pods")

    @contextlib.contextmanager
    def _manifests(self, pods: dict[str, str]) -> Iterator[None]:
        """Have these manifests in the directory for the time of the block."""
        try:
            for name, text in pods.items():
                self._write(name, text)
            yield
        finally:
            for name in pods:
                (self._node.manifests / f"{name}.json").unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        temporary = self._node.manifests / f".{name}.tmp"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(self._node.manifests / f"{name}.json")

    def _pods_of(self, prefix: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.get("/api/v1/pods")["items"]
        return [pod for pod in found if pod["metadata"]["name"].startswith(prefix)]

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while not await asyncio.to_thread(holds):
            if time.monotonic() > end:
                raise BenchError(f"not within {DEADLINE_SECONDS:g} s: {what}")
            await asyncio.sleep(0.05)

    def _add(self, row: str, value: float) -> None:
        self._results.add(row, PODSTEAD, value)

    def _say(self, text: str) -> None:
        print(f"{self._results.runtime}: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def probed_server() -> Iterator[None]:
    """Run the server that all probes dial: pods on the host network share the node's address."""
    command = [sys.executable, "-m", "tests.support.probed", str(HTTP_PORT), str(GRPC_PORT)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=dict(os.environ)) as server:
        try:
            yield
        finally:
            server.kill()


def _pod(name: str, containers: list[dict[str, Any]], **changes: Any) -> str:
    spec = {"hostNetwork": True, "terminationGracePeriodSeconds": 0, "containers": containers, **changes}
    metadata = {"name": name, "annotations": changes.pop("annotations", {})}
    spec.pop("annotations", None)
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def _container(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "image": BUSYBOX_IMAGE, "command": ["sleep", "36000"], **changes}


def _probed_pod(name: str) -> str:
    often = {"periodSeconds": 1, "timeoutSeconds": 1}
    return _pod(
        name,
        [
            _container(
                f"c{one}",
                livenessProbe={**HANDLERS[one % 3], **often},
                readinessProbe={**HANDLERS[(one + 1) % 3], **often},
            )
            for one in range(CONTAINERS)
        ],
    )


def _exec_pod(name: str, out: Path, count: int) -> str:
    probe = {
        "exec": {"command": ["sh", "-c", "printf . >> /out/execs"]},
        "periodSeconds": 1,
        "timeoutSeconds": 10,
        "failureThreshold": 100,
    }
    mounts = [{"name": "out", "mountPath": "/out"}]
    containers = [_container(f"c{one}", volumeMounts=mounts, livenessProbe=probe) for one in range(count)]
    return _pod(name, containers, volumes=[{"name": "out", "hostPath": {"path": str(out)}}])


def _edited_pod(name: str, number: int) -> str:
    return _pod(name, [_container("main")], annotations={"number": str(number)})


def _number(pod: dict[str, Any]) -> str:
    return str(pod["metadata"].get("annotations", {}).get("number", ""))


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
