"""The end of an instance without its agent: what it must not touch. Pods of a private runtime: tests/real."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
from podstead.config.paths import paths_for
from podstead.cri.client import CRIClient
from podstead.daemon import halt
from podstead.errors import OperatorError
from podstead.store.facts import RUNTIME_DRIVER, RUNTIME_ENDPOINT, FactStore
from podstead.store.instance import make_directories, open_instance
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import InProcessTransport
from tests.unit.cri.pods import sandbox_request

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "unix:///run/other.sock"


class Node:
    """An instance whose agent does not run, with a process in a pod's cgroup; `ended` is what its end tells."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._paths, self.ended = paths_for(directory / "root"), list[str]()
        make_directories(self._paths)
        self.instance = open_instance(self._paths, wall=0.0)
        cgroup = directory / "cgroup" / f"podstead-{self.instance.short}" / "podu-1" / "c1"
        cgroup.mkdir(parents=True)
        self._processes = cgroup / "cgroup.procs"
        self._processes.write_text("17\n")
        trees = Hierarchies(trees=(Hierarchy(mount=directory / "cgroup", unified=True),))
        monkeypatch.setattr(halt, "read_hierarchies", lambda: trees)
        monkeypatch.setattr(halt, "end_host", self._end_host)

    async def _end_host(self, *_: object) -> None:
        self.ended.append("the host's")

    def end_processes(self) -> None:
        self._processes.write_text("")

    def halt(self) -> int:
        return halt.halt_instance(self._paths, self.ended.append)

    async def facts(self) -> FactStore:
        facts = FactStore(self._paths.state, wall=lambda: 0.0)
        await facts.load()
        return facts

    async def remember(self) -> None:
        await (await self.facts()).put({RUNTIME_ENDPOINT: ENDPOINT, RUNTIME_DRIVER: "cgroupfs"})


def test_pods_of_a_runtime_that_only_the_agent_knows_keep_their_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path, monkeypatch)
    with pytest.raises(OperatorError, match=r"container-runtime-endpoint.* start the agent"):
        node.halt()
    assert node.ended == []
    node.end_processes()
    assert node.halt() == 0
    assert node.ended[0] == "the host's"


def test_pods_on_the_runtime_that_the_last_agent_named_are_ended_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path, monkeypatch)
    runtime = SimulatedRuntime()

    def connect(endpoint: str) -> CRIClient:
        assert endpoint == ENDPOINT
        return CRIClient(InProcessTransport(runtime), endpoint=endpoint, request_seconds=1.0)

    async def run() -> None:
        await node.remember()
        await connect(ENDPOINT).run_sandbox(sandbox_request(instance=node.instance.id))

    asyncio.run(run())
    runtime.down = True
    monkeypatch.setattr(halt, "connect", connect)
    with pytest.raises(OperatorError, match=r"at unix:///run/other.sock, which does not answer .*: start it, then"):
        node.halt()
    runtime.down = False
    node.end_processes()
    assert node.halt() == 0
    assert node.ended[:2] == ["removed 1 pod from the runtime", "the host's"]
    assert asyncio.run(connect(ENDPOINT).sandboxes()) == []
    assert asyncio.run(node.facts()).get(RUNTIME_ENDPOINT) is None
