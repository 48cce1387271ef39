"""apply, delete, history, diff, rollback, restart, stop, start."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from podstead.k8s import core_v1 as v1
from podstead.manifest.reading import Message, Severity
from podstead.server.operations import Application, PodReport, RevisionReport
from podstead.server.port import FileReport
from podstead.store.changes import EVENTS, PODS
from tests.support.api import pod
from tests.unit.cli.objects import CANARY, HOSTILE, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Node
    from tests.unit.cli.conftest import Shell

KEY = "default/web-node1"


def manifest(image: str = "web:1", name: str = "web", **container: Any) -> str:
    spec = {"containers": [{"name": "main", "image": image, **container}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def report(**changes: Any) -> PodReport:
    return PodReport(**{"uid": "u1", "file": "web.yaml", "effective": "r2", "ready": True, **changes})


@pytest.fixture
def node(shell: Shell) -> Node:
    """A node with a pod of two revisions, the second of which runs."""
    node = shell.node
    node.store.put(PODS, pod("web-node1"))
    node.operations.reports[KEY] = report()
    node.operations.kept = tuple(
        RevisionReport(id=name, states=states, admitted="2026-09-21T00:00:00Z", effective_since="2026-09-21T00:00:00Z")
        for name, states in (("r2", ("Effective",)), ("r1", ()))
    )
    env = [{"name": "PASSWORD", "value": CANARY}]
    node.operations.manifests = {"r1": manifest().encode(), "r2": manifest("web:2", env=env).encode()}
    return node


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "web.yaml"
    path.write_text(manifest("web:3"))
    return str(path)


async def test_history(shell: Shell, node: Node) -> None:
    result = await shell("history", "web")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "REVISION   STATE       ADMITTED   EFFECTIVE   FILE     OWNER    SIGNER",
        "r2         Effective   14h        14h         <none>   <none>   <none>",
        "r1         <none>      14h        14h         <none>   <none>   <none>",
    ]
    node.operations.reports[KEY] = report(rollback="revision r2 was rolled back")
    assert (await shell("history", "web")).err == "revision r2 was rolled back\n"
    assert [item["id"] for item in json.loads((await shell("history", "web", "-ojson")).out)["items"]] == ["r2", "r1"]


async def test_diff_of_the_last_two(shell: Shell, node: Node) -> None:
    result = await shell("diff", "web")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "pod default/web-node1: revision r1 → revision r2"
    assert [line.split() for line in lines[1:3]] == [
        ["spec.containers[main].env[PASSWORD].value", "(none)", "→", "(not", "shown)", "container:", "main"],
        ["spec.containers[main].image", "web:1", "→", "web:2", "container:", "main"],
    ]
    assert lines[-1] == "restarts container main"
    assert CANARY not in result.out
    node.operations.reports[KEY] = report(effective="r1", candidate="r2")
    assert (await shell("diff", "web")).out.splitlines()[0] == "pod default/web-node1: revision r1 → revision r2"


async def test_diff_of_named_revisions_and_of_a_file(shell: Shell, node: Node, file: str) -> None:
    assert node.operations.manifests
    back = await shell("diff", "web", "--revision", "r2", "--revision=r1")
    assert back.out.splitlines()[0] == "pod default/web-node1: revision r2 → revision r1"
    one = await shell("diff", "web", "--revision", "r1")
    assert one.out.splitlines()[0] == "pod default/web-node1: revision r1 → revision r2"
    same = await shell("diff", "web", "--revision", "r1,r1")
    assert same.out.splitlines()[-1] == "nothing differs"
    of_file = await shell("diff", "-f", file)
    assert of_file.out.splitlines()[0] == f"pod default/web-node1: revision r2 → {file}"
    assert "web:2 → web:3" in of_file.out
    assert (await shell("diff", "web", "--revision", "r1,r2,r1")).code == 2


async def test_nothing_to_compare_with(shell: Shell, node: Node) -> None:
    node.operations.kept = node.operations.kept[:1]
    result = await shell("diff", "web")
    assert (result.code, "has had one revision only" in result.err) == (1, True)


async def test_orders(shell: Shell, node: Node) -> None:
    for arguments, asked in (
        (("rollback", "web"), ("rollback", KEY, "")),
        (("rollback", "pod/web", "--to-revision", "r1"), ("rollback", KEY, "r1")),
        (("restart", "web"), ("restart", KEY, "")),
        (("restart", "web", "-c", "main"), ("restart", KEY, "main")),
        (("stop", "web"), ("stop", KEY)),
        (("start", "web", "--wait"), ("start", KEY)),
    ):
        result = await shell(*arguments)
        assert (result.code, result.err) == (0, ""), arguments
        assert result.out.splitlines()[0] == " ".join(asked)
        assert node.operations.asked[-1] == asked


@pytest.mark.parametrize(
    "words",
    [
        *(
            ("history",),
            ("history", "a", "b"),
            ("diff",),
            ("rollback",),
            ("restart",),
            ("restart", "a", "b"),
            ("stop",),
        ),
        *(
            ("start",),
            ("apply",),
            ("apply", "x"),
            ("delete",),
            ("delete", "a", "-f", "b"),
            ("apply", "-f", "x", "--wait=soon"),
        ),
        ("diff", "web", "-f", "x"),
    ],
)
async def test_wrong_command_lines(shell: Shell, words: tuple[str, ...]) -> None:
    result = await shell(*words)
    assert (result.code, len(result.err.splitlines())) == (2, 1), result


async def test_a_pod_that_is_not_there(shell: Shell) -> None:
    for command in ("history", "diff", "delete"):
        result = await shell(command, "web")
        assert (result.code, result.err) == (1, 'error: pods "web-node1" not found\n')


async def test_apply(shell: Shell, node: Node, file: str) -> None:
    result = await shell("apply", "-f", file)
    assert (result.code, result.err) == (0, "")
    assert result.out == "pod default/web-node1 configured in web.yaml (revision r2)\n"
    assert node.operations.applied == [(manifest("web:3").encode(), False)]
    dry = await shell("apply", "-f", file, "--dry-run")
    assert dry.out == "pod default/web-node1 configured in web.yaml (revision r2) (dry run)\n"
    assert node.operations.applied[-1][1] is True


async def test_apply_from_standard_input(shell: Shell, node: Node) -> None:
    code, out, _ = await shell.program("apply", "-f", "-", stdin=b"kind: Pod")
    assert (code, node.operations.applied) == (0, [(b"kind: Pod", False)])
    assert out.startswith(b"pod default/web-node1 configured")


async def test_apply_of_what_is_refused(shell: Shell, node: Node, file: str) -> None:
    remark = Message(line=3, column=5, field="spec.x", severity=Severity.ERROR, message=HOSTILE)
    node.operations.application = Application(reason="InvalidManifest", messages=(remark,))
    result = await shell("apply", "-f", file, "--wait")
    assert result.code == 1
    assert result.err.splitlines()[0].startswith(f"{file}:3:5: error: spec.x: ")
    assert result.err.splitlines()[-1] == f"error: {file} is rejected (InvalidManifest): nothing was changed"
    assert all(line.isprintable() for line in result.err.splitlines())
    missing = await shell("apply", "-f", f"{file}.none")
    assert (missing.code, missing.err) == (1, f"error: cannot read {file}.none: No such file or directory\n")


async def test_apply_waits_until_the_revision_is_ready(shell: Shell, node: Node, file: str) -> None:
    node.operations.reports[KEY] = report(effective="r1")

    async def becomes_ready() -> None:
        await asyncio.sleep(0.5)
        node.operations.reports[KEY] = report(ready=False)
        await asyncio.sleep(0.5)
        node.operations.reports[KEY] = report()

    later = asyncio.create_task(becomes_ready())
    result = await shell("apply", "-f", file, "--wait=10s")
    await later
    assert (result.code, result.out.splitlines()[-1]) == (0, "pod default/web-node1 is ready under revision r2")


async def test_apply_tells_why_it_is_not_ready(shell: Shell, node: Node, file: str) -> None:
    running = pod("web-node1")
    waiting = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="ImagePullBackOff", message="no such image"))
    assert running.status is not None
    (status,) = running.status.container_statuses
    condition = v1.PodCondition(
        type="podstead.io/CandidateReady", status="False", reason="ErrImagePull", message="cannot pull"
    )
    node.store.put(
        PODS,
        msgspec.structs.replace(
            running,
            status=msgspec.structs.replace(
                running.status,
                container_statuses=(msgspec.structs.replace(status, ready=False, state=waiting),),
                conditions=(condition,),
            ),
        ),
    )
    unhealthy = event("web-node1.1", "Readiness probe failed: connection refused", namespace="default")
    about = msgspec.structs.replace(unhealthy.involved_object, uid="hash-web-node1")
    node.store.put(EVENTS, msgspec.structs.replace(unhealthy, involved_object=about, type="Warning"))
    told = event("web-node1.2", "no such image", namespace="default")
    node.store.put(EVENTS, msgspec.structs.replace(told, involved_object=about, type="Warning"))
    remark = Message(line=1, column=1, field="", severity=Severity.ERROR, message="is broken")
    node.agent.reports = [
        FileReport(path="/m/web.yaml", verdict="Rejected", reason="Invalid", messages=(remark,), pods=(KEY,))
    ]
    node.operations.reports[KEY] = report(effective="r1", candidate="r2")
    result = await shell("apply", "-f", file, "--wait=500ms")
    assert result.code == 1
    assert result.err.splitlines() == [
        "pod default/web-node1 is not ready after 0.5 s",
        "  container main: ImagePullBackOff: no such image",
        "  ErrImagePull: cannot pull",
        "  /m/web.yaml: Invalid: 1:1: is broken",
        f"  {unhealthy.reason}: Readiness probe failed: connection refused",
    ]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (report(stopped=True, ready=False), "pod default/web-node1 is stopped: podstead start lets it run again"),
        (
            report(effective="r1", passed_over="r2", rollback="revision r2 was not ready in its time"),
            "revision r2 was not ready in its time; to try it again: podstead rollback web-node1 --to-revision r2",
        ),
    ],
)
async def test_apply_does_not_wait_for_what_cannot_come(
    shell: Shell, node: Node, file: str, found: PodReport, why: str
) -> None:
    node.operations.reports[KEY] = found
    result = await shell("apply", "-f", file, "--wait=10s")
    assert (result.code, result.err.splitlines()) == (1, [why])


async def test_delete(shell: Shell, node: Node, file: str) -> None:
    result = await shell("delete", "web")
    assert (result.code, result.out) == (0, "pod default/web-node1 deleted: /m/web.yaml is removed\n")

    async def ends() -> None:
        await asyncio.sleep(0.5)
        del node.operations.reports[KEY]

    later = asyncio.create_task(ends())
    result = await shell("delete", "-f", file, "--wait=10s")
    await later
    assert (result.code, result.out.splitlines()[-1]) == (0, "pod default/web-node1 is gone")
    assert node.operations.asked == [("delete", KEY), ("delete", KEY)]


async def test_delete_waits_no_longer_than_it_is_told(shell: Shell, node: Node) -> None:
    assert node.operations.reports
    result = await shell("delete", "web", "--wait=300ms")
    assert (result.code, "has not ended after 0.3 s" in result.err) == (1, True)
