"""Pods as rows, by the steps of spec/kubectl.md 5."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podstead.k8s import core_v1 as v1
from podstead.server.printers.pods import PRINTER, pod_cells, pod_status_word
from podstead.server.tables import render
from tests.simulators.api_agent import NOW

START = "2026-09-21T00:00:00Z"


def at(seconds_ago: float) -> str:
    """Return the RFC 3339 time so long before the tests' now."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOW - seconds_ago, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def container(name: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": state, **more}


def running(name: str = "main", **more: Any) -> dict[str, Any]:
    return container(name, {"running": {"startedAt": START}}, **{"ready": True, **more})


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    return container("main", {"waiting": {"reason": reason}}, **more)


def ended(code: int, reason: str = "", name: str = "main", signal: int = 0) -> dict[str, Any]:
    state: dict[str, Any] = {"exitCode": code, "reason": reason} if reason else {"exitCode": code}
    return container(name, {"terminated": state | ({"signal": signal} if signal else {})})


def pod(
    statuses: list[dict[str, Any]] | None = None,
    *,
    phase: str = "Running",
    init: list[dict[str, Any]] | None = None,
    sidecars: tuple[str, ...] = (),
    conditions: dict[str, str] | None = None,
    meta: dict[str, Any] | None = None,
    **status: Any,
) -> v1.Pod:
    statuses, init = statuses or [], init or []
    document = {
        "metadata": {"name": "p-node1", "namespace": "default", "creationTimestamp": at(304), **(meta or {})},
        "spec": {
            "nodeName": "node1",
            "containers": [{"name": s["name"]} for s in statuses] or [{"name": "main"}],
            "initContainers": [
                {"name": s["name"], **({"restartPolicy": "Always"} if s["name"] in sidecars else {})} for s in init
            ],
        },
        "status": {
            "phase": phase,
            "containerStatuses": statuses,
            "initContainerStatuses": init,
            "conditions": [{"type": name, "status": value} for name, value in (conditions or {}).items()],
            **status,
        },
    }
    return msgspec.convert(document, v1.Pod)


READY = {"Ready": "True"}


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (pod([running()], conditions=READY), "Running"),
        (pod([], phase="Pending"), "Pending"),
        (pod([], phase="Failed", reason="Evicted"), "Evicted"),
        (pod([waiting("CrashLoopBackOff")]), "CrashLoopBackOff"),
        (pod([waiting("ContainerCreating")], phase="Pending"), "ContainerCreating"),
        (pod([ended(0, "Completed")], phase="Succeeded"), "Completed"),
        (pod([ended(1, "Error")], phase="Failed"), "Error"),
        (pod([ended(137, signal=9)], phase="Failed"), "Signal:9"),
        (pod([ended(3)], phase="Failed"), "ExitCode:3"),
        # The first container's trouble wins over the later ones'.
        (pod([waiting("ImagePullBackOff"), ended(1, "Error", name="b")]), "ImagePullBackOff"),
        (pod([ended(0, "Completed"), running("b")], conditions=READY), "Running"),
        (pod([ended(0, "Completed"), running("b")]), "NotReady"),
        (pod([ended(0, "Completed"), ended(2, "Error", name="b")], phase="Failed"), "Error"),
        # Init containers.
        (pod([waiting("PodInitializing")], phase="Pending", init=[running("i", ready=False)]), "Init:0/1"),
        (pod([], phase="Pending", init=[ended(0, "Completed", name="i"), waiting("PodInitializing")]), "Init:1/2"),
        (pod([], phase="Pending", init=[ended(5, "Error", name="i")]), "Init:Error"),
        (pod([], phase="Pending", init=[ended(5, name="i")]), "Init:ExitCode:5"),
        (pod([], phase="Pending", init=[ended(1, name="i", signal=15)]), "Init:Signal:15"),
        (pod([], phase="Pending", init=[waiting("ImagePullBackOff")]), "Init:ImagePullBackOff"),
        (pod([running()], init=[running("side", started=True)], sidecars=("side",), conditions=READY), "Running"),
        (
            pod([running()], init=[ended(1, "Error", name="i")], conditions={"Initialized": "True", **READY}),
            "Init:Error",
        ),
        # Deletion.
        (pod([running()], meta={"deletionTimestamp": at(1)}), "Terminating"),
        (pod([running()], meta={"deletionTimestamp": at(1)}, reason="NodeLost"), "Unknown"),
        (pod([ended(0, "Completed")], phase="Succeeded", meta={"deletionTimestamp": at(1)}), "Completed"),
    ],
)
def test_status(item: v1.Pod, word: str) -> None:
    assert pod_status_word(item) == word


