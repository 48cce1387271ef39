"""A rollback, by hand or automatic, goes only where today's keys and policy and the index's floor let it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.agent import signatures
from podstead.errors import OperatorError
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.functional.test_signatures import SigningNode, indexed
from tests.functional.test_updates import KEY, Health, gated, ready_on, runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime


@pytest.fixture
async def signing(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SigningNode]:
    """A node that enforces signatures and trusts two keys."""
    monkeypatch.setattr(signatures, "REFRESH_SECONDS", 0.1)
    made = SigningNode(root, runtime)
    made.trust("ops", "dev")
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    yield made
    if made.present:
        await made.stop()


async def revoked(node: SigningNode) -> None:
    """Revoke the other key and wait until the node knows."""
    node.revoke("dev")
    found = node.session("web").revisions
    before = next(one.provenance for one in found.values() if one.provenance and "dev" in one.provenance.principals)
    assert node.parts.gates.warrants is not None
    withdrawn = node.parts.gates.warrants.withdrawn
    await node.until("the key is revoked", lambda: withdrawn(before))


@pytest.mark.attack("untrusted-key", "rolled-back-pod")
async def test_by_hand_nothing_comes_back_whose_key_was_revoked(signing: SigningNode) -> None:
    node = signing
    node.deliver("db.yaml", manifest("db"))
    db = await node.running_pod("db")
    node.deliver("web.yaml", manifest("web"), by="dev")
    first = await node.running_pod("web")
    node.deliver("web.yaml", manifest("web", image=OTHER_IMAGE))
    second = await node.another("web", first)
    await node.root.roll_back(KEY, "")
    third = await node.another("web", second)
    await node.root.roll_back(KEY, "")
    fourth = await node.another("web", third)

    await revoked(node)
    with pytest.raises(OperatorError, match=r"does not go back to revision [0-9a-f]+: the key SHA256:.* is revoked"):
        await node.root.roll_back(KEY, "")
    assert (node.alive("web"), node.alive("db")) == ([fourth], [db])


@pytest.mark.attack("replay", "rolled-back-pod")
async def test_by_hand_nothing_comes_back_from_below_the_floor(signing: SigningNode) -> None:
    node = signing
    texts = await indexed(node, **{"web.yaml": manifest("web")})
    first = await node.running_pod("web")
    texts["web.yaml"] = manifest("web", image=OTHER_IMAGE)
    node.put("web.yaml", texts["web.yaml"].encode())
    node.index(2, texts, floor=1)
    second = await node.another("web", first)
    await node.root.roll_back(KEY, "")
    third = await node.another("web", second)
    await node.root.roll_back(KEY, "")
    fourth = await node.another("web", third)

    node.index(3, texts, floor=2)
    await node.until("the floor is higher", lambda: node.ground.stores.trust.record.floor == 2)
    with pytest.raises(OperatorError, match="it came with index 1, and 2 is the lowest that counts"):
        await node.root.roll_back(KEY, "")
    assert node.alive("web") == [fourth]
    assert node.serving("db")


@pytest.mark.attack("untrusted-key", "rolled-back-pod")
async def test_a_failed_update_does_not_bring_back_what_a_revoked_key_signed(signing: SigningNode) -> None:
    node = signing
    Health(node, IMAGE)
    node.deliver("web.yaml", gated(IMAGE), by="dev")
    await ready_on(node, IMAGE)
    await node.until("it is written down", lambda: node.session("web").record.last_ready)
    node.deliver("web.yaml", gated(OTHER_IMAGE, deadline="2"))
    await node.until("the update runs", lambda: runs(node, OTHER_IMAGE))
    await revoked(node)

    await node.until("it is refused", lambda: node.events("RollbackRefused"), 10.0)
    (said,) = node.events("RollbackRefused")
    assert "does not come back: the key SHA256:" in said
    assert runs(node, OTHER_IMAGE)
    assert node.events("RolledBack") == []


async def test_a_failed_update_comes_back_to_what_still_counts(signing: SigningNode) -> None:
    node = signing
    Health(node, IMAGE)
    node.deliver("web.yaml", gated(IMAGE))
    await ready_on(node, IMAGE)
    await node.until("it is written down", lambda: node.session("web").record.last_ready)
    node.deliver("web.yaml", gated(OTHER_IMAGE))
    await node.until("it is back", lambda: node.events("RolledBack"), 10.0)
    await ready_on(node, IMAGE)
