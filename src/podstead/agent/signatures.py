"""Verifies before anything is parsed: the gate of the manifest directory and of the objects directory (`trust`).

Both stand under one index, which lies beside the manifests. What an index lets in waits until its version is on record. Imports
the cryptographic library: only an agent that looks at signatures imports this module.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from podstead.config.security import SignatureMode
from podstead.errors import PodsteadError
from podstead.signing.index import INDEX_FILE, Expiry, timestamp
from podstead.signing.index_verify import IndexFault
from podstead.signing.provenance import INDEX, POLICY
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.provenance import Warrant
from podstead.trust.contents import Content, Kind, Ruling, listed, rule
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

log = logging.getLogger(__name__)

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
        self._keeper = keeper
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
        return self._keeper.mode

    @property
    def signers(self) -> int:
        """How many signers' lines count."""
        return len(self._keeper.signers.signers)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the operator has to hear of about the node's trust as a whole."""
        keeper = self._keeper
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
        await self._keeper.refresh()
        self._read = True
        self.standing = stand(self._beside, self._question(self._sources[Kind.MANIFEST]))

    async def run(self) -> None:
        """Follow the operator's files, the record and the clock, for ever."""
        while True:
            await self._clock.sleep(REFRESH_SECONDS)
            changed = await self._keeper.refresh()
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
                await self._keeper.refresh()
                self._read = True
            if self._keeper.mode is SignatureMode.OFF:
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
        keys = self._keeper.signers.keys
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
        keeper, now = self._keeper, self._clock.now()
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
        )

    async def _recorded(self, standing: Standing) -> Standing:
        """Put an index that counts on record; where that cannot be, nothing of it counts yet."""
        if (found := standing.accept) is None:
            return standing
        try:
            await self._keeper.accept(found)
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

    # What else is asked of trust

    async def ruling(self, content: Content, data: bytes, signature: bytes | None) -> Ruling:
        """Return whether one content counts that stands in neither directory: a policy, a profile."""
        question = self._question(self._sources[Kind.MANIFEST])
        evidence = dict(self._evidence)
        if signature is not None:
            evidence[content.pair] = await asyncio.to_thread(examine, data, signature, content.namespace, ())
        return rule(content, self.standing, question.with_evidence(evidence))

    async def judge_policy(self, data: bytes, signature: bytes | None) -> str:
        """Return why a policy file may not come into force, with what to do; empty: it may.

        In enforce it stands in the index, or somebody has signed it for `podstead.io/policy`.
        """
        if not self._read:
            await self.begin()
        content = Content(
            kind=Kind.POLICY,
            name="policy",
            digest=sha256(data).hexdigest(),
            size=len(data),
            signature="" if signature is None else sha256(signature).hexdigest(),
            namespace=POLICY,
        )
        found = await self.ruling(content, data, signature)
        if self._keeper.mode is not SignatureMode.ENFORCE or found.provenance is not None or found.objection is None:
            return ""
        return found.objection.sentence

    def listed_policy(self) -> str:
        """Return the SHA-256 of the only policy that may come into force: the index lists it; empty: it lists none."""
        index = self.standing.index
        if self._keeper.mode is not SignatureMode.ENFORCE or not self.standing.due or index is None:
            return ""
        return "" if index.policy is None else index.policy.sha256

    def placing_fault(self, name: str, data: bytes | None) -> str:
        """Return why the agent may not put this content under this name for root, or remove it (None); empty: it may.

        What it would refuse a moment later it does not write, and what its absence would not remove it does not remove.
        """
        standing = self.standing
        if self._keeper.mode is not SignatureMode.ENFORCE:
            return ""
        if data is None:
            there = standing.due and standing.index is not None and name in standing.index.files
            return f"the signed index lists {name}: sign an index without it, and remove the file" if there else ""
        content = Content(kind=Kind.MANIFEST, name=name, digest=sha256(data).hexdigest(), size=len(data))
        found = rule(content, standing, self._question(self._sources[Kind.MANIFEST]))
        if found.objection is None:
            return ""
        return f"{name}: {found.objection.message}; sign it where the key is, and deliver it from there"

    def profile_fault(self, name: str, data: bytes) -> str:
        """Return why a Localhost profile is not the one that the index in force lists; empty: it is, or nobody goes by one."""
        return self._unlisted(Kind.PROFILE, name, sha256(data).hexdigest())

    def host_file_fault(self, path: str, digest: str) -> str:
        """Return why a file of the node is not what the index in force lists. `digest` is the beginning of its SHA-256."""
        return self._unlisted(Kind.HOST_FILE, path, digest)

    def _unlisted(self, kind: Kind, name: str, digest: str) -> str:
        """Compare with the index alone: what it lists may be read on after its end, as what goes with it runs on."""
        index = self.standing.index
        if self._keeper.mode is not SignatureMode.ENFORCE or not self.standing.due or index is None:
            return ""
        entry = listed(index, kind).get(name)
        if entry is None:
            return f"the index of version {index.version} does not list this {kind}"
        same = bool(digest) and entry.sha256.startswith(digest)
        return "" if same else f"the index of version {index.version} lists another content of this {kind}"

    @property
    def summary(self) -> str:
        """The mode, the index in force and whose signatures count, in a few words."""
        if self._keeper.mode is SignatureMode.OFF:
            return "off"
        index, known = self.standing.index, self.signers
        parts = [str(self._keeper.mode), f"{known} allowed signer{'' if known == 1 else 's'}"]
        if index is not None:
            ended = self._clock.now().wall >= index.expires
            parts.append(f"index {index.version} {'expired at' if ended else 'until'} {timestamp(index.expires)}")
        elif self.standing.due:
            parts.append("no index in force")
        return ", ".join(parts)

    def withdrawn(self, provenance: Provenance) -> str:
        """Return why the key that stands for what runs counts no more; empty: it does, or nobody signed.

        What runs under such a key runs on, and is not started again.
        """
        keeper = self._keeper
        if keeper.mode is not SignatureMode.ENFORCE or not provenance.key or keeper.signers.unknown:
            return ""
        if provenance.key in keeper.signers.keys:
            return ""
        return f"the key {provenance.key} of {provenance.principals} is revoked, or no allowed signer's any more"

    def against(self, provenance: Provenance | None) -> str:
        """Return why what stood for an earlier content does not let it in today; empty: it does."""
        keeper, index = self._keeper, self.standing.index
        if keeper.mode is not SignatureMode.ENFORCE:
            return ""
        if provenance is None or provenance.warrant is Warrant.NOTHING:
            return "nobody signed it"
        if provenance.warrant is Warrant.ALLOWED:
            return "" if provenance.digest in self.allowed() else "what root allowed (podstead allow) has ended"
        if keeper.signers.unknown:
            return "it is not known whom to trust"
        if why := self.withdrawn(provenance):
            return why
        if index is not None and any(one.sha256 == provenance.digest for one in index.files.values()):
            return ""
        floor = keeper.past.floor or 0
        if provenance.index_version is None and self.standing.due:
            return "it was signed by itself, and this node goes by an index now"
        if provenance.index_version is not None and provenance.index_version < floor:
            return f"it came with index {provenance.index_version}, and {floor} is the lowest that counts"
        until = provenance.until if provenance.index_version is None else None
        if until is not None and until < self._clock.now().wall:
            return f"the key {provenance.key} that signed it is no longer valid"
        return ""

    def expired(self, provenance: Provenance) -> str:
        """Return why nothing of a content starts again: its index ended, and was signed to end so; empty: it may."""
        index, objection = self.standing.index, self.standing.objection
        if self._keeper.mode is not SignatureMode.ENFORCE or provenance.index_version is None or index is None:
            return ""
        if index.expiry is not Expiry.HARD or objection is None or objection.reason is not IndexFault.EXPIRED:
            return ""
        return f"{objection.message}; it was signed with expiry hard, so nothing starts again after it"


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
