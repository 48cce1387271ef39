"""Termination messages (spec/kubelet-static-pods.md 5.8): the file, the end of the log, and their share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from podstead.logs.paths import log_directory, log_path
from podstead.volumes import layout
from tests.functional.manifests import IMAGE, manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.node import SimulatedNode

FALLBACK = {"terminationMessagePolicy": "FallbackToLogsOnError"}


def message_file(node: SimulatedNode, name: str, attempt: int = 0) -> Path:
    return layout.termination_file(node.settings.paths, node.session(name).uid, name, attempt)


def write_log(node: SimulatedNode, name: str, *lines: str) -> None:
    session = node.session(name)
    log = log_directory(node.settings.paths.pod_logs, session.key, session.uid) / log_path(name, 0)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"2026-01-01T00:00:00.000000000Z stdout F {line}\n" for line in lines))


def last_message(node: SimulatedNode, name: str) -> str | None:
    """Return the message of the last end of the container of the pod's name, None as long as it has not ended."""
    pod = node.pod(name)
    assert pod is not None
    assert pod.status is not None
    last = next(one.last_state for one in pod.status.container_statuses if one.name == name)
    return (last.terminated.message or "") if last is not None and last.terminated is not None else None


@pytest.mark.parametrize(
    ("fields", "left", "code", "expected"),
    [
        ({}, "out of widgets", 3, "out of widgets"),
        (FALLBACK, "out of widgets", 3, "out of widgets"),
        (FALLBACK, "", 3, "".join(f"line {n}\n" for n in range(20, 100))),
        (FALLBACK, "", 0, ""),
        ({}, "", 3, ""),
    ],
)
async def test_where_a_message_comes_from(
    node: SimulatedNode, fields: dict[str, Any], left: str, code: int, expected: str
) -> None:
    node.write("web.yaml", manifest("web", container=fields))
    first = await node.running_pod("web")
    message_file(node, "web").write_text(left)
    write_log(node, "web", *(f"line {n}" for n in range(100)))
    node.runtime.exit_container(first.id, code)
    await node.until("its end is shown", lambda: last_message(node, "web") is not None)
    assert last_message(node, "web") == expected


@pytest.mark.parametrize("fields", [{}, FALLBACK])
async def test_a_message_is_cut_to_its_share(node: SimulatedNode, fields: dict[str, Any]) -> None:
    names = ["web", *(f"c{n}" for n in range(6))]
    node.write("web.yaml", manifest("web", containers=[{"name": name, "image": IMAGE, **fields} for name in names]))
    await node.until("all run", lambda: len(node.alive("web")) == 7 and node.phase("web") == "Running")
    first = next(c for c in node.alive("web") if c.config.metadata.name == "web")
    if fields:
        write_log(node, "web", "ä" * 2000)
    else:
        message_file(node, "web").write_text("ä" * 2000 + "\n")
    node.runtime.exit_container(first.id, 3)
    await node.until("its end is shown", lambda: last_message(node, "web") is not None)
    message = last_message(node, "web")
    assert message is not None
    assert message.endswith("ää\n")
    assert 12288 // 7 - 2 <= len(message.encode()) <= 12288 // 7


async def test_a_message_outlives_the_agent(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", restartPolicy="Never"))
    first = await node.running_pod("web")
    message_file(node, "web").write_text("all said")
    node.runtime.exit_container(first.id, 3)
    await node.until("it has failed", lambda: node.phase("web") == "Failed")
    await node.stop()
    await node.start()
    await node.until("it has failed", lambda: node.phase("web") == "Failed")
    pod = node.pod("web")
    assert pod is not None
    assert pod.status is not None
    state = pod.status.container_statuses[0].state
    assert state is not None
    assert state.terminated is not None
    assert (state.terminated.exit_code, state.terminated.message) == (3, "all said")
