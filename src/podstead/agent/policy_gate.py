"""The node's policy at the gate: what it forbids is refused, what was admitted before is left alone.

A policy counts for new content. What runs or waits here under the very same bytes was admitted once, and stays admitted when the
policy changes, an exemption ends or the policy's file is damaged (a refusal never stops a service).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from podstead.agent.led_paths import LedPaths, mounted_paths
from podstead.errors import POLICY_VIOLATION
from podstead.judging.wire import Question, refusal
from podstead.manifest.reading import Message, Severity
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.provenance import UNSIGNED, Provenance, Warrant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from podstead.agent.ports import Auditor
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.judging.keeper import InForce
    from podstead.judging.wire import Answer, WirePath
    from podstead.manifest.reading import ManifestPod, Reading
    from podstead.policy.values import Exemption, Policy
    from podstead.state.allowances import Allowance
    from podstead.state.sources import ManifestFile, SourceSnapshot

AGAIN_SECONDS = 300.0
"""How soon a file is judged again whose judge gave no answer: a busy machine may have time by then, and a bomb costs seconds."""
_ANSWERING = frozenset({Warrant.SIGNATURE, Warrant.INDEX})
"""Warrants for which a signer stands; what root allowed for a while is judged by that."""


class Keeper(Protocol):
    """Where the policy comes from."""

    async def current(self) -> InForce:
        """Return what is judged by now."""
        ...


class Judges(Protocol):
    """Who judges one file."""

    async def judge(self, by: InForce, question: Question) -> Answer:
        """Return what the policy says of it; never raises for what a file holds."""
        ...

    async def look_up(self, paths: Iterable[str], prefixes: Iterable[str]) -> tuple[WirePath, ...]:
        """Return what a file's paths of the node lead to, and the directories that the policy lists, in bounded time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a verdict depends on beside policy and file. `allowed` finds what root let through, by the file's digest."""

    node: str
    clock: Clock
    enforced: Callable[[], bool]
    allowed: Callable[[str], Allowance | None]


@dataclass(frozen=True, slots=True)
class _Key:
    """What a verdict was made from: with the same it is the same."""

    policy: str
    name: str
    digest: str
    principals: str
    signed: bool
    enforce: bool
    ended: int
    paths: tuple[WirePath, ...]


@dataclass(slots=True, kw_only=True)
class _Look:
    """What the last look came to: the exemptions that each file needed when it was judged, and what `mark` has to say."""

    leaning: dict[str, tuple[str, ...]] = field(default_factory=dict)
    marks: dict[str, Provenance] = field(default_factory=dict)


class Tell(Protocol):
    """Records an event about the node."""

    def __call__(self, reason: str, message: str, /, *, warning: bool = False) -> None:
        """Record one."""
        ...


def _untold(reason: str, message: str, /, *, warning: bool = False) -> None:
    """Take an event that nobody waits for."""


class _Silence:
    """Notes nothing: what is asked beside the looks is noted by who asks."""

    def note(self, entry: AuditEntry) -> None:
        """Take an entry."""


SILENT = _Silence()


class PolicyGate:
    """The judge that holds files against the node's policy."""

    def __init__(
        self,
        keeper: Keeper,
        judges: Judges,
        table: Callable[[], PodTable],
        around: Surroundings,
        auditor: Auditor,
    ) -> None:
        self._keeper = keeper
        self._judges = judges
        self._table = table
        self._around = around
        self._auditor = auditor
        self._answers: dict[_Key, tuple[Answer, float]] = {}
        """What was answered, and when on the boot clock."""
        self._told: tuple[str, str] = ("", "")
        self.by: InForce | None = None
        """What the last look was judged by; None before the first."""
        self._look = _Look()
        self.tell: Tell = _untold
        """Called with what the node's operator has to hear of the policy."""
        self._everything = False
        """Whether what was admitted before is judged as well."""

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings, those refused that the policy forbids."""
        self.by = by = await self._keeper.current()
        self._note(by)
        self._look = look = _Look(leaning={n: needed for n, needed in self._look.leaning.items() if n in readings})
        self._answers, known = {}, self._answers
        if not self.judges:
            return readings
        judged = dict(readings)
        wanted = [one for file in snapshot.files if (one := self._wanted(file, readings.get(file.name))) is not None]
        # All at once: each may wait for a dead file system, and what waits here is every edit of the node.
        ways = await asyncio.gather(*(self._look_up(reading, by) for _, reading, _, _ in wanted))
        for (file, reading, admitted, lent), led in zip(wanted, ways, strict=True):
            question, key = self._question(file, by, led)
            marked = led.noted_in(reading)
            answer = await self._answer(by, file, question, key, known)
            look.leaning[file.name] = answer.lifted
            if not answer.refused and (why := led.unseen(marked)):
                answer = refusal(why, unsure=True)
            allowance = self._around.allowed(file.digest)
            if answer.refused and (allowance is not None or (admitted and lent)):
                look.marks[file.name] = Provenance(warrant=Warrant.ALLOWED, digest=file.digest)
                judged[file.name] = replace(marked, messages=(*marked.messages, _allowed(allowance, answer)))
            else:
                judged[file.name] = _with(marked, answer)
                if lent and file.provenance is None:
                    look.marks[file.name] = UNSIGNED  # the policy admits it by now: it needs root's word no more
        return judged

    def _wanted(self, file: ManifestFile, reading: Reading | None) -> tuple[ManifestFile, Reading, bool, bool] | None:
        """Return a file that is to be judged, with whether it was admitted before, and whether by root's word alone."""
        if reading is None or not reading.accepted:
            return None
        admitted, lent = not self._everything and self._admitted(reading), self._lent(reading)
        return None if admitted and not lent else (file, reading, admitted, lent)

    async def _answer(
        self, by: InForce, file: ManifestFile, question: Question, key: _Key, known: Mapping[_Key, tuple[Answer, float]]
    ) -> Answer:
        """Return what was answered before, or ask where nothing was."""
        now = self._around.clock.now().boot
        answer, at = known.get(key, (None, now))
        if answer is None or (answer.unsure and now - at >= AGAIN_SECONDS):
            answer, at = await self._judges.judge(by, question), now
            self._record(file, answer)
        self._answers[key] = (answer, at)
        return answer

    @property
    def judges(self) -> bool:
        """Whether anything can be refused here."""
        return self.by is not None and (self.by.policy is not None or self.by.closed)

    def aside(self) -> PolicyGate:
        """Return a judge of single contents beside the looks, whether they were admitted before or not."""
        gate = PolicyGate(self._keeper, self._judges, self._table, self._around, SILENT)
        gate._everything = True
        return gate

    def mark(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        """Return the look that was just judged with root's word as the warrant of what the policy would refuse without it.

        By that the pod is held when the allowance ends, whoever has signed it (`holds`).
        """
        if not (marks := self._look.marks):
            return snapshot
        files = (replace(f, provenance=marks[f.name]) if f.name in marks else f for f in snapshot.files)
        return replace(snapshot, files=tuple(files))

    def _lent(self, reading: Reading) -> bool:
        """Return whether one of a file's pods runs or waits here by root's word alone."""
        for pod in reading.pods:
            session = self._table().session(pod.key)
            revision = session.revision(pod.revision) if session is not None else None
            stands = revision.provenance if revision is not None else None
            if stands is not None and stands.warrant is Warrant.ALLOWED:
                return True
        return False

    def _admitted(self, reading: Reading) -> bool:
        """Return whether all of a file's pods run, wait or were passed over here under the very same content."""
        return bool(reading.pods) and all(self._holds(pod) for pod in reading.pods)

    def _holds(self, pod: ManifestPod) -> bool:
        session = self._table().session(pod.key)
        if session is None or session.record.terminating:
            return False
        record = session.record
        passed = record.rollback.passed_over if record.rollback is not None else None
        return pod.revision in {record.effective, record.candidate, passed}

    async def _look_up(self, reading: Reading, by: InForce) -> LedPaths:
        """Return what the paths lead to that a verdict depends on, or that a start is compared with."""
        if not self._around.enforced() and (by.policy is None or not _restricts(by.policy)):
            return LedPaths()
        rules = (by.policy.host_paths or ()) if by.policy is not None else ()
        return LedPaths(await self._judges.look_up(mounted_paths(reading), (rule.prefix for rule in rules)))

    def _question(self, file: ManifestFile, by: InForce, led: LedPaths) -> tuple[Question, _Key]:
        stands = file.provenance or UNSIGNED
        signed = stands.warrant in _ANSWERING
        now, enforce = self._around.clock.now().wall, self._around.enforced()
        paths = led.found if enforce or _has_prefixes(by) else ()
        digest = f"sha256:{file.digest}"
        question = Question(
            data=file.data or b"",
            file=file.name,
            digest=digest,
            signed=signed,
            principals=stands.principals if signed else "",
            pins=tuple(image for image, _ in stands.pins) if signed else (),
            node=self._around.node,
            now=now,
            enforce=enforce,
            paths=paths,
        )
        ended = sum(1 for one in by.policy.exemptions if one.until <= now) if by.policy is not None else 0
        key = _Key(
            policy=by.digest or by.problem,
            name=file.name,
            digest=digest,
            principals=question.principals,
            signed=signed,
            enforce=enforce,
            ended=ended,
            paths=paths,
        )
        return question, key

    def _record(self, file: ManifestFile, answer: Answer) -> None:
        """Tell the audit log what the policy's own rules have to add, and which exemptions were needed."""
        told = [f"{key}={value}" for key, value in answer.notes]
        told += [f"exemption {name}" for name in answer.lifted]
        if told:
            text = f"file {file.name} was judged: {', '.join(told)}"
            self._auditor.note(AuditEntry(act=Act.POLICY, subject=file.name, reason="PolicyJudged", message=text))

    def _note(self, by: InForce) -> None:
        """Tell of another policy, and of a file that cannot be used."""
        now = (by.digest, by.problem)
        if now == self._told:
            return
        before, self._told = self._told, now
        if by.problem:
            reason, text = str(by.trouble or ""), by.problem
        elif by.digest:
            reason, text = "PolicyInForce", f"policy {by.shown} is in force"
        else:
            reason, text = "NoPolicy", "no policy is in force"
        if by.problem or by.digest or before[0]:
            facts = {Fact.DIGEST: by.digest} if by.digest else {}
            self._auditor.note(AuditEntry(act=Act.POLICY, subject="policy", reason=reason, message=text, facts=facts))
            self.tell(reason, text, warning=bool(by.problem))

    def ended(self, now: float) -> Iterator[tuple[Exemption, tuple[str, ...]]]:
        """Yield the exemptions that have ended, with the files that needed them."""
        if self.by is None or self.by.policy is None:
            return
        for exemption in self.by.policy.exemptions:
            if exemption.until <= now:
                yield (
                    exemption,
                    tuple(sorted(n for n, needed in self._look.leaning.items() if exemption.name in needed)),
                )


def _has_prefixes(by: InForce) -> bool:
    return by.policy is not None and bool(by.policy.host_paths)


def _restricts(policy: Policy) -> bool:
    from podstead.policy.host_paths import restricts_paths  # noqa: PLC0415 - a node without a policy does without

    return restricts_paths(policy)


def _with(reading: Reading, answer: Answer) -> Reading:
    told = (*answer.told(), *reading.messages)
    return replace(reading, reason=POLICY_VIOLATION if answer.refused else "", messages=told, unsure=answer.unsure)


def _allowed(allowance: Allowance | None, answer: Answer) -> Message:
    """Return what the verdict says of a content that runs, or ran, by root's word alone."""
    first = next((m.placed for m in answer.told() if m.severity is Severity.ERROR), "it is refused")
    if allowance is None:
        text = (
            f"what root allowed has ended: the pod runs on and is not started again, for the policy forbids it: {first}"
        )
    else:
        text = f"root allowed this content for a while ({allowance.reason}); the policy forbids it: {first}"
    return Message(line=0, column=0, field="", severity=Severity.WARNING, message=text)