def test_scheduling_gate_wins_over_the_phase() -> None:
    gated = pod([], phase="Pending")
    condition = v1.PodCondition(type="PodScheduled", status="False", reason="SchedulingGated")
    assert gated.status is not None
    status = msgspec.structs.replace(gated.status, conditions=(condition,))
    assert pod_status_word(msgspec.structs.replace(gated, status=status)) == "SchedulingGated"


def _last(seconds_ago: float) -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": 1, "finishedAt": at(seconds_ago)}}}


def test_the_rows_of_the_specification() -> None:
    broken = pod(
        [waiting("CrashLoopBackOff", restartCount=4, **_last(54))],
        meta={"name": "broken-node1"},
        podIPs=[{"ip": "192.0.2.10"}],
    )
    api = pod(
        [running(restartCount=6, **_last(194))],
        meta={"name": "kube-apiserver-node1", "namespace": "kube-system", "creationTimestamp": at(76 * 3600)},
        podIPs=[{"ip": "192.0.2.10"}],
        conditions=READY,
    )
    assert [pod_cells(item, NOW).texts for item in (broken, api)] == [
        ("broken-node1", "0/1", "CrashLoopBackOff", "4 (54s ago)", "5m4s", "192.0.2.10", "node1", "<none>", "<none>"),
        (
            *("kube-apiserver-node1", "1/1", "Running", "6 (3m14s ago)", "3d4h"),
            *("192.0.2.10", "node1", "<none>", "<none>"),
        ),
    ]


def test_restarts_need_a_last_state_for_their_age() -> None:
    assert pod_cells(pod([running(restartCount=2)]), NOW).texts[3] == "2"
    assert pod_cells(pod([running(**_last(10))]), NOW).texts[3] == "0"
    two = pod([running(restartCount=1, **_last(300)), running("b", restartCount=2, **_last(30))])
    assert pod_cells(two, NOW).texts[3] == "3 (30s ago)"


def test_sidecars_count_and_init_containers_only_while_initializing() -> None:
    side = running("side", started=True, restartCount=1)
    item = pod(
        [running(restartCount=2)],
        init=[ended(0, "Completed", name="i") | {"restartCount": 5}, side],
        sidecars=("side",),
    )
    texts = pod_cells(item, NOW).texts
    assert (texts[1], texts[3]) == ("2/2", "3")
    early = pod([waiting("PodInitializing")], phase="Pending", init=[ended(1, "Error", name="i") | {"restartCount": 5}])
    assert pod_cells(early, NOW).texts[3] == "5"


def test_gates_and_completed_rows() -> None:
    gated = pod([running()], conditions={"a/b": "True", "c/d": "False"})
    spec = msgspec.structs.replace(
        gated.spec, readiness_gates=tuple(v1.PodReadinessGate(condition_type=t) for t in ("a/b", "c/d"))
    )
    assert pod_cells(msgspec.structs.replace(gated, spec=spec), NOW).texts[8] == "1/2"
    done = pod_cells(pod([ended(0, "Completed")], phase="Succeeded"), NOW)
    assert [(c.type, c.status, c.reason) for c in done.conditions] == [("Completed", "True", "Succeeded")]


def test_cells_never_steer_a_terminal() -> None:
    hostile = pod([waiting("Oops\x1b[2J\n\u202e")])
    cells = render(PRINTER, [hostile], now=NOW).rows[0].cells
    assert cells[2] == "Oops\\x1b[2J\\n\\u202e"
    assert all(cell.isprintable() for cell in cells)
