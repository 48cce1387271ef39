"""The restart table against a real containerd: an edit of each kind of field, and what it restarted (foundation 14).

One pod is edited some fifty times. What is seen must be what the table says, and what docs/restart-table.md shows as seen;
with `--restart-table` that is written down anew (then run `make generate`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from podstead.manifest.compare import compare
from podstead.manifest.read import read_document
from tests.support.agent import OWN
from tests.support.edits import OBSERVED, OTHER_IMAGE, edits, first_content
from tests.support.manifests import container_status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


class Watched:
    """The pod, its sandbox and its containers, before and after."""

    def __init__(self, agent: AgentUnderTest) -> None:
        self.agent = agent
        self.text = ""

    def write(self, content: dict[str, Any]) -> None:
        """Write a content and wait until the pod is ready under it, with nothing left to do."""
        self.text = json.dumps(content)
        revision = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        self.agent.write("web.yaml", self.text)

        def settled() -> bool:
            reply = self.agent.api.ask("GET", f"{OWN}/namespaces/default/pods/web")
            found = json.loads(reply.body)
            return reply.status == 200 and found["effective"] == revision and found["ready"] and not found["candidate"]

        self.agent.wait(f"ready under {revision}", settled, 25)

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return the ready sandbox and the running containers by name."""
        (box,) = [s.id for s in self.agent.sandboxes("web") if s.ready]
        return box, {c.name: c.id for c in self.agent.containers("web", running=True)}


def seen(before: tuple[str, dict[str, str]], after: tuple[str, dict[str, str]]) -> str:
    """Return what restarted in between."""
    if before[0] != after[0]:
        return "pod"
    kept = before[1].keys() & after[1].keys()
    parts = sorted(name for name in kept if before[1][name] != after[1][name])
    parts += [f"{name} started" for name in sorted(after[1].keys() - before[1].keys())]
    parts += [f"{name} stopped" for name in sorted(before[1].keys() - after[1].keys())]
    return f"container {', '.join(parts)}" if parts else "nothing"


def said(old: str, new: str) -> str:
    """Return what the table says of an edit."""
    changes = compare(read_document(old.encode(), "node1"), read_document(new.encode(), "node1"))
    if changes.pod:
        return "pod"
    parts = sorted(changes.containers - changes.added)
    parts += [f"{name} started" for name in sorted(changes.added)]
    parts += [f"{name} stopped" for name in sorted(changes.removed)]
    return f"container {', '.join(parts)}" if parts else "nothing"


def test_what_an_edit_of_each_field_restarts(
    agent: AgentUnderTest, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    agent.import_busybox(OTHER_IMAGE)
    content = first_content(tmp_path)
    pod = Watched(agent)
    pod.write(content)
    uid = agent.pod("web")["metadata"]["uid"]
    observed: dict[str, str] = {}
    wrong = []
    for edit in edits(tmp_path):
        before, old = pod.facts(), pod.text
        edit.change(content)
        pod.write(content)
        observed[edit.name] = seen(before, pod.facts())
        if observed[edit.name] != (expected := said(old, pod.text)):
            wrong.append(f"{edit.name}: {observed[edit.name]}, and the table says {expected}")

    assert wrong == []
    found = agent.pod("web")
    assert found["metadata"]["uid"] == uid, "however much was edited, it is one pod"
    assert [container_status(found, name)["restartCount"] for name in ("main", "side")] == [0, 0]
    if request.config.getoption("--restart-table"):
        OBSERVED.write_text(json.dumps(observed, indent=1) + "\n", encoding="utf-8")
    assert json.loads(OBSERVED.read_text(encoding="utf-8")) == observed
