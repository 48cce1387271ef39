"""The node's policy where signatures are enforced: whose word it comes into force by, and that taking it away lowers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.agent import signatures
from podstead.config.security import SignatureMode
from podstead.daemon import housekeeping, policing
from podstead.signing.provenance import MANIFEST, POLICY
from podstead.state.trust import lowered
from podstead.store import files
from podstead.store.files import StoreError
from tests.functional.manifests import manifest
from tests.functional.test_signatures import SigningNode
from tests.unit.trust.sets import signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime

HEAD = "apiVersion: podstead.io/v1\nkind: NodePolicy\n"
BASELINE = f"{HEAD}podSecurity: {{level: baseline}}\n".encode()
OPEN = f"{HEAD}podSecurity: {{level: privileged}}\n".encode()


class PolicedNode(SigningNode):
    """A node that enforces signatures and whose operator has a policy for it."""

    def set_policy(self, data: bytes, by: str = "ops", namespace: str = POLICY) -> None:
        """Write the policy with its signature; `by` empty: without."""
        beside = self.policy.with_name("policy.yaml.sig")
        if by:
            self._replace(beside, signed(data, by, namespace))
        else:
            beside.unlink(missing_ok=True)
        self._replace(self.policy, data)

    def drop_policy(self) -> None:
        """Remove both."""
        self.policy.unlink()
        self.policy.with_name("policy.yaml.sig").unlink(missing_ok=True)

    @property
    def shown(self) -> str:
        """Which policy is in force."""
        assert self.parts.gates.policing is not None
        return self.parts.gates.policing.shown()

    def problem(self, reason: str) -> str:
        """Return what is told of a problem with the policy."""
        return next((one.message for one in self.ground.state.problems if one.reason == reason), "")

    async def forbids_the_nodes_network(self, name: str) -> None:
        """Deliver what the policy forbids, well signed, and wait for the refusal."""
        self.deliver(f"{name}.yaml", manifest(name))
        await self.judged(f"{name}.yaml", "Rejected", "PolicyViolation")

    async def again(self) -> None:
        """Start another agent."""
        await self.stop()
        await self.start()
        await self.until("the first look", lambda: self.parts.sync is not None and self.parts.sync.looked, 20.0)


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PolicedNode]:
    """A node with a signed policy in force and a database that serves throughout."""
    monkeypatch.setattr(signatures, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.2)
    monkeypatch.setattr(policing, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("podstead.trust.look.WAIT_SECONDS", 0.4)
    made = PolicedNode(root, runtime)
    made.set_policy(BASELINE)
    await made.start()
    made.deliver("mysql.yaml", manifest("mysql", host_network=False))
    database = await made.running_pod("mysql", 20.0)
    assert "baseline" in made.shown
    yield made
    if not made.present:
        await made.start()
    assert (await made.running_pod("mysql")).id == database.id, "the database was stopped or restarted"
    assert made.restarts("mysql") == 0
    await made.stop()


@pytest.mark.attack("own-configuration")
@pytest.mark.parametrize(
    ("by", "namespace", "says"),
    [
        ("", POLICY, "nobody signed this policy"),
        ("ops", MANIFEST, "podstead.io/policy"),
        ("eve", POLICY, "whose signatures count here"),
    ],
)
async def test_a_milder_policy_comes_into_force_by_an_allowed_signer_alone(
    node: PolicedNode, by: str, namespace: str, says: str
) -> None:
    node.set_policy(OPEN, by, namespace)
    await node.until("it is told", lambda: node.problem("PolicyUnsigned"))
    assert says in node.problem("PolicyUnsigned")
    assert "stays in force" in node.problem("PolicyUnsigned")
    assert node.events("PolicyUnsigned")
    assert "baseline" in node.shown
    await node.forbids_the_nodes_network("planted")
    await node.again()
    assert "baseline" in node.shown
    node.set_policy(OPEN)
    await node.until("the signed one is in force", lambda: "privileged" in node.shown)
    await node.running_pod("planted")


@pytest.mark.attack("own-configuration")
async def test_a_policy_that_is_taken_away_stays_in_force_also_over_a_restart(node: PolicedNode) -> None:
    node.drop_policy()
    await node.until("it is told", lambda: node.problem("PolicyMissing"))
    await node.forbids_the_nodes_network("first")
    await node.again()
    await node.until("it is told again", lambda: node.problem("PolicyMissing"))
    assert "stays in force" in node.problem("PolicyMissing")
    assert "baseline" in node.shown
    await node.forbids_the_nodes_network("second")


@pytest.mark.attack("own-configuration")
async def test_a_lower_mode_in_the_configuration_does_not_end_the_policy(node: PolicedNode) -> None:
    await node.stop()
    node.drop_policy()
    node.mode(SignatureMode.OFF)
    await node.start()
    await node.until("the policy is read", lambda: "baseline" in node.shown, 20.0)
    await node.forbids_the_nodes_network("planted")


async def test_roots_word_about_the_mode_ends_it(node: PolicedNode) -> None:
    trust = node.ground.stores.trust
    async with trust.changing:
        await trust.put(lowered(trust.record, SignatureMode.OFF, "this node is retired", 1.0))
    await node.stop()
    node.drop_policy()
    node.mode(SignatureMode.OFF)
    await node.start()
    await node.until("there is none", lambda: node.shown == policing.NONE, 20.0)


async def test_an_index_stands_for_a_policy_and_for_no_other(node: PolicedNode) -> None:
    texts = {"mysql.yaml": manifest("mysql", host_network=False)}
    node.index(1, texts, policy=OPEN)
    await node.floor(1)
    node.set_policy(OPEN, by="")
    await node.until("the listed one is in force", lambda: "privileged" in node.shown)
    node.set_policy(BASELINE)  # well signed, and not what the index lists
    await node.until("it is told", lambda: "the signed index lists" in node.problem("PolicyUntrusted"))
    node.index(2, texts, policy=BASELINE)
    await node.until("the next one is in force", lambda: "baseline" in node.shown)


async def test_a_policy_that_cannot_be_put_on_record_does_not_count(
    node: PolicedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write_many

    def full(batch: tuple[files.Write, ...], then: tuple[files.Write, ...] = ()) -> None:
        if any(one.path.name == "policy.yaml" for one in batch):
            raise StoreError("write", batch[0].path, "no space left on device")
        write(batch, then)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_many", full)
        node.set_policy(OPEN)
        await node.until("it is told", lambda: "no space left" in node.problem("PolicyNotKept"))
        assert "baseline" in node.shown
    await node.until("it comes into force with room", lambda: "privileged" in node.shown)
