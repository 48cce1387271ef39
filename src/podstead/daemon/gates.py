"""The gates of this node: who verifies before anything is parsed, who judges after it. What is off is not even imported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from podstead.agent.gates import OPEN, Gates, InTurn
from podstead.agent.holds import Holds
from podstead.agent.rollback_gate import RollbackGate
from podstead.agent.self_protection import SelfProtection
from podstead.config.security import SignatureMode
from podstead.daemon.policing import SignedPolicy, build_policing
from podstead.daemon.self_protection import named
from podstead.state.trust import mode_in_force
from podstead.store.kept_trust import KeptTrustStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from podstead.agent.gates import Judge, Verifier
    from podstead.agent.quarantine import Quarantine
    from podstead.agent.signatures import Signatures
    from podstead.agent.signed_contents import SignedContents
    from podstead.agent.table import PodTable
    from podstead.agent.warrants import Warrants
    from podstead.config.sources import SourceSettings
    from podstead.daemon.ground import Ground
    from podstead.daemon.policing import Policing


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGates:
    """The gates of both directories. `signatures`, with the two that stand on them, is None where nobody looks at them."""

    manifests: Gates = OPEN
    objects: Verifier = OPEN.verifier
    signatures: Signatures | None = None
    contents: SignedContents | None = None
    warrants: Warrants | None = None
    rollbacks: RollbackGate = field(default_factory=lambda: RollbackGate(OPEN.judge))
    policing: Policing | None = None
    """None where the settings know no place for a policy."""
    quarantine: Quarantine | None = None

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The loops that belong to them, by name."""
        return {} if self.quarantine is None else {"quarantine": self.quarantine.run}

    def placing_fault(self, name: str, data: bytes | None) -> str:
        """Return why a content may not be written under a name, or removed (None), for want of a signature."""
        return "" if self.contents is None else self.contents.placing_fault(name, data)

    def profile_fault(self, name: str, data: bytes) -> str:
        """Return why a seccomp profile is not what was signed; empty: it is, or nobody asks."""
        return "" if self.contents is None else self.contents.profile_fault(name, data)

    def host_file_fault(self, path: str, digest: str) -> str:
        """Return why a file of the node is not what was signed; empty: it is, or nobody asks."""
        return "" if self.contents is None else self.contents.host_file_fault(path, digest)

    def moved(self, path: str, real: Path, writable: bool) -> str:
        """Return why a path of the node that leads elsewhere than at first may not be mounted; empty: it may. Blocks."""
        return "" if self.policing is None else self.policing.moved(path, real, writable)

    def followed_by(self, *loops: Callable[[], object]) -> Callable[[], None]:
        """Let these loops go round again when what stands for their files has changed; returns what tells them."""

        def again() -> None:
            for loop in loops:
                loop()

        if self.signatures is not None:
            self.signatures.on_change = again
        return again


def build_gates(ground: Ground, table: Callable[[], PodTable]) -> NodeGates:
    """Build the gates; nothing runs yet."""
    gates = _gates(ground, table)
    if not ground.settings.security.quarantine:
        return gates
    from podstead.daemon.quarantining import with_quarantine  # noqa: PLC0415 - only where one is asked for

    return with_quarantine(ground, gates, table)


def _gates(ground: Ground, table: Callable[[], PodTable]) -> NodeGates:
    policing = build_policing(ground, table)
    protection = SelfProtection(named(ground.settings))
    gates = replace(OPEN, judge=InTurn(protection))
    # A judge of its own: one remembers what the last look held, and a single content would make it forget that.
    beside = SelfProtection(named(ground.settings))
    aside: Judge = beside
    if policing is not None:
        gates = replace(OPEN, judge=InTurn(protection, policing.gate), mark=policing.gate.mark)
        aside = InTurn(beside, policing.gate.aside())
    if not looks_at_signatures(ground):
        return NodeGates(manifests=gates, rollbacks=RollbackGate(aside), policing=policing)
    # Not at the top: the cryptographic library is 10 MiB that only a node which looks at signatures needs.
    from podstead.agent.signed_contents import SignedContents  # noqa: PLC0415 - see above
    from podstead.agent.warrants import Warrants  # noqa: PLC0415 - see above
    from podstead.daemon.signatures import build_signatures  # noqa: PLC0415 - see above
    from podstead.trust.contents import Kind  # noqa: PLC0415 - see above

    signatures = build_signatures(ground, table)
    contents, warrants = SignedContents(signatures), Warrants(signatures, ground.clock)
    if policing is not None:
        policing.keeper.listed = contents.listed_policy
        policing.keeper.trust = SignedPolicy(contents, KeptTrustStore(ground.settings.paths.state), policing.enforced)
    manifests = replace(gates, verifier=signatures.gate(Kind.MANIFEST))
    rollbacks = RollbackGate(aside)
    rollbacks.against = warrants.against
    return NodeGates(
        manifests=manifests,
        objects=signatures.gate(Kind.OBJECT),
        signatures=signatures,
        contents=contents,
        warrants=warrants,
        rollbacks=rollbacks,
        policing=policing,
    )


def build_holds(ground: Ground, gates: NodeGates) -> Holds:
    """Return what says which pods are not started again."""
    trust = ground.stores.trust
    holds = Holds(lambda: trust.allowed(ground.clock.now()), ground.clock, ground.recorder, ground.auditor)
    if (warrants := gates.warrants) is not None:
        holds.withdrawn, holds.expired = warrants.withdrawn, warrants.expired
    signatures, policing = gates.signatures, gates.policing

    def enforced() -> bool:
        by_signature = signatures is not None and signatures.mode is SignatureMode.ENFORCE
        return by_signature or (policing is not None and policing.gate.judges)

    holds.enforced = enforced
    return holds


def looks_at_signatures(ground: Ground) -> bool:
    """Return whether signatures are looked at here: as configured, or as the stricter mode that held before."""
    mode, _ = mode_in_force(ground.settings.security.signature_mode, ground.stores.trust.record)
    return mode is not SignatureMode.OFF


def watched(ground: Ground, settings: SourceSettings) -> SourceSettings:
    """Return how a directory is watched: with the signatures beside its files where they are looked at."""
    return replace(settings, companions=looks_at_signatures(ground))
