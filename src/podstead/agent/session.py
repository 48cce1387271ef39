"""The changing memory of one pod incarnation: what the worker and its steps share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from podstead.k8s.volumes import needed_images
from podstead.reconcile.termination import ALIVE
from podstead.state.desired import Blocked, DesiredPod
from podstead.state.observed import ObservedPod
from podstead.state.records import PodHistory, PodRecord, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.agent.grace import Grace
    from podstead.agent.view import PodView
    from podstead.identity import ContainerID, PodKey, PodUID, RevisionID
    from podstead.reconcile.actions import Step
    from podstead.state.desired import Held
    from podstead.state.inputs import Inputs
    from podstead.state.observed import TaskFailure
    from podstead.state.runtime import Image
    from podstead.volumes.mounts import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A step under way."""

    step: Step
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """An image as the runtime held it at a boot-clock second."""

    image: Image
    at: float


class Hold(Protocol):
    """Knows what nobody stands for any more."""

    def judge(self, session: PodSession) -> Held | None:
        """Return why the pod's effective revision is held, and tell of it when that changes."""
        ...

    def of(self, revision: Revision | None) -> Held | None:
        """Return why nothing of a revision is started."""
        ...


@dataclass(slots=True, kw_only=True)
class PodSession:
    """Mutable on purpose and owned by one worker; plans get frozen snapshots of it."""

    record: PodRecord
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a changed record is made from the present one, written and taken over: no two writers may overlap.

    Who holds several takes them in the order of the uids."""
    history: PodHistory = field(default_factory=PodHistory)
    revisions: dict[RevisionID, Revision] = field(default_factory=dict)
    blocked: Blocked | None = None
    preempted: bool = False
    hold: Hold | None = None
    """Says why nothing of a revision is started; asked for each snapshot, as keys and clocks go on."""
    held_told: Held | None = None
    """The hold that was told of last."""
    flights: dict[str, Flight] = field(default_factory=dict)
    failures: dict[str, TaskFailure] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    inspected: dict[str, Inspected] = field(default_factory=dict)
    """What the runtime said of the images when they were made present, by reference."""
    pulled: set[tuple[str, RevisionID]] = field(default_factory=set)
    prepared: dict[RevisionID, Prepared] = field(default_factory=dict)
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    """What each container of the effective revision would be started with now."""
    newer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The running containers with an older configuration than there is now, each with what has changed."""
    outdated: bool = False
    """Whether the effective revision's volumes may show what is no longer true, and are to be prepared again."""
    started: dict[str, float] = field(default_factory=dict)
    """Boot-clock second of each container's start, by container id."""
    stops: dict[ContainerID, Grace] = field(default_factory=dict)
    """The grace of each container whose stop is under way."""
    asked_to_stop: set[ContainerID] = field(default_factory=set)
    """The containers that the agent stops or has stopped, until their end is seen."""
    pre_stopped: set[ContainerID] = field(default_factory=set)
    """The containers whose preStop hook has been run: a stop that is tried again does not run it again."""
    was_ready: RevisionID | None = None
    """The revision under which the pod was last seen ready with nothing left to do; perhaps not written down yet."""
    ready_since: float | None = None
    """Boot-clock second since when it has been so under the effective revision, None while it is not."""
    resized: RevisionID | None = None
    """The revision whose resources everything that runs was given in place since the agent started."""
    unresizable: set[RevisionID] = field(default_factory=set)
    """Revisions whose resources the runtime could not give to running containers."""
    stopping_since: float | None = None
    """Boot-clock second at which the stop of the whole pod began, None while none is under way."""
    paused: bool = False
    resumed_at: float = 0.0
    """Boot-clock second at which the pod's last pause (stopped, preempted) ended."""
    file_values: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """By container, what its environment got from files at its last start, each with what may be shown instead."""
    finished: bool = False
    grace_limit: int | None = None
    """Seconds that every stop has at most, because the node goes down; None: no limit."""
    appeared: bool = False
    """Whether a sandbox of it has been there since this agent began: it waits for no other pod any more."""
    stray: bool = False
    """Whether the runtime holds this incarnation although no record names it: it is only ended."""

    @property
    def key(self) -> PodKey:
        """The pod's full name."""
        return self.record.key

    @property
    def uid(self) -> PodUID:
        """The incarnation."""
        return self.record.uid

    def revision(self, identifier: RevisionID | None) -> Revision | None:
        """Return a revision of this pod that is in memory."""
        return self.revisions.get(identifier) if identifier else None

    def trim(self, view: PodView) -> None:
        """Forget the starts and failures of containers that are no more."""
        present = {c.id for c in view.containers}
        if view.fresh:
            self._release_stops(view)
        if view.fresh and not self.flights:
            self.pre_stopped &= present
            self.asked_to_stop &= present
            self.started = {one: at for one, at in self.started.items() if one in present}
            named = ("stop:", "remove:", "post-start:")
            for key in [k for k in self.failures if k.startswith(named) and k.partition(":")[2] not in present]:
                del self.failures[key]

    def _release_stops(self, view: PodView) -> None:
        """Let the stops of containers that have ended by themselves wait for nothing more."""
        alive = {c.id for c in view.containers if c.state in ALIVE}
        for container, grace in self.stops.items():
            if container not in alive:
                grace.give_up()

    def note_stop(self, now: float, *, under_way: bool) -> None:
        """Remember since when the whole pod is being stopped; `now` is a boot-clock second."""
        if not under_way:
            self.stopping_since = None
        elif self.stopping_since is None:
            self.stopping_since = now

    @property
    def held(self) -> Held | None:
        """Why nothing of the effective revision is started again; None: it is."""
        return self.hold.judge(self) if self.hold is not None else None

    def _in_the_way(self, candidate: Revision | None) -> Blocked | None:
        """Return why the candidate waits: nobody stands for it any more, or the node has no room."""
        held = self.hold.of(candidate) if self.hold is not None else None
        return self.blocked if held is None else Blocked(reason=f"Held: {held.reason}", message=held.message)

    def desired(self) -> DesiredPod:
        """Return what should be, as a frozen snapshot."""
        record = self.record
        waiting = record.candidate if record.candidate != record.effective else None
        return DesiredPod(
            record=record,
            effective=self.revision(record.effective),
            candidate=self.revision(waiting),
            revisions=dict(self.revisions),
            blocked=self._in_the_way(self.revision(waiting)),
            preempted=self.preempted,
            held=self.held,
            in_place=record.effective not in self.unresizable,
            resized=self.resized,
            resized_by={
                name: (memory.resized_attempt, memory.resized_by)
                for name, memory in self.history.containers.items()
                if memory.resized_by is not None
            },
            grace_limit=self.grace_limit,
            inputs=self.inputs,
        )

    def _pulled_before(self) -> set[tuple[str, RevisionID]]:
        """Return the images of revisions that a rollback goes to: they were pulled, and no registry is asked again."""
        if self.record.rollback is None:
            return set()
        chosen = (self.revision(self.record.effective), self.revision(self.record.candidate))
        return {(image, r.id) for r in chosen if r is not None for image in needed_images(r.pod)}

    def observed(self, view: PodView) -> ObservedPod:
        """Return what is, as a frozen snapshot."""
        return ObservedPod(
            uid=self.uid,
            sandboxes=view.sandboxes,
            containers=view.containers,
            in_flight=frozenset(self.flights),
            failures=dict(self.failures),
            images=dict(self.images),
            pulled=frozenset(self.pulled | self._pulled_before()),
            prepared=frozenset(r for r in self.prepared if not (self.outdated and r == self.record.effective)),
            pre_stopped=frozenset(self.pre_stopped),
            stopping_since=self.stopping_since,
            fresh=view.fresh,
        )
