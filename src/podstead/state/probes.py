"""What the prober last published, and what it is asked to probe."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.identity import ContainerID, PodKey, PodUID
    from podstead.k8s import core_v1 as v1


class ProbeKind(StrEnum):
    """The three questions a probe may answer."""

    LIVENESS = "Liveness"
    READINESS = "Readiness"
    STARTUP = "Startup"


class Outcome(StrEnum):
    """A published probe verdict (after thresholds)."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """One probe of one running container.

    `host` is the address to dial (pod IP, or the node's for host networking). `ports` maps the container's port
    names to numbers. `env` holds its literal environment for exec `$(VAR)`. `hidden` are values, each with its label,
    that no message may show beside those of `env`; they are no part of what is probed. `started_at` is a boot-clock
    second.
    """

    key: PodKey
    uid: PodUID
    container: str
    container_id: ContainerID
    kind: ProbeKind
    probe: v1.Probe
    host: str
    ports: Mapping[str, int]
    env: Mapping[str, str]
    started_at: float
    hidden: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeVerdict:
    """A published verdict about one container id, with the last attempt's text (no secrets, at most 10 KiB)."""

    outcome: Outcome
    message: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class PodProbes:
    """The published verdicts of one pod; a pair that is absent has not been published yet."""

    verdicts: Mapping[tuple[ContainerID, ProbeKind], ProbeVerdict] = field(default_factory=dict)

    def outcome(self, container: ContainerID, kind: ProbeKind) -> Outcome:
        """Return the published outcome, UNKNOWN when there is none yet."""
        verdict = self.verdicts.get((container, kind))
        return verdict.outcome if verdict else Outcome.UNKNOWN
