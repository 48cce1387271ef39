"""The node's policy in the running agent: its file, its judge, and what is told of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from podstead.agent.policy_gate import PolicyGate, Surroundings
from podstead.config.security import SignatureMode
from podstead.judging.judges import FileJudges
from podstead.judging.keeper import PolicyKeeper
from podstead.judging.paths import resolve
from podstead.judging.process import JudgingProcess
from podstead.k8s.text import printable
from podstead.policy.host_paths import moved_fault, restricts_paths
from podstead.server.port import Problem
from podstead.sources.guarded import GuardFault, read_guarded
from podstead.state.trust import mode_in_force
from podstead.threads import PathThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from podstead.agent.signed_contents import SignedContents
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.daemon.ground import Ground
    from podstead.policy.values import HostPathRule, PathFacts
    from podstead.state.allowances import Allowance
    from podstead.store.kept_trust import KeptTrustStore

MOST_BYTES = 1 << 20
"""As a manifest."""
LOOK_SECONDS = 2.0
"""One stat of the policy's file: an edit of it should not wait for the next look at the directory."""
SOON_SECONDS = 30 * 86_400.0
"""So long before its end an exemption is told of: time enough to renew what a review has to renew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policing:
    """The gate, and what it stands on."""

    gate: PolicyGate
    keeper: PolicyKeeper
    judges: FileJudges
    clock: Clock
    enforced: Callable[[], bool]
    """Whether signatures are."""

    async def run(self, changed: Callable[[], object]) -> None:
        """Call `changed` whenever the policy's file has, for ever; ends the child that judges when it ends."""
        try:
            while True:
                await self.clock.sleep(LOOK_SECONDS)
                if await self.keeper.changed():
                    changed()
        finally:
            await self.judges.close()

    def moved(self, path: str, real: Path, writable: bool) -> str:  # noqa: ARG002 - the shape of what judges
        """Return why a path of the node that leads elsewhere than at first may not be mounted; empty: it may. Blocks.

        Called from threads. A policy that says nothing about paths has nothing against it, but where signatures are enforced:
        there writable places of the system equal root. What is judged is `real`, the place of what was opened: the path may
        lead elsewhere again by now.
        """
        by, away = self.gate.by, f"leads to {printable(str(real))} now, and led elsewhere before"
        if by is None:
            return f"{away}; the policy has not been read yet"
        if by.policy is None:
            return f"{away}; {by.problem}" if by.closed else ""
        if not restricts_paths(by.policy) and not self.enforced():
            return ""
        rules = by.policy.host_paths or ()
        return moved_fault(rules, str(real), _led(str(real), rules), writable=writable)

    def shown(self) -> str:
        """Return which policy is in force, in a few words."""
        by, now = self.gate.by, self.clock.now().wall
        if by is None:
            return "not read yet"
        if by.policy is None:
            return "nothing new is admitted" if by.closed else NONE
        name = f" {by.policy.name}" if by.policy.name else ""
        parts = [f"{by.shown}{name}: {by.policy.standard}"]
        if count := len(by.policy.exemptions):
            parts.append(f"{count} exemption{'' if count == 1 else 's'}")
        if count := len(by.policy.rules):
            parts.append(f"{count} rule{'' if count == 1 else 's'}")
        ends = sorted((one.until, one.name) for one in by.policy.exemptions if now < one.until < now + SOON_SECONDS)
        parts += [f"{name} ends on {_day(until)}" for until, name in ends[:3]]
        return ", ".join(parts)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the policy, and which exemptions have ended under what runs."""
        if (by := self.gate.by) is not None and by.problem:
            yield Problem(
                reason=str(by.trouble), message=by.problem, advice=f"podstead policy check {self.keeper.path}"
            )
        for exemption, files in self.gate.ended(self.clock.now().wall):
            if files:
                text = (
                    f"exemption {exemption.name} ended on {exemption.until_text}: what {', '.join(files)} holds runs on,"
                    " and other content of it is refused"
                )
                yield Problem(reason="ExemptionEnded", message=text, advice=f"podstead policy check {self.keeper.path}")


class SignedPolicy:
    """Who stands for a policy on a node that looks at signatures, and what was in force here while they were enforced.

    Fills in `judging.keeper.Trust`. Where root has lowered the mode (not `enforced`) nothing is kept, and what was kept does
    not count.
    """

    def __init__(self, contents: SignedContents, store: KeptTrustStore, enforced: Callable[[], bool]) -> None:
        self._contents = contents
        self._store = store
        self._enforced = enforced

    async def objection(self, data: bytes, signature: bytes | None) -> str:
        """Return why a policy may not come into force, with what to do; empty: it may."""
        return await self._contents.judge_policy(data, signature)

    async def kept(self) -> bytes | None:
        """Return the policy that was in force last. Raises StoreError."""
        return await self._store.policy() if self._enforced() else None

    async def keep(self, data: bytes) -> None:
        """Write a policy down, once. Raises StoreError."""
        if self._enforced() and data != await self._store.policy():
            await self._store.put_policy(data)


NONE = "none: self-protection only"


def build_policing(ground: Ground, table: Callable[[], PodTable]) -> Policing | None:
    """Return what judges by the node's policy; None where the settings know no place for one."""
    security = ground.settings.security
    if security.policy is None:
        return None
    process = JudgingProcess()
    read = partial(_read, lenient=security.allow_insecure)
    keeper = PolicyKeeper(security.policy, read, process, required=security.policy_required)
    judges = FileJudges(process, PathThreads())
    around = Surroundings(
        node=ground.settings.node.name,
        clock=ground.clock,
        enforced=lambda: mode_in_force(security.signature_mode, ground.stores.trust.record)[0] is SignatureMode.ENFORCE,
        allowed=partial(_allowed, ground),
    )
    gate = PolicyGate(keeper, judges, table, around, ground.auditor)
    gate.tell = ground.recorder.node_event
    return Policing(gate=gate, keeper=keeper, judges=judges, clock=ground.clock, enforced=around.enforced)


def _led(real: str, rules: Iterable[HostPathRule]) -> dict[str, PathFacts]:
    """Return where the listed directories lie, and the place of an open file; what cannot be looked at is left out.

    So is a place that has become another since it was opened: it is gone, or a link was put on the way to it.
    """
    facts = {}
    for one in (real, *(rule.prefix for rule in rules)):
        with contextlib.suppress(OSError):
            facts[one] = resolve(one)
    if real in facts and (facts[real].real != real or facts[real].missing):
        del facts[real]
    return facts


def _allowed(ground: Ground, digest: str) -> Allowance | None:
    return ground.stores.trust.allowances.for_digest(digest, ground.clock.now())


def _read(path: Path, *, lenient: bool) -> bytes:
    """Return the policy's bytes. Raises OSError, and ValueError where others than root could have written them."""
    try:
        return read_guarded(path, MOST_BYTES, lenient=lenient)
    except GuardFault as fault:
        raise ValueError(f"cannot be used: {fault}") from None


def _day(until: float) -> str:
    return datetime.fromtimestamp(until - 1, UTC).date().isoformat()
