from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.store.changes import EVENTS, NODES, PODS, Change, ChangeType, Expired
from podstead.store.objects import ObjectStore
from podstead.store.versions import ResourceVersions

from .conftest import wall

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.store.watch import Watch


def pod(name: str, image: str = "a", namespace: str = "default") -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name=name, namespace=namespace),
        spec=v1.PodSpec(containers=(v1.Container(name="c", image=image),)),
    )


def image(item: v1.Pod) -> str | None:
    return item.spec.containers[0].image


def version(item: v1.Pod) -> int:
    return int(item.metadata.resource_version or 0)


async def take(watch: Watch[v1.Pod], count: int) -> list[Change[v1.Pod]]:
    async with asyncio.timeout(60):
        return [await anext(watch) for _ in range(count)]


async def test_a_version_rises_with_every_change_and_only_then(objects: ObjectStore) -> None:
    first = objects.put(PODS, pod("a"))
    same = objects.put(PODS, pod("a"))
    other = objects.put(PODS, pod("a", "b"))
    assert same is first
    assert version(other) > version(first)
    assert objects.get(PODS, "default", "a") is other
    assert objects.list(PODS).resource_version == version(other)


async def test_a_list_is_sorted_and_kinds_keep_apart(objects: ObjectStore) -> None:
    for name, namespace in (("b", "x"), ("a", "x"), ("c", "a")):
        objects.put(PODS, pod(name, namespace=namespace))
    objects.put(NODES, v1.Node(metadata=v1.ObjectMeta(name="node1")))
    assert [(p.metadata.namespace, p.metadata.name) for p in objects.list(PODS).items] == [
        ("a", "c"), ("x", "a"), ("x", "b"),
    ]  # fmt: skip
    assert len(objects.list(NODES).items) == 1
    assert objects.list(EVENTS).items == ()


async def test_a_watch_from_nothing_shows_all_and_goes_on(objects: ObjectStore) -> None:
    objects.put(PODS, pod("a"))
    with objects.watch(PODS) as watch:
        objects.put(PODS, pod("a", "new"))
        assert objects.delete(PODS, "default", "a")
        assert not objects.delete(PODS, "default", "a")
        changes = await take(watch, 3)
    assert [(c.type, image(c.object)) for c in changes] == [
        (ChangeType.ADDED, "a"), (ChangeType.MODIFIED, "new"), (ChangeType.DELETED, "new"),
    ]  # fmt: skip
    assert [c.previous and image(c.previous) for c in changes] == [None, "a", "new"]
    versions = [c.resource_version for c in changes]
    assert versions == sorted(set(versions))
    assert [version(c.object) for c in changes] == versions


async def test_a_watch_from_a_list_misses_nothing(objects: ObjectStore) -> None:
    objects.put(PODS, pod("a"))
    listing = objects.list(PODS)
    objects.put(PODS, pod("b"))
    with objects.watch(PODS, listing.resource_version) as watch:
        objects.put(PODS, pod("c"))
        assert [c.object.metadata.name for c in await take(watch, 2)] == ["b", "c"]


async def test_versions_out_of_reach_are_expired(objects: ObjectStore) -> None:
    start = objects.list(PODS).resource_version
    for number in range(9):  # one more than the ring holds
        objects.put(PODS, pod("a", str(number)))
    with pytest.raises(Expired, match="too old"):
        objects.watch(PODS, start)
    late = objects.watch(PODS, start + 1)
    assert [image(c.object) for c in await take(late, 8)] == [str(number) for number in range(1, 9)]
    with pytest.raises(Expired, match="not known yet"):
        objects.watch(PODS, objects.list(PODS).resource_version + 1)


async def test_a_version_of_the_process_before_is_expired(tmp_path: Path) -> None:
    async def process() -> ObjectStore:
        versions = ResourceVersions(tmp_path, wall=wall)
        await versions.open()
        return ObjectStore(versions)

    before = await process()
    before.put(PODS, pod("a"))
    with pytest.raises(Expired):
        (await process()).watch(PODS, before.list(PODS).resource_version)


async def test_a_slow_watcher_is_told_to_list_again_and_holds_no_memory(objects: ObjectStore) -> None:
    slow, quick = objects.watch(PODS), objects.watch(PODS)
    for number in range(5):  # the queue holds four
        objects.put(PODS, pod("a", str(number)))
        assert image((await take(quick, 1))[0].object) == str(number)
    with pytest.raises(Expired, match="too far behind"):
        await anext(slow)
    with pytest.raises(Expired):
        await anext(slow)


async def test_closing_ends_a_waiting_reader(objects: ObjectStore) -> None:
    watch = objects.watch(PODS)
    reader = asyncio.ensure_future(watch.__anext__())
    await asyncio.sleep(0)
    objects.close()
    with pytest.raises(StopAsyncIteration):
        await reader
    objects.put(PODS, pod("a"))
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "delete"]), st.integers(0, 2)), max_size=30))
async def test_replaying_a_watch_gives_the_list(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    versions = ResourceVersions(tmp_path_factory.mktemp("v"), wall=wall)
    await versions.open()
    objects = ObjectStore(versions, ring=100, queue=100)
    start = objects.list(PODS).resource_version
    live = objects.watch(PODS)
    for name, verb, number in steps:
        if verb == "put":
            objects.put(PODS, pod(name, str(number)))
        else:
            objects.delete(PODS, "default", name)
    late = objects.watch(PODS, start)
    for watch in (live, late):
        seen: dict[str, v1.Pod] = {}
        watch_end = objects.list(PODS).resource_version
        reached = start
        while reached < watch_end:
            change = (await take(watch, 1))[0]
            reached = change.resource_version
            name = change.object.metadata.name or ""
            assert (change.type is ChangeType.ADDED) == (name not in seen)
            if change.type is ChangeType.DELETED:
                del seen[name]
            else:
                seen[name] = change.object
        assert tuple(seen[name] for name in sorted(seen)) == objects.list(PODS).items
