"""Pods that nobody stands for any more on the real loops: they run on, are not started again, and say so."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from podstead.agent import signatures
from podstead.errors import OperatorError
from podstead.signing.index import Expiry
from tests.functional.manifests import manifest
from tests.functional.test_signatures import SigningNode, indexed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime

WEB = manifest("web")


@pytest.fixture
async def signing(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SigningNode]:
    """A node that enforces signatures, with a database that runs."""
    monkeypatch.setattr(signatures, "REFRESH_SECONDS", 0.1)
    made = SigningNode(root, runtime)
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    yield made
    if made.present:
        await made.stop()


def condition(node: SigningNode, name: str) -> str:
    """Return the reason of a pod's hold, empty when it is not held."""
    pod = node.pod(name)
    conditions = pod.status.conditions if pod is not None and pod.status is not None else ()
    return next((one.reason or "" for one in conditions if one.type == "podstead.io/Held"), "")


@pytest.mark.attack("untrusted-key")
async def test_what_a_revoked_key_signed_runs_on_and_is_not_started_again(signing: SigningNode) -> None:
    node = signing
    node.trust("ops", "dev", by="ops")
    node.deliver("db.yaml", manifest("db"))
    db = await node.running_pod("db")
    node.deliver("web.yaml", WEB, by="dev")
    web = await node.running_pod("web")
    node.revoke("dev")
    await node.until("web is held", lambda: condition(node, "web") == "KeyRevoked")
    assert (node.alive("web"), condition(node, "db")) == ([web], "")
    with pytest.raises(OperatorError, match="is held, so nothing of it is started again"):
        await node.root.restart(node.session("web").key, "")

    node.runtime.exit_container(web.id, 1)
    await node.until("web waits", lambda: node.waiting("web") == "Held: KeyRevoked")
    node.runtime.exit_container(db.id, 1)
    await node.another("db", db)
    assert node.alive("web") == []

    await node.stop()
    node.runtime.reboot()
    await node.start()
    await node.until("db is back", lambda: node.serving("db"))
    await node.until("web waits", lambda: node.waiting("web") == "Held: KeyRevoked")
    assert node.alive("web") == []

    node.deliver("web.yaml", WEB, by="ops")
    await node.another("web", web)
    assert condition(node, "web") == ""
    assert node.events("Released")


@pytest.mark.attack("clock-back")
async def test_what_root_allowed_runs_on_after_its_end_and_is_not_started_again(signing: SigningNode) -> None:
    node, digest = signing, sha256(WEB.encode()).hexdigest()
    node.deliver("db.yaml", manifest("db"))
    db = await node.running_pod("db")
    node.put("web.yaml", WEB.encode())
    await node.parts.trust.allow(digest, "web.yaml", 3600.0, "the signer is away")
    web = await node.running_pod("web")
    node.runtime.exit_container(web.id, 1)
    web = await node.another("web", web)

    await node.parts.trust.end_allowance(digest[:8])
    await node.until("web is held", lambda: condition(node, "web") == "AllowanceEnded")
    assert node.alive("web") == [web]
    await node.stop()
    await node.start()
    await node.until("web is held", lambda: condition(node, "web") == "AllowanceEnded")
    assert node.alive("web") == [web]
    node.runtime.exit_container(web.id, 1)
    await node.until("web waits", lambda: node.waiting("web") == "Held: AllowanceEnded")
    assert node.alive("db") == [db]

    node.deliver("web.yaml", WEB)
    await node.until("web may start again", lambda: condition(node, "web") == "" and node.events("Released"))
    await node.until("it does in its time", lambda: node.serving("web") or node.waiting("web") == "CrashLoopBackOff")


@pytest.mark.attack("freeze")
async def test_after_an_index_that_expires_hard_nothing_starts_again(signing: SigningNode) -> None:
    node = signing
    texts = await indexed(node, **{"web.yaml": WEB})
    web, db = await node.running_pod("web"), await node.running_pod("db")
    node.index(2, texts, expiry=Expiry.HARD, lasts=2)
    await node.until("both are held", lambda: condition(node, "web") == condition(node, "db") == "IndexExpired", 10.0)
    assert (node.alive("web"), node.alive("db")) == ([web], [db])
    node.runtime.exit_container(web.id, 1)
    await node.until("web waits", lambda: node.waiting("web") == "Held: IndexExpired")

    await node.stop()
    node.runtime.reboot()
    await node.start()
    await node.until("both wait", lambda: node.waiting("web") == node.waiting("db") == "Held: IndexExpired")
    node.index(3, texts)
    await node.until("both run", lambda: node.serving("web") and node.serving("db"))
