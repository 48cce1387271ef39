"""What the policy costs a manifest: without rules on the loop, with the example's rules by the child that judges."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.gates import MANIFESTS, NODE, ROUNDS, snapshot_of, texts
from bench.table import PODSTEAD
from podstead.agent.policy_gate import SILENT, PolicyGate, Surroundings
from podstead.clock import SystemClock
from podstead.judging.judges import FileJudges
from podstead.judging.keeper import PolicyKeeper
from podstead.judging.process import JudgingProcess
from podstead.manifest.read import read_manifest
from podstead.threads import PathThreads

if TYPE_CHECKING:
    from bench.table import Results

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "policy-mysql.yaml"
PLAIN = b"apiVersion: podstead.io/v1\nkind: NodePolicy\npodSecurity: {level: baseline}\n"


class _EmptyTable:
    """No pod was admitted before: everything is judged."""

    def session(self, key: object) -> None:
        """Return nothing for any pod."""


async def measure_judging(results: Results, work: Path) -> None:
    """Add the rows of policies to the group `gates`; the start of the child is not counted."""
    for key, data in (("policy-plain", PLAIN), ("policy-rules", EXAMPLE.read_bytes())):
        file = work / f"{key}.yaml"
        file.write_bytes(data)
        for _ in range(ROUNDS):
            process = JudgingProcess()
            judges = FileJudges(process, PathThreads())
            keeper = PolicyKeeper(file, lambda path: path.read_bytes(), process, required=True)
            around = Surroundings(node=NODE, clock=SystemClock(), enforced=lambda: False, allowed=lambda _: None)
            gate = PolicyGate(keeper, judges, lambda: cast("Any", _EmptyTable()), around, SILENT)
            try:
                if (found := await keeper.current()).policy is None:
                    raise AssertionError(found.problem)
                results.add(f"{key}-cold", PODSTEAD, await _pass(gate))
                results.add(f"{key}-cached", PODSTEAD, await _pass(gate))
            finally:
                await judges.close()


async def _pass(gate: PolicyGate) -> float:
    """Judge a look as the agent does; returns the milliseconds for each manifest."""
    snapshot = snapshot_of(texts())
    readings = {file.name: read_manifest(file.data or b"", node_name=NODE) for file in snapshot.files}
    begun = time.perf_counter()
    judged = await gate.judge(snapshot, readings)
    taken = 1000 * (time.perf_counter() - begun) / MANIFESTS
    said = sum(one is not readings[name] for name, one in judged.items())
    if said != MANIFESTS:
        raise AssertionError(f"{said} of {MANIFESTS} manifests were judged: something else was measured")
    return taken
