"""The results: samples by row and subject, and the table made of them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from enum import StrEnum


class Unit(StrEnum):
    """What a row counts; smaller is better in each."""

    MILLISECONDS = "ms"
    MEBIBYTES = "MiB"
    PERCENT = "% of a core"
    RESTARTS = "restarts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is measured."""

    key: str
    group: str
    title: str
    unit: Unit = Unit.MILLISECONDS
    ratio: float | None = None
    """The most that Podstead may take, as a multiple of the floor (design: what good looks like)."""
    most: float | None = None
    """The most that Podstead may take, in the row's unit."""
    beyond: tuple[tuple[str, float], ...] = ()
    """The most that Podstead may take beyond another subject, in the row's unit."""


FLOOR, PODSTEAD, PODMAN, DOCKER, KUBELET = "floor", "Podstead", "podman", "dockerd", "kubelet"
SUBJECTS = (FLOOR, PODSTEAD, PODMAN, DOCKER, KUBELET)

ROWS = (
    Row(
        key="node-pss",
        group="node",
        title="whole node, one pod: PSS",
        unit=Unit.MEBIBYTES,
        beyond=((PODMAN, 60), (DOCKER, 0)),
    ),
    Row(key="node-rss", group="node", title="whole node, one pod: RSS", unit=Unit.MEBIBYTES),
    Row(
        key="node-edit", group="node", title="whole node: edit → new container runs", beyond=((PODMAN, 0), (DOCKER, 0))
    ),
    Row(key="start-host", group="single", title="manifest dropped → runs, host network", ratio=1.15),
    Row(key="edit", group="single", title="edit → new container runs", ratio=1.5),
    Row(key="crash", group="single", title="killed → runs again", ratio=1.5),
    Row(key="delete", group="single", title="manifest removed → pod gone"),
    Row(key="start-net", group="network", title="manifest dropped → runs, own network", ratio=1.15),
    Row(key="burst-20", group="burst", title="20 manifests at once → all run", ratio=1.2),
    Row(key="burst-100", group="burst", title="100 manifests at once → all run", ratio=1.2),
    Row(key="rss-20", group="burst", title="agent's RSS, 20 pods", unit=Unit.MEBIBYTES, most=45),
    Row(key="pss-20", group="burst", title="agent's PSS, 20 pods", unit=Unit.MEBIBYTES),
    Row(key="cpu-20", group="burst", title="agent's CPU, 20 idle pods", unit=Unit.PERCENT),
    Row(key="rss-100", group="burst", title="agent's RSS, 100 pods", unit=Unit.MEBIBYTES, most=52),
    Row(key="pss-100", group="burst", title="agent's PSS, 100 pods", unit=Unit.MEBIBYTES),
    Row(key="cpu-100", group="burst", title="agent's CPU, 100 idle pods", unit=Unit.PERCENT, most=0.6),
    Row(key="probes-false", group="load", title="many probes: false restarts", unit=Unit.RESTARTS, most=0),
    Row(key="probes-cpu", group="load", title="many probes: agent's CPU", unit=Unit.PERCENT),
    Row(key="probes-rss", group="load", title="many probes: agent's RSS", unit=Unit.MEBIBYTES, most=150),
    Row(key="exec", group="load", title="exec probes beyond their limit: time for each"),
    Row(key="many-start", group="load", title="many pods at once: time for each"),
    Row(key="many-rss", group="load", title="many pods: agent's RSS", unit=Unit.MEBIBYTES, most=150),
    Row(key="many-cpu", group="load", title="many idle pods: agent's CPU", unit=Unit.PERCENT),
    Row(key="edits", group="load", title="many edits of 20 pods: time for each"),
    Row(key="verify-signature-cold", group="gates", title="verify a manifest by its signature, first time", most=5),
    Row(key="verify-signature-cached", group="gates", title="verify a manifest by its signature, unchanged", most=5),
    Row(key="verify-index-cold", group="gates", title="verify a manifest by the index of 100, first time", most=5),
    Row(key="verify-index-cached", group="gates", title="verify a manifest by the index of 100, unchanged", most=5),
    Row(key="policy-plain-cold", group="gates", title="judge a manifest by a policy without rules, first time", most=5),
    Row(
        key="policy-plain-cached", group="gates", title="judge a manifest by a policy without rules, unchanged", most=5
    ),
    Row(key="policy-rules-cold", group="gates", title="judge a manifest by the example's rules, first time", most=5),
    Row(key="policy-rules-cached", group="gates", title="judge a manifest by the example's rules, unchanged", most=5),
)
GROUPS = tuple(dict.fromkeys(row.group for row in ROWS))


