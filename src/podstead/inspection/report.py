"""The report: everything that was seen, judged in one go."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.inspection import baseline as baselines
from podstead.inspection import cis, rules
from podstead.inspection.arguments import Reader, shown_url
from podstead.inspection.findings import Finding, Severity, found
from podstead.inspection.kubelets import Kubelet, distinct, judge_kubelet, judge_process
from podstead.inspection.places import SeenPlace, Summary, judge_place
from podstead.inspection.pods import Surroundings
from podstead.inspection.runtime import judge_runtime
from podstead.inspection.seen import Kind, SeenFile, SeenProcess, SeenSandbox
from podstead.inspection.settings import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from podstead.policy.pod_security.levels import Standard


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was seen. `files` are configuration files by their subject; `sandboxes` None: no runtime was asked.

    `troubles` are places that could not be looked at, each with a sentence; `signatures` what was found of signatures.
    """

    node: str
    at: float
    root: str = "/"
    processes: tuple[SeenProcess, ...] = ()
    kubelets: tuple[Kubelet, ...] = ()
    places: tuple[SeenPlace, ...] = ()
    subjects: tuple[tuple[cis.Subject, SeenFile], ...] = ()
    sandboxes: tuple[SeenSandbox, ...] | None = None
    troubles: tuple[tuple[str, str], ...] = ()
    signatures: tuple[Finding, ...] = ()
    baseline: SeenFile | None = None
    sockets: tuple[str, ...] = ()
    required: Standard | None = None
    complete: bool = True
    """Whether the whole node was looked at, not one directory alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place of static pods and who reads it."""

    place: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One inspection. Findings stand with the worst first, then by place; `at` is in Unix seconds."""

    node: str
    at: float
    root: str
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    files: tuple[Summary, ...]
    items: tuple[cis.Passed, ...]

    @property
    def counts(self) -> Counter[Severity]:
        """How many findings of each severity there are."""
        return Counter(finding.severity for finding in self.findings)

    def fails(self, least: Severity) -> bool:
        """Return whether something was found that weighs at least so much."""
        return any(finding.severity.rank >= least.rank for finding in self.findings)


def inspect(facts: Facts, real: Callable[[str], str]) -> Report:
    """Return the report on what was seen; `real` resolves the links of a path where it was looked at."""
    around = Surroundings(
        guarded=tuple(dict.fromkeys((*(place.real for place in facts.places), *_guarded(facts, real)))),
        real=real,
        required=facts.required,
        in_cluster=any(kubelet.settings[Name.KUBECONFIG].value for kubelet in facts.kubelets),
    )
    judged = [judge_place(place, facts.node, around) for place in facts.places]
    files = tuple(summary for one in judged for summary in one.files)
    items, outcomes = cis.judge_files((*facts.subjects, *_control_plane(facts.places)))
    findings = [
        *(finding for process in facts.processes for finding in judge_process(process)),
        *(finding for kubelet in facts.kubelets for finding in judge_kubelet(kubelet)),
        *(finding for one in judged for finding in one.findings),
        *items,
        *facts.signatures,
        *(found(rules.DIRECTORY_UNREADABLE, where, why) for where, why in facts.troubles),
    ]
    for kubelet in facts.kubelets:
        if kubelet.reader is not Reader.KUBELET:
            continue
        more, passed = cis.judge_settings(kubelet.launch.origin, kubelet.settings)
        findings += more
        outcomes += passed
    if facts.sandboxes is not None:
        by_url = any(kubelet.settings[Name.URL].value for kubelet in facts.kubelets)
        findings += judge_runtime(facts.sandboxes, files, by_url=by_url)
    if facts.complete and not sources_of(facts):
        findings.append(found(rules.NO_SOURCE, facts.root, "no kubelet, unit or usual directory was found"))
    findings += _against_baseline(facts)
    return Report(
        node=facts.node,
        at=facts.at,
        root=facts.root,
        sources=sources_of(facts),
        findings=tuple(sorted(distinct(findings), key=lambda f: (-f.severity.rank, f.where, f.line, f.rule.id))),
        files=files,
        items=tuple(sorted(outcomes, key=lambda one: [int(part) for part in one.number.split(".")])),
    )


def sources_of(facts: Facts) -> tuple[Source, ...]:
    """Return where this node's static pods come from."""
    places = (Source(place=place.path, origins=place.origins) for place in facts.places)
    urls = ((kubelet.settings[Name.URL].value, kubelet.launch.origin) for kubelet in facts.kubelets)
    return (*places, *(Source(place=shown_url(url), origins=(origin,)) for url, origin in urls if url))


def approvable(facts: Facts) -> tuple[SeenFile, ...]:
    """Return every file whose change somebody should know of: manifests, and what decides where they come from."""
    seen = [entry for place in facts.places for entry in place.entries]
    seen += [file for kubelet in facts.kubelets for file in kubelet.files]
    seen += [file for subject, file in facts.subjects if subject is not cis.Subject.CLIENT_CA]
    kept = {file.path: file for file in seen if file.kind is Kind.FILE}
    return tuple(kept.values())


def _guarded(facts: Facts, real: Callable[[str], str]) -> Iterator[str]:
    """Yield the real paths of files that decide what runs, and of the runtimes' sockets."""
    for kubelet in facts.kubelets:
        yield from (real(file.path) for file in kubelet.files)
    yield from (real(path) for path in facts.sockets)


def _control_plane(places: Iterable[SeenPlace]) -> Iterator[tuple[cis.Subject, SeenFile]]:
    for place in places:
        for entry in place.entries:
            subject = cis.CONTROL_PLANE.get(posixpath.basename(entry.path))
            if subject is not None and entry.kind is Kind.FILE:
                yield subject, entry


def _against_baseline(facts: Facts) -> Iterator[Finding]:
    file = facts.baseline
    if file is None:
        return
    if file.kind is Kind.MISSING:
        yield found(rules.NO_BASELINE, file.path, "there is no approved baseline", mend=baselines.APPROVE)
        return
    if (problem := baselines.judge_file(file)) is not None:
        yield problem
        return
    try:
        approved = baselines.decode(file.data or b"")
    except baselines.BaselineError as error:
        yield found(rules.BASELINE_UNTRUSTED, file.path, str(error), mend=baselines.APPROVE)
        return
    yield from baselines.compare(approved, approvable(facts), (source.place for source in sources_of(facts)))
