"""Who is held: a pod whose key was revoked, whose leave has ended, whose index ended for good; told once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.agent.holds import Holds
from podstead.agent.session import PodSession
from podstead.clock import Instant
from podstead.identity import RevisionID
from podstead.state.allowances import Allowances
from podstead.state.audit import Act, AuditEntry
from podstead.state.provenance import UNSIGNED, Provenance, Warrant
from podstead.state.records import Claim, PodRecord
from tests.unit.reconcile.world import KEY, UID, make_pod, revision

DIGEST = "ab" * 32
SIGNED = Provenance(warrant=Warrant.INDEX, principals="ops", key="SHA256:x", index_version=3, digest=DIGEST)
ALLOWED = Provenance(warrant=Warrant.ALLOWED, digest=DIGEST)


class Told:
    """Time moved by hand, and what was told."""

    def __init__(self) -> None:
        self.boot = 1000.0
        self.events: list[tuple[str, str]] = []
        self.entries: list[AuditEntry] = []

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.boot, wall=1.8e9 + self.boot)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def event(self, key: object, uid: object, reason: str, message: str, *, warning: bool = False) -> None:
        self.events.append((reason, message))

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


def session(provenance: Provenance | None) -> PodSession:
    record = PodRecord(key=KEY, uid=UID, claim=Claim(file="web.yaml", document=0), created_at=0.0, effective=RevisionID("r1"))  # fmt: skip
    made = PodSession(record=record)
    made.revisions[RevisionID("r1")] = replace(revision("r1", make_pod()), provenance=provenance)
    return made


def holds(told: Told, allowances: Allowances | None = None) -> Holds:
    made = Holds(lambda: allowances or Allowances(), told, told, told)
    made.enforced = lambda: True
    return made


@pytest.mark.parametrize("provenance", [None, UNSIGNED, SIGNED])
def test_who_is_stood_for_is_not_held(provenance: Provenance | None) -> None:
    told = Told()
    assert holds(told).judge(session(provenance)) is None
    assert (told.events, told.entries) == ([], [])


@pytest.mark.attack("untrusted-key")
def test_a_revoked_key_holds_what_it_signed_and_nothing_else() -> None:
    told = Told()
    judge, one = holds(told), session(SIGNED)
    judge.withdrawn = lambda provenance: "the key SHA256:x is revoked" if provenance.key == "SHA256:x" else ""
    one.hold = judge
    assert one.desired().held == one.desired().held
    held = one.desired().held
    assert held is not None
    assert (held.reason, held.message) == ("KeyRevoked", "the key SHA256:x is revoked: sign it again with another key")
    assert judge.judge(session(replace(SIGNED, key="SHA256:y"))) is None
    assert [reason for reason, _ in told.events] == ["Held"]
    assert [(entry.act, entry.reason) for entry in told.entries] == [(Act.HOLD, "KeyRevoked")]
    judge.withdrawn = lambda _: ""
    assert one.desired().held is None
    assert [reason for reason, _ in told.events] == ["Held", "Released"]


def test_an_index_that_ended_for_good_holds() -> None:
    judge = holds(Told())
    judge.expired = lambda _: "the index expired, and nothing starts again after it: sign the set again"
    held = judge.of(session(SIGNED).revision(RevisionID("r1")))
    assert held is not None
    assert held.reason == "IndexExpired"


@pytest.mark.attack("clock-back")
def test_what_root_allowed_is_held_when_that_has_ended() -> None:
    told = Told()
    allowances = Allowances().with_one(DIGEST, "web.yaml", seconds=3600, reason="x", now=told.now())
    judge, one = holds(told, allowances), session(ALLOWED)
    assert judge.judge(one) is None
    told.boot += 3600
    held = judge.judge(one)
    assert held is not None
    assert (held.reason, told.events[0][0]) == ("AllowanceEnded", "Held")
    assert holds(told, None).of(one.revision(RevisionID("r1"))) is not None


def test_where_nobody_has_to_sign_the_end_of_roots_leave_holds_nothing() -> None:
    """Signatures were turned off since: the same content would be taken as it is."""
    told = Told()
    assert Holds(Allowances, told, told, told).of(session(ALLOWED).revision(RevisionID("r1"))) is None
