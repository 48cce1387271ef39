"""Manifests applied and deleted through the agent: which file, which bytes, and what is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.errors import OperatorError
from podstead.identity import PodKey
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest

if TYPE_CHECKING:
    from podstead.server.operations import Application
    from tests.functional.node import SimulatedNode


def key(name: str, namespace: str = "default") -> PodKey:
    return PodKey(namespace, f"{name}-node1")


def several(*texts: str) -> str:
    return "---\n".join(text + "\n" for text in texts)


def content(node: SimulatedNode) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(node.directory.iterdir())}


async def apply(node: SimulatedNode, text: str, *, dry_run: bool = False) -> Application:
    await node.until("looked", lambda: node.parts.sync is not None and node.parts.sync.looked)
    return await node.root.apply(text.encode(), dry_run=dry_run)


def outcomes(application: Application) -> list[tuple[str, str, str, str]]:
    assert application.reason == ""
    return [(p.name.removesuffix("-node1"), p.outcome, p.file, p.restarts) for p in application.pods]


async def test_a_new_pod_gets_a_file_of_its_name(node: SimulatedNode) -> None:
    application = await apply(node, manifest("web"))
    assert outcomes(application) == [("web", "created", "web.yaml", "")]
    await node.running_pod("web")
    assert content(node) == {"web.yaml": manifest("web")}
    assert node.session("web").record.effective == application.pods[0].revision


async def test_an_edit_goes_where_the_pod_is(node: SimulatedNode) -> None:
    node.write("somewhere.json", manifest("web"))
    await node.running_pod("web")
    dry = await apply(node, manifest("web", image=OTHER_IMAGE), dry_run=True)
    assert outcomes(dry) == [("web", "configured", "somewhere.json", "container web")]
    assert content(node) == {"somewhere.json": manifest("web")}
    assert (await apply(node, manifest("web", image=OTHER_IMAGE))).pods == dry.pods
    assert content(node) == {"somewhere.json": manifest("web", image=OTHER_IMAGE)}
    await node.until("it runs", lambda: node.session("web").record.effective == dry.pods[0].revision)
    again = await apply(node, manifest("web", image=OTHER_IMAGE))
    assert outcomes(again) == [("web", "unchanged", "somewhere.json", "")]


async def test_what_a_check_refuses_changes_nothing(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    for broken in (
        "",
        "kind: [",
        "apiVersion: v1\nkind: Pod\n",
        several(manifest("ok"), "apiVersion: v1\nkind: Pod\n"),
    ):
        application = await apply(node, broken)
        assert application.reason
        assert application.messages
        assert application.pods == ()
    assert content(node) == {"web.yaml": manifest("web")}


async def test_several_documents_go_where_each_belongs(node: SimulatedNode) -> None:
    node.write("stack.yaml", several(manifest("a"), manifest("b")))
    await node.running_pod("a")
    await node.running_pod("b")
    a = node.alive("a")
    text = several(manifest("b", image=OTHER_IMAGE), manifest("c"))
    assert outcomes(await apply(node, text)) == [
        ("b", "configured", "stack.yaml", "container b"),
        ("c", "created", "c.yaml", ""),
    ]
    assert set(content(node)) == {"stack.yaml", "c.yaml"}
    await node.running_pod("c")
    wanted = node.runtime.images.find(OTHER_IMAGE)
    await node.until("b's edit", lambda: wanted and [c.image_ref for c in node.alive("b")] == [wanted.id])
    assert node.alive("a") == a
    whole = several(manifest("a", image=OTHER_IMAGE), manifest("b", image=IMAGE))
    await apply(node, whole)
    assert content(node)["stack.yaml"] == whole, "all that the file holds, as it was given"


async def test_a_name_that_is_taken_in_another_namespace(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    other = manifest("web", metadata={"namespace": "other"})
    assert outcomes(await apply(node, other)) == [("web", "created", "other-web.yaml", "")]
    node.write("third-web.yaml", "# somebody's notes\n")
    with pytest.raises(OperatorError, match=r"has files web\.yaml and third-web\.yaml already"):
        await apply(node, manifest("web", metadata={"namespace": "third"}))


async def test_a_broken_file_is_mended(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.write("web.yaml", "kind: [")
    await node.until("refused", lambda: node.parts.board.counts().get("Rejected"))
    await apply(node, manifest("web", image=OTHER_IMAGE))
    assert content(node) == {"web.yaml": manifest("web", image=OTHER_IMAGE)}


async def test_a_broken_file_with_others_in_it_is_left_alone(node: SimulatedNode) -> None:
    node.write("stack.yaml", several(manifest("a"), manifest("b")))
    await node.running_pod("a")
    await node.running_pod("b")
    node.write("stack.yaml", "kind: [")
    await node.until("refused", lambda: node.parts.board.counts().get("Rejected"))
    with pytest.raises(OperatorError, match="holds default/b-node1 as well and cannot be read now"):
        await apply(node, manifest("a"))
    with pytest.raises(OperatorError, match="holds default/b-node1 as well and cannot be read now"):
        await node.root.delete(key("a"))
    assert content(node) == {"stack.yaml": "kind: ["}
    both = several(manifest("a"), manifest("b"))
    await apply(node, both)
    assert content(node) == {"stack.yaml": both}


async def test_a_pod_is_taken_out_of_its_file(node: SimulatedNode) -> None:
    node.write("stack.yaml", several(manifest("a"), manifest("b")))
    await node.running_pod("a")
    b = await node.running_pod("b")
    first = await node.root.delete(key("a"))
    assert (first.removed, first.file) == (False, f"{node.directory}/stack.yaml")
    await node.gone("a")
    assert node.alive("b") == [b]
    last = await node.root.delete(key("b"))
    assert last.removed
    await node.gone("b")
    assert content(node) == {}
    with pytest.raises(Exception, match="not found"):
        await node.root.delete(key("b"))


async def test_nothing_is_written_while_the_directory_is_not_itself(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.parts.board.degraded = "it was replaced"
    with pytest.raises(OperatorError, match="not itself: it was replaced"):
        await apply(node, manifest("other"))
    with pytest.raises(OperatorError, match="not itself: it was replaced"):
        await node.root.delete(key("web"))


async def test_two_at_once_lose_nothing(node: SimulatedNode) -> None:
    node.write("stack.yaml", several(manifest("a"), manifest("b")))
    await node.running_pod("a")
    await node.running_pod("b")
    await asyncio.gather(*(apply(node, manifest(name, image=OTHER_IMAGE)) for name in "ab"), apply(node, manifest("c")))
    text = content(node)["stack.yaml"]
    assert text.count(OTHER_IMAGE) == 2
    assert set(content(node)) == {"stack.yaml", "c.yaml"}
