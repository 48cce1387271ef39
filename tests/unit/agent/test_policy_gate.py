"""A whole pass through the policy: what one file waits for no other file waits for after it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.agent.policy_gate import SILENT, PolicyGate, Surroundings
from podstead.clock import SystemClock
from podstead.judging.keeper import InForce
from podstead.judging.wire import Answer, WirePath
from podstead.manifest.read import read_manifest
from podstead.policy.read import read_policy
from podstead.state.sources import ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.judging.wire import Question

FILES = 10
POLICY = b"apiVersion: podstead.io/v1\nkind: NodePolicy\nhostPaths: [{prefix: /dead}]\n"


class NoPods:
    """A node without pods."""

    def session(self, key: object) -> None:
        """Know none."""


class Fixed:
    """The policy in force."""

    async def current(self) -> InForce:
        return InForce(policy=read_policy(POLICY).policy, digest="sha256:1")


class Together:
    """Answers no look-up before all files have asked: who asks one after another waits for ever."""

    def __init__(self) -> None:
        self.all_asked = asyncio.Barrier(FILES)
        self.judged: list[str] = []

    async def judge(self, by: InForce, question: Question) -> Answer:
        self.judged.append(question.file)
        return Answer(refused=False)

    async def look_up(self, paths: Iterable[str], prefixes: Iterable[str]) -> tuple[WirePath, ...]:
        await self.all_asked.wait()
        return tuple(WirePath(path, fault="no answer") for path in paths)


def manifest(number: int) -> bytes:
    return f"""apiVersion: v1
kind: Pod
metadata: {{name: pod-{number}}}
spec:
  containers: [{{name: main, image: "registry.example/a:1", volumeMounts: [{{name: data, mountPath: /data}}]}}]
  volumes: [{{name: data, hostPath: {{path: /dead/{number}}}}}]
""".encode()


async def test_the_paths_of_all_files_are_looked_up_side_by_side() -> None:
    contents = {f"{number}.yaml": manifest(number) for number in range(FILES)}
    readings = {name: read_manifest(data, node_name="n") for name, data in contents.items()}
    files = tuple(ManifestFile(name=n, path=f"/m/{n}", data=data, digest=n) for n, data in contents.items())
    around = Surroundings(node="n", clock=SystemClock(), enforced=lambda: False, allowed=lambda _: None)
    judges = Together()
    gate = PolicyGate(Fixed(), judges, NoPods, around, SILENT)  # type: ignore[arg-type]  # no pods, so no table
    async with asyncio.timeout(10.0):
        judged = await gate.judge(SourceSnapshot(path="/m", files=files, certain=True), readings)
    assert sorted(judges.judged) == sorted(contents)
    assert [judged[name].accepted for name in contents] == [False] * FILES
