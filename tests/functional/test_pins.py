"""Images bound to digests: a tag that moves makes no other image run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.state.provenance import Provenance, Warrant
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_images import full_reference, make_image

if TYPE_CHECKING:
    from podstead.cri._pb import cri_pb2 as pb
    from tests.functional.node import SimulatedNode

EVIL = "registry.test/evil:1"


def moved(node: SimulatedNode, reference: str, *, drop: bool) -> pb.Image:
    """Point a tag to another image, as root without the key may; `drop`: the image that had it is removed."""
    images = node.runtime.images
    before = images.find(reference)
    assert before is not None
    name = full_reference(reference)
    before.repo_tags.remove(name)
    if drop:
        del images._present[before.id]
        for one in before.repo_digests:
            images.registry.pop(one, None)
    other = make_image(EVIL)
    other.repo_tags.append(name)
    images.add(other)
    images.registry[name] = other
    return before


async def pinned(node: SimulatedNode, name: str, digest: str) -> None:
    """Let a pod run whose content was signed with its image's digest."""
    node.write(f"{name}.yaml", manifest(name))
    await node.running_pod(name)
    session = node.session(name)
    (revision,) = session.revisions.values()
    said = Provenance(
        warrant=Warrant.INDEX, key="SHA256:x", pins=((revision.pod.spec.containers[0].image or "", digest),)
    )
    session.revisions[revision.id] = replace(revision, provenance=said)


@pytest.mark.attack("moved-tag")
@pytest.mark.parametrize("form", ["id", "registry"])
async def test_the_signed_image_starts_again_whatever_its_tag_says(node: SimulatedNode, form: str) -> None:
    image = node.runtime.images.find(IMAGE)
    assert image is not None
    await pinned(node, "web", image.id if form == "id" else image.repo_digests[0].partition("@")[2])
    node.write("db.yaml", manifest("db"))
    (first,), database = node.alive("web"), await node.running_pod("db")
    moved(node, IMAGE, drop=False)
    node.session("web").inspected.clear()
    node.runtime.exit_container(first.id, 1)
    second = await node.another("web", first)
    assert second.config.image.image == image.id
    assert node.alive("db") == [database]


@pytest.mark.attack("moved-tag")
async def test_a_pod_waits_where_the_signed_image_is_gone(node: SimulatedNode) -> None:
    image = node.runtime.images.find(IMAGE)
    assert image is not None
    await pinned(node, "web", image.id)
    node.write("db.yaml", manifest("db", container={"image": OTHER_IMAGE}))
    (first,), database = node.alive("web"), await node.running_pod("db")
    before = moved(node, IMAGE, drop=True)
    node.session("web").inspected.clear()
    node.runtime.exit_container(first.id, 1)
    await node.until("it is said", lambda: node.waiting("web") == "ImageDigestMismatch", 15.0)
    assert node.alive("web") == []
    said = [text for text in node.events("Failed") if "was signed as" in text]
    assert said
    assert f"the image was signed as {image.id}" in said[0]
    assert node.alive("db") == [database]
    node.runtime.images.add(before)  # root imports it again
    await node.until("it runs again", lambda: node.alive("web"), 30.0)
    assert node.alive("web")[0].config.image.image == image.id
