"""Verifies before anything is parsed: the gate of the manifest directory and of the objects directory (`trust`).

Both stand under one index, which lies beside the manifests. What an index lets in waits until its version is on record. Imports
the cryptographic library: only an agent that looks at signatures imports this module.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from podstead.config.security import SignatureMode
from podstead.errors import PodsteadError
from podstead.signing.index import INDEX_FILE, timestamp
from podstead.signing.provenance import INDEX
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.trust.contents import Content, Kind, Ruling, rule
from podstead.trust.evidence import INDEX_SIGNATURE, examine, pairs
from podstead.trust.look import judge
from podstead.trust.rules import Finding
from podstead.trust.standing import Standing, stand
from podstead.trust.values import Moment, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.agent.gates import Verifier
    from podstead.agent.ports import Auditor
    from podstead.agent.trust_keeper import TrustKeeper
    from podstead.clock import Clock
    from podstead.state.provenance import Provenance
    from podstead.state.sources import ManifestFile, SourceSnapshot
    from podstead.trust.evidence import Evidence, Pair


REFRESH_SECONDS = 5.0
"""How soon a change of the operator's files is noticed; a look at them takes half a millisecond."""


class NodeRecorder(Protocol):
    """Where events about the node go."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one."""
        ...


@dataclass(slots=True)
class _Source:
    """What is remembered of one directory between two looks."""

    kind: Kind
    waiting: Mapping[str, float] = field(default_factory=dict)
    pairs: frozenset[Pair] = frozenset()
    findings: tuple[Finding, ...] = ()
    timer: asyncio.TimerHandle | None = None


