"""Who wrote it, where an operator reads of a verdict."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from podstead.state.audit import Fact
from podstead.store.changes import EVENTS

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

pytestmark = pytest.mark.root


async def listening(node: SimulatedNode) -> None:
    """Wait until writers are heard of."""
    for number in range(500):
        node.write("first.yaml", f"# {number}\n")
        if node.ground.writers.sentence("first.yaml"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody is heard of")


@pytest.mark.attack("planted-pod")
async def test_a_refused_file_names_its_writer(node: SimulatedNode) -> None:
    await listening(node)
    path = node.directory / "planted.yaml"
    script = f"echo 'kind: Nonsense' > {path}; echo done; read line"
    writing = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert writing.stdout is not None
        await writing.stdout.readline()
        await node.until("the verdict", lambda: _report(node, "planted.yaml").get("verdict") == "Rejected")
        writer = str(_report(node, "planted.yaml")["writer"])
        assert writer.startswith("written by ")
        assert f"(pid {writing.pid}) of root" in writer
        assert "Nonsense" not in writer
        facts = node.ground.writers.facts("planted.yaml")
        assert (facts[Fact.PID], facts[Fact.UID]) == (writing.pid, 0)
        assert f"(pid {writing.pid})" in _told(node, "planted.yaml")
    finally:
        await writing.communicate(b"")


async def test_without_a_witness_owner_and_time_are_told(node: SimulatedNode) -> None:
    await listening(node)
    node.ground.writers._witness = None
    node.write("planted.yaml", "kind: Nonsense\n")
    await node.until("the verdict", lambda: _report(node, "planted.yaml").get("verdict") == "Rejected")
    assert _report(node, "planted.yaml")["writer"] == ""
    assert "(owner root, changed 20" in _told(node, "planted.yaml")


def _told(node: SimulatedNode, name: str) -> str:
    found = [e for e in node.ground.stores.objects.list(EVENTS).items if e.involved_object.name == name]
    return found[0].message or ""


def _report(node: SimulatedNode, name: str) -> dict[str, object]:
    found = [report for report in node.parts.board.files() if report.path.endswith(f"/{name}")]
    return {"verdict": found[0].verdict, "writer": found[0].writer} if found else {}
