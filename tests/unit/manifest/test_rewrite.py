"""One document of a file exchanged: every other byte stays."""

from __future__ import annotations

import pytest

from podstead.identity import PodKey
from podstead.manifest.read import read_manifest
from podstead.manifest.rewrite import UnplaceableError, joined, rewritten

HEADER = "# Licence of the whole file\n"


def pod(name: str, image: str = "i:1") -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"


def key(name: str) -> PodKey:
    return PodKey("default", f"{name}-n")


def changed(text: str, **changes: str | None) -> str:
    pods = read_manifest(text.encode(), node_name="n").pods
    wanted = {key(name): None if new is None else new.encode() for name, new in changes.items()}
    return rewritten(text.encode(), pods, wanted).decode()


THREE = f"{HEADER}---\n{pod('a')}# of a\n---\n{pod('b')}---\n# c\n{pod('c')}"


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_one_document_is_exchanged(name: str) -> None:
    new = pod(name, "i:2")
    text = changed(THREE, **{name: new})
    assert text.startswith(HEADER) == (name != "a"), "what stands before the first document belongs to it"
    assert new in text
    before = {p.key: p.revision for p in read_manifest(THREE.encode(), node_name="n").pods}
    after = {p.key: p.revision for p in read_manifest(text.encode(), node_name="n").pods}
    assert {one for one in before if before[one] != after[one]} == {key(name)}


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_one_document_is_left_out(name: str) -> None:
    text = changed(THREE, **{name: None})
    assert [p.key for p in read_manifest(text.encode(), node_name="n").pods] == [key(o) for o in "abc" if o != name]


def test_the_only_document_is_the_whole_file() -> None:
    assert changed(f"{HEADER}{pod('a')}", a=pod("a", "i:2")) == pod("a", "i:2")


def test_nothing_changed_is_the_same_bytes() -> None:
    assert changed(THREE) == THREE


def test_a_document_without_a_last_line_break_stays_apart() -> None:
    text = changed(THREE, a=pod("a", "i:2").rstrip())
    assert len(read_manifest(text.encode(), node_name="n").pods) == 3


def test_json_goes_between_documents_of_yaml() -> None:
    new = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"containers": [{"name": "c", "image": "i:2"}]}}'
    found = read_manifest(changed(THREE, b=new).encode(), node_name="n").pods
    assert [p.pod.spec.containers[0].image for p in found] == ["i:1", "i:2", "i:1"]


def test_items_of_a_list_cannot_be_exchanged_alone() -> None:
    items = "".join(f"- {pod(name).strip().replace(chr(10), chr(10) + '  ')}\n" for name in "ab")
    text = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    assert len(read_manifest(text.encode(), node_name="n").pods) == 2
    with pytest.raises(UnplaceableError, match="item of a list"):
        changed(text, a=None)


def test_documents_joined() -> None:
    found = read_manifest(joined([pod("a").encode(), f"---\n{pod('b')}".encode(), pod("c").encode()]), node_name="n")
    assert [p.key for p in found.pods] == [key(name) for name in "abc"]