class Signatures:
    """What stands for each content on this node. `admitted` gives what runs or waits here, by digest."""

    def __init__(
        self,
        node: str,
        keeper: TrustKeeper,
        admitted: Callable[[], Mapping[str, Provenance]],
        recorder: NodeRecorder,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._node = node
        self.keeper = keeper
        """Whom the node trusts, and what is on record of it."""
        self._admitted = admitted
        self._recorder = recorder
        self._auditor = auditor
        self._clock = clock
        self._evidence: dict[Pair, Evidence] = {}
        self._examined_for: frozenset[str] = frozenset()
        """The keys that counted when indexes were examined."""
        self._sources = {kind: _Source(kind) for kind in (Kind.MANIFEST, Kind.OBJECT)}
        self._beside: dict[str, ManifestFile] = {}
        """The index and its signature as of the last look at the manifests."""
        self._passing = asyncio.Lock()
        self._told: frozenset[Finding] = frozenset()
        self._read = False
        self.standing = Standing(due=False)
        self.on_change: Callable[[], None] = lambda: None
        """Called when every directory has to be looked through again."""
        self.allowed: Callable[[], Mapping[str, str]] = dict
        """The contents that root let through, by digest, each with the sentence that says so."""

    @property
    def mode(self) -> SignatureMode:
        """The mode that holds now."""
        return self.keeper.mode

    @property
    def signers(self) -> int:
        """How many signers' lines count."""
        return len(self.keeper.signers.signers)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the operator has to hear of about the node's trust as a whole."""
        keeper = self.keeper
        found = [Finding(reason="TrustStoreImpaired", message=text) for text in keeper.troubles]
        if keeper.mode_note:
            found.append(Finding(reason="SignatureModeHeld", message=keeper.mode_note))
        if keeper.mode is SignatureMode.OFF:
            return tuple(found)
        told = (*found, *self.standing.findings, *(one for s in self._sources.values() for one in s.findings))
        return tuple(dict.fromkeys(told))  # both directories stand under one index, and say the same of it

    def gate(self, kind: Kind) -> Verifier:
        """Return the gate of one directory."""
        return _Gate(self, self._sources[kind])

    async def begin(self) -> None:
        """Know whom to trust before anything starts again: until the first look what an earlier agent kept stands."""
        await self.keeper.refresh()
        self._read = True
        self.standing = stand(self._beside, self._question(self._sources[Kind.MANIFEST]))

    async def know(self) -> None:
        """Begin, unless that or a look was before."""
        if not self._read:
            await self.begin()

    async def run(self) -> None:
        """Follow the operator's files, the record and the clock, for ever."""
        while True:
            await self._clock.sleep(REFRESH_SECONDS)
            changed = await self.keeper.refresh()
            self._tell()
            if changed or self._outdated():
                self.on_change()

    def _outdated(self) -> bool:
        """Return whether time alone has changed what stands: an index has expired, the clock was set."""
        now = stand(self._beside, self._question(self._sources[Kind.MANIFEST]))
        return (now.objection, now.accept is None) != (self.standing.objection, True)

    async def verify(self, snapshot: SourceSnapshot, source: _Source) -> SourceSnapshot:
        """Return a look without the bytes that do not count."""
        async with self._passing:
            if not self._read:
                await self.keeper.refresh()
                self._read = True
            if self.keeper.mode is SignatureMode.OFF:
                return snapshot
            if source.kind is Kind.MANIFEST:
                names = (INDEX_FILE, INDEX_SIGNATURE)
                self._beside = {name: snapshot.companions[name] for name in names if name in snapshot.companions}
            await self._examine(snapshot, source)
            before = self.standing
            self.standing = await self._recorded(stand(self._beside, self._question(source)))
            judged = judge(snapshot, source.kind, self.standing, self._question(source))
            source.waiting, source.findings = judged.waiting, judged.findings
            self._wait(source, judged.again)
            self._tell()
            if (before.index, before.objection) != (self.standing.index, self.standing.objection):
                asyncio.get_running_loop().call_soon(self.on_change)  # the other directory stands under it too
            return judged.snapshot

    async def _examine(self, snapshot: SourceSnapshot, source: _Source) -> None:
        """Check the signatures that were not checked before, in a thread: each takes a part of a millisecond."""
        found = list(pairs(snapshot))
        source.pairs = frozenset(pair for pair, _, _ in found)
        wanted = {pair for one in self._sources.values() for pair in one.pairs}
        keys = self.keeper.signers.keys
        kept = {
            pair for pair in self._evidence.keys() & wanted if keys == self._examined_for or pair.namespace != INDEX
        }
        self._evidence = {pair: self._evidence[pair] for pair in kept}
        self._examined_for = keys
        new = [(pair, data, signature) for pair, data, signature in found if pair not in self._evidence]
        if new:
            self._evidence |= await asyncio.to_thread(
                lambda: {pair: examine(data, signature, pair.namespace, keys) for pair, data, signature in new}
            )

    def _question(self, source: _Source, frozen: str = "") -> Question:
        keeper, now = self.keeper, self._clock.now()
        admitted, past = self._admitted(), keeper.past
        index_wait = self._sources[Kind.MANIFEST].waiting.get(INDEX_FILE)
        waiting = dict(source.waiting) if index_wait is None else {**source.waiting, INDEX_FILE: index_wait}
        return Question(
            mode=keeper.mode,
            signers=keeper.signers,
            node=self._node,
            now=Moment(wall=now.wall, boot=now.boot),
            past=past.also(indexed=any(one.index_version is not None for one in admitted.values())),
            evidence=self._evidence,
            admitted=admitted,
            allowed=self.allowed(),
            waiting=waiting,
            frozen=frozen,
            hints=keeper.hints,
        )

    async def _recorded(self, standing: Standing) -> Standing:
        """Put an index that counts on record; where that cannot be, nothing of it counts yet."""
        if (found := standing.accept) is None:
            return standing
        try:
            await self.keeper.accept(found)
        except PodsteadError as error:
            source = self._sources[Kind.MANIFEST]
            return stand(self._beside, self._question(source, frozen=str(error)))
        signer = standing.signed.signer.principals if standing.signed is not None else ""
        text = f"index {found.index.version} of {signer} is in force, for {_counted(len(found.index.files))}"
        self._recorder.node_event("IndexAccepted", text)
        facts: dict[Fact, str | int] = {
            Fact.VERSION: found.index.version,
            Fact.DIGEST: found.mark.digest,
            Fact.KEY: found.attested.key.fingerprint,
            Fact.PRINCIPALS: signer,
        }
        self._auditor.note(
            AuditEntry(act=Act.INDEX, subject=INDEX_FILE, reason="IndexAccepted", message=text, facts=facts)
        )
        return standing

    def _wait(self, source: _Source, again: float | None) -> None:
        """Look again when a wait for the other half of a pair ends."""
        if source.timer is not None:
            source.timer.cancel()
        source.timer = None
        if again is not None:
            delay = max(0.0, again - self._clock.now().boot) + 0.01
            source.timer = asyncio.get_running_loop().call_later(delay, self.on_change)

    def _tell(self) -> None:
        """Say once what has become known."""
        found = frozenset(self.findings)
        for finding in sorted(found - self._told, key=lambda one: (one.reason, one.message)):
            self._recorder.node_event(finding.reason, finding.message, warning=finding.alarm)
            self._auditor.note(
                AuditEntry(act=Act.REFUSE, subject=finding.subject, reason=finding.reason, message=finding.message)
            )
        self._told = found

    def ruling(self, content: Content, evidence: Mapping[Pair, Evidence]) -> Ruling:
        """Return whether one content counts that no look has brought; `evidence` has what was found of its signature."""
        question = self._question(self._sources[Kind.MANIFEST])
        return rule(content, self.standing, question.with_evidence({**self._evidence, **evidence}))

    @property
    def summary(self) -> str:
        """The mode, the index in force and whose signatures count, in a few words."""
        if self.keeper.mode is SignatureMode.OFF:
            return "off"
        index, known = self.standing.index, self.signers
        parts = [str(self.keeper.mode), f"{known} allowed signer{'' if known == 1 else 's'}"]
        if index is not None:
            ended = self._clock.now().wall >= index.expires
            parts.append(f"index {index.version} {'expired at' if ended else 'until'} {timestamp(index.expires)}")
        elif self.standing.due:
            parts.append("no index in force")
        return ", ".join(parts)


def _counted(manifests: int) -> str:
    return f"{manifests} manifest{'' if manifests == 1 else 's'}"


class _Gate:
    """One directory's way through the gate."""

    def __init__(self, signatures: Signatures, source: _Source) -> None:
        self._signatures = signatures
        self._source = source

    async def verify(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        """Return the look without the bytes that do not count."""
        return await self._signatures.verify(snapshot, self._source)
