"""Who stood for a content is kept with it, and nothing is said where nobody asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from podstead.identity import PodKey, RevisionID
from podstead.state.provenance import Provenance, Warrant
from podstead.store.revisions import RevisionStore, StoredRevision

if TYPE_CHECKING:
    from pathlib import Path

KEY = PodKey("default", "web-node1")
SIGNED = Provenance(
    warrant=Warrant.INDEX,
    principals="ops@example.com",
    key="SHA256:abc",
    index_version=7,
    pins=(("busybox:1.36", f"sha256:{'0' * 64}"),),
    until=1_900_000_000.0,
    digest="1" * 64,
)


def make_older(state: Path) -> None:
    """Leave out of a revision's description what older agents did not write."""
    (about,) = state.rglob("1.json")
    document = json.loads(about.read_text())
    del document["provenance"]
    about.write_text(json.dumps(document))


def descriptions_with(key: str, state: Path) -> list[str]:
    """Return the names of the descriptions that have a key."""
    return [path.name for path in sorted(state.rglob("*.json")) if key in json.loads(path.read_text())]


async def test_provenance_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=lambda: 0.0)
    signed = StoredRevision(id=RevisionID("1"), key=KEY, data=b"a", file="web.yaml", provenance=SIGNED)
    unasked = StoredRevision(id=RevisionID("2"), key=KEY, data=b"b", file="web.yaml")

    await store.put(signed, unasked)
    await store.put(signed)

    assert await store.get(KEY, RevisionID("1")) == signed
    assert await store.get(KEY, RevisionID("2")) == unasked


async def test_where_paths_led_is_read_back_and_nothing_is_written_of_none(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=lambda: 0.0)
    judged = StoredRevision(
        id=RevisionID("1"), key=KEY, data=b"a", file="web.yaml", led=(("/srv/a/", "/srv/a"), ("/b", "/c"))
    )
    unasked = StoredRevision(id=RevisionID("2"), key=KEY, data=b"b", file="web.yaml")
    await store.put(judged, unasked)
    assert await store.get(KEY, RevisionID("1")) == judged
    assert await store.get(KEY, RevisionID("2")) == unasked
    assert descriptions_with("led", tmp_path) == ["1.json"]


async def test_a_revision_of_an_older_agent_has_none(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=lambda: 0.0)
    await store.put(StoredRevision(id=RevisionID("1"), key=KEY, data=b"a", file="web.yaml", provenance=SIGNED))
    make_older(tmp_path)

    found = await store.get(KEY, RevisionID("1"))

    assert found is not None
    assert (found.data, found.provenance) == (b"a", None)


def test_a_later_index_that_says_the_same_is_nothing_new_and_another_key_is() -> None:
    later = Provenance(
        warrant=Warrant.INDEX,
        principals="ops@example.com",
        key="SHA256:abc",
        index_version=8,
        pins=SIGNED.pins,
        digest=SIGNED.digest,
    )
    other = Provenance(warrant=Warrant.INDEX, principals="ops@example.com", key="SHA256:def", digest=SIGNED.digest)

    assert SIGNED.stands_as(later)
    assert not SIGNED.stands_as(other)


def test_a_revision_keeps_the_pins_of_its_own_images() -> None:
    assert SIGNED.about({"busybox:1.36"}) == SIGNED
    assert SIGNED.about({"nginx"}).pins == ()