@dataclass(slots=True, kw_only=True)
class Results:
    """Samples of one OCI runtime."""

    runtime: str
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Row key → subject → values in the row's unit."""
    absent: dict[str, str] = field(default_factory=dict)
    """Subject → why it has no values."""

    def add(self, row: str, subject: str, value: float) -> None:
        """Note one sample."""
        self.samples.setdefault(row, {}).setdefault(subject, []).append(value)

    def median(self, row: str, subject: str) -> float | None:
        """Return the median of a cell; None without samples."""
        values = self.samples.get(row, {}).get(subject)
        return statistics.median(values) if values else None

    def ratio(self, row: str, subject: str = PODSTEAD, to: str = FLOOR) -> float | None:
        """Return a subject's median as a multiple of another's."""
        ours, theirs = self.median(row, subject), self.median(row, to)
        return ours / theirs if ours is not None and theirs else None


def verdict(row: Row, results: Results) -> tuple[str, bool | None]:
    """Return a row's target in words, and whether it is met; None where there is none or nothing to compare with."""
    ours = results.median(row.key, PODSTEAD)
    if row.ratio is not None:
        ratio = results.ratio(row.key)
        return f"≤ {row.ratio:g} x floor", None if ratio is None else ratio <= row.ratio
    if row.most is not None:
        return f"≤ {row.most:g} {row.unit}", None if ours is None else ours <= row.most
    if row.beyond:
        others = [(results.median(row.key, other), more) for other, more in row.beyond]
        met = [None if ours is None or there is None else ours <= there + more for there, more in others]
        said = ", ".join(f"{other} + {more:g} {row.unit}" if more else other for other, more in row.beyond)
        return f"≤ {said}", False if False in met else None if None in met else True
    return "", None


def markdown(results: Results) -> str:
    """Return the table of one OCI runtime."""
    lines = [
        f"### {results.runtime}",
        "",
        f"| | unit | {' | '.join(SUBJECTS)} | Podstead / floor | target | met |",
        f"|---|---|{'---:|' * len(SUBJECTS)}---:|---|---|",
    ]
    for row in ROWS:
        if row.key in results.samples:
            cells = [_cell(row, results, subject) for subject in SUBJECTS]
            ratio = results.ratio(row.key)
            target, met = verdict(row, results)
            said = "" if met is None else "yes" if met else "**no**"
            shown = "" if ratio is None else f"{ratio:.2f}"
            lines.append(f"| {row.title} | {row.unit} | {' | '.join(cells)} | {shown} | {target} | {said} |")
    lines += ["", *(f"{subject}: {why}." for subject, why in results.absent.items())]
    return "\n".join(lines).rstrip() + "\n"


def _cell(row: Row, results: Results, subject: str) -> str:
    value = results.median(row.key, subject)
    if value is None:
        return "-"
    count = len(results.samples[row.key][subject])
    whole = row.unit is Unit.MILLISECONDS and value >= 1
    text = (
        f"{value:.0f}"
        if whole
        else f"{value:.3f}"
        if row.unit is Unit.MILLISECONDS
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
    )
    return text if count == 1 else f"{text} (n={count})"
