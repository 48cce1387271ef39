"""The pods of a runtime as an inspection asks for them: one list, and nothing changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.cli.inspection.pods import pods_of
from podstead.cri._pb import cri_pb2 as pb
from podstead.inspection.runtime import judge_runtime
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import client, serve

from .pods import sandbox_request

if TYPE_CHECKING:
    from pathlib import Path


async def test_pods_of_a_kubelet_and_of_nobody(tmp_path: Path) -> None:
    path = str(tmp_path / "cri.sock")
    async with SimulatedRuntime() as runtime, serve(runtime, path) as endpoint:
        asking = client(runtime)
        await asking.run_sandbox(replace(sandbox_request(), runtime_handler=""))
        meta = pb.PodSandboxMetadata(name="planted", namespace="default", uid="u")
        await runtime.call("RunPodSandbox", pb.RunPodSandboxRequest(config=pb.PodSandboxConfig(metadata=meta)))
        pods, troubles = await asyncio.to_thread(pods_of, [path, str(tmp_path / "none.sock")])
        assert [(one.name, one.source, one.ready, one.endpoint) for one in pods] == [
            ("web-node1", "file", True, endpoint),
            ("planted", "", True, endpoint),
        ]
        assert [where for where, _ in troubles] == [str(tmp_path / "none.sock")]
        assert {(one.rule.id, one.where) for one in judge_runtime(pods, (), by_url=False)} == {
            ("pod-without-manifest", "pod default/web-node1"),
            ("pod-of-nobody", "pod default/planted"),
        }
        assert len(await asking.sandboxes()) == 2
