"""Carries out the steps of a plan, one method a step. No decision is made here.

Crash protocol (foundation 16): an intent is noted before each call that is not idempotent, and attempts only rise; what
a lost reply left behind is found by its labels at the next look and adopted by the planner.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, assert_never

from podstead.agent.messages import without_values
from podstead.errors import NameReservedFault, NotFoundFault, PodsteadError, RuntimeFault
from podstead.reconcile.actions import (
    FinishIncarnation,
    PrepareVolumes,
    Promote,
    PullImage,
    RemoveContainer,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    StopContainer,
    StopSandbox,
)
from podstead.reconcile.backoff import after_start
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from podstead.agent.ports import ImagePuller, Recorder, Runtime
    from podstead.agent.session import PodSession
    from podstead.agent.slots import Rank, StartSlots
    from podstead.clock import Clock
    from podstead.identity import ContainerID, PodUID, RevisionID, SandboxID
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import Step
    from podstead.state.records import ContainerHistory, PodHistory, PodRecord, Revision
    from podstead.state.runtime import ContainerRequest, Image, SandboxRequest
    from podstead.volumes.mounts import Prepared

# A name stays reserved while an earlier call with it is under way: look for its outcome this often, at most 10 s.
RESERVED_LOOKS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.7)

# A network plugin that answers has given the address already; a sandbox that still has none gets another chance.
ADDRESS_LOOKS_SECONDS = (0.05, 0.1, 0.2, 0.4)

# What containerd answers to a second start of a container while the first is under way.
ALREADY_STARTING = "already in starting state"

# containerd's own state follows an exit by about 50 ms (spec/cri.md 4).
SETTLE_SECONDS = (0.05, 0.15)

FAILURE_EVENTS = {
    PullImage: "Failed",
    PrepareVolumes: "FailedMount",
    RunSandbox: "FailedCreatePodSandBox",
    StartContainer: "Failed",
    StopContainer: "FailedKillPod",
    StopSandbox: "FailedKillPod",
    RemoveSandbox: "FailedKillPod",
    FinishIncarnation: "FailedKillPod",
}


class PodHome(Protocol):
    """What a pod has on the node besides the runtime: directories, volumes, its cgroup."""

    async def prepare(self, revision: Revision, uid: PodUID) -> Prepared:
        """Check and make the revision's volumes, and say where they are; raises RuntimeFault with reason FailedMount."""
        ...

    async def ready_cgroup(self, revision: Revision, uid: PodUID) -> None:
        """Make the pod's cgroup with its limits."""
        ...

    async def reset(self, uid: PodUID) -> None:
        """Empty the pod's emptyDirs."""
        ...

    async def teardown(self, uid: PodUID) -> None:
        """Remove everything of the incarnation that the runtime does not hold."""
        ...


class Books(Protocol):
    """Durable and volatile memory."""

    async def save_record(self, record: PodRecord) -> None:
        """Make a record durable before its effect (class A)."""
        ...

    async def end(self, record: PodRecord) -> None:
        """Forget an incarnation that has ended, durably."""
        ...

    def save_history(self, uid: PodUID, history: PodHistory) -> None:
        """Keep a pod's history (class B): never blocks, never raises."""
        ...

    async def intent(self, uid: PodUID, container: str, attempt: int, revision: RevisionID) -> None:
        """Note a call that is about to be made; `container` is empty for the sandbox."""
        ...


class Requests(Protocol):
    """Builds what the runtime is asked for from a revision."""

    async def sandbox(self, revision: Revision, uid: PodUID, attempt: int) -> SandboxRequest:
        """Return the sandbox request."""
        ...

    async def container(
        self, revision: Revision, session: PodSession, step: StartContainer, image: Image
    ) -> ContainerRequest:
        """Return the container request; raises RuntimeFault with reason CreateContainerConfigError."""
        ...


class Executor:
    """Runs steps against the runtime, the node and the books."""

    def __init__(
        self,
        runtime: Runtime,
        images: ImagePuller,
        home: PodHome,
        books: Books,
        requests: Requests,
        recorder: Recorder,
        slots: StartSlots,
        clock: Clock,
        rank: Callable[[PodSession], Rank],
    ) -> None:
        self._runtime = runtime
        self._images = images
        self._home = home
        self._books = books
        self._requests = requests
        self._recorder = recorder
        self._slots = slots
        self._clock = clock
        self._rank = rank

    async def run(self, step: Step, session: PodSession) -> None:
        """Carry out one step; a failure becomes an event and is raised to the worker."""
        try:
            await self._run(step, session)
        except PodsteadError as fault:
            reason = FAILURE_EVENTS.get(type(step), "FailedSync")
            self._recorder.event(session.key, session.uid, reason, str(fault), warning=True)
            raise

    async def _run(self, step: Step, session: PodSession) -> None:
        match step:
            case PullImage():
                await self._pull(step, session)
            case Promote():
                await self._promote(step, session)
            case PrepareVolumes():
                session.prepared[step.revision] = await self._home.prepare(
                    _revision(session, step.revision), session.uid
                )
            case RunSandbox():
                await self._run_sandbox(step, session)
            case StartContainer():
                await self._start_container(step, session)
            case StopContainer():
                await self._stop_container(step, session)
            case RemoveContainer():
                await _gone_is_fine(self._runtime.remove_container(step.id))
            case StopSandbox():
                if step.reset_volumes:
                    await self._home.reset(session.uid)
                    session.prepared.clear()
                await self._stop_sandbox(step.id)
            case RemoveSandbox():
                await self._stop_sandbox(step.id)
                await _gone_is_fine(self._runtime.remove_sandbox(step.id))
            case FinishIncarnation():
                await self._home.teardown(session.uid)
                async with session.writing:
                    await self._books.end(session.record)
                    session.finished = True
            case _:
                assert_never(step)

    async def _pull(self, step: PullImage, session: PodSession) -> None:
        image = await self._images.inspect(step.image)
        if step.policy != "Never" and (image is None or step.policy == "Always"):
            self._recorder.event(session.key, session.uid, "Pulling", f'Pulling image "{step.image}"')
            begun = self._clock.now().boot
            image = await self._images.ensure(step.image, step.policy)
            took = self._clock.now().boot - begun
            text = f'Successfully pulled image "{step.image}" in {took:.1f}s. Image size: {image.size} bytes.'
            self._recorder.event(session.key, session.uid, "Pulled", text)
        elif image is None:
            image = await self._images.ensure(step.image, step.policy)  # Never: says what to do
        session.images[step.image] = image.id
        session.pulled.add((step.image, step.revision))

    async def _promote(self, step: Promote, session: PodSession) -> None:
        async with session.writing:
            if session.record.terminating or session.record.candidate != step.revision:
                return  # the manifest has changed meanwhile: the next plan knows
            begun = session.record.start_time or self._clock.now().wall
            record = replace(session.record, effective=step.revision, candidate=None, start_time=begun)
            await self._books.save_record(record)
            session.record = record
        text = f"Revision {step.revision} is effective"
        self._recorder.event(session.key, session.uid, "RevisionPromoted", text)

    @asynccontextmanager
    async def _slot(self, session: PodSession) -> AsyncIterator[None]:
        async with self._slots.held(self._rank(session)):
            yield

    async def _run_sandbox(self, step: RunSandbox, session: PodSession) -> None:
        revision = _revision(session, step.revision)
        async with self._slot(session):
            if not _is_wanted(step, session):
                return
            history = replace(session.history, sandbox_attempt=max(session.history.sandbox_attempt, step.attempt))
            self._remember(session, history)
            await self._books.intent(session.uid, "", step.attempt, step.revision)
            await self._home.ready_cgroup(revision, session.uid)
            request = await self._requests.sandbox(revision, session.uid, step.attempt)
            if step.attempt > 0:
                text = "Pod sandbox changed, it is being created again"
                self._recorder.event(session.key, session.uid, "SandboxChanged", text)
            await self._stop_earlier(session, step.attempt)
            try:
                sandbox = await self._runtime.run_sandbox(request)
            except NameReservedFault:
                await self._await_reserved(session, step)
            else:
                if step.attempt > 0 and not revision.pod.spec.host_network:
                    await self._await_address(sandbox)

    async def _await_address(self, sandbox: SandboxID) -> None:
        """Wait until a sandbox has an address; that it has none is a failure of its making, and is backed off from.

        Not asked of a pod's first sandbox, as that would delay every start: one without an address is made again.
        """
        for seconds in ADDRESS_LOOKS_SECONDS:
            if (await self._runtime.sandbox_status(sandbox)).ips:
                return
            await self._clock.sleep(seconds)
        raise RuntimeFault(f"sandbox {sandbox} got no address from the network plugin", reason="FailedCreatePodSandBox")

    async def _stop_sandbox(self, sandbox: SandboxID) -> None:
        """Stop a sandbox; a container of it that exits at this moment makes containerd fail, and soon no more."""
        for seconds in SETTLE_SECONDS:
            try:
                await _gone_is_fine(self._runtime.stop_sandbox(sandbox))
            except RuntimeFault:
                await self._clock.sleep(seconds)
            else:
                return
        await _gone_is_fine(self._runtime.stop_sandbox(sandbox))

    async def _stop_earlier(self, session: PodSession, attempt: int) -> None:
        """Free the addresses and host ports of earlier sandboxes: one whose process was killed still holds them."""
        for old in await self._runtime.sandboxes(uid=session.uid):
            if old.attempt < attempt and not old.ready:
                await _gone_is_fine(self._runtime.stop_sandbox(old.id))

    async def _await_reserved(self, session: PodSession, step: RunSandbox | StartContainer) -> None:
        """Wait for the outcome of an earlier call that holds the name."""
        for seconds in RESERVED_LOOKS_SECONDS:
            await self._clock.sleep(seconds)
            if isinstance(step, RunSandbox):
                attempts = [s.attempt for s in await self._runtime.sandboxes(uid=session.uid)]
            else:
                attempts = [c.attempt for c in await self._runtime.containers(uid=session.uid) if c.name == step.name]
            if step.attempt in attempts:
                return
        raise RuntimeFault(f"attempt {step.attempt} is held by an earlier call that does not end", transient=True)

    async def _start_container(self, step: StartContainer, session: PodSession) -> None:
        revision = _revision(session, step.revision)
        spec = next(c for c in revision.pod.spec.containers if c.name == step.name)
        async with self._slot(session):
            if not _is_wanted(step, session):
                return
            container = step.created
            if container is None:
                image = await self._images.inspect(spec.image or "")
                if image is None:
                    session.images.pop(spec.image or "", None)  # removed meanwhile: the next plan pulls it again
                    raise RuntimeFault(f"image {spec.image!r} is no longer present", reason="ImageInspectError")
                await self._note_attempt(step, session)
                request = await self._requests.container(revision, session, step, image)
                try:
                    container = await self._runtime.create_container(request)
                except NameReservedFault:
                    await self._await_reserved(session, step)
                    return  # the next plan starts what was created
                except RuntimeFault as fault:
                    raise _as(fault, "CreateContainerError", spec) from fault
                self._recorder.event(session.key, session.uid, "Created", f"Created container {step.name}")
            self._advance(step, session)
            try:
                await self._runtime.start_container(container)
            except RuntimeFault as fault:
                if step.created is None or ALREADY_STARTING not in str(fault):
                    raise _as(fault, "RunContainerError", spec) from fault
                await self._await_start(session, container)
                return  # the next plan sees what became of it
        session.started[container] = self._clock.now().boot
        self._recorder.event(session.key, session.uid, "Started", f"Started container {step.name}")

    async def _await_start(self, session: PodSession, container: ContainerID) -> None:
        """Wait for the outcome of a start that an agent before this one began."""
        for seconds in RESERVED_LOOKS_SECONDS:
            await self._clock.sleep(seconds)
            found = [c.state for c in await self._runtime.containers(uid=session.uid) if c.id == container]
            if ContainerState.CREATED not in found:
                return
        raise RuntimeFault(f"container {container} is being started by a call that does not end", transient=True)

    async def _note_attempt(self, step: StartContainer, session: PodSession) -> None:
        memory = session.history.of(step.name)
        self._put(session, step.name, replace(memory, last_attempt=max(memory.last_attempt, step.attempt)))
        await self._books.intent(session.uid, step.name, step.attempt, step.revision)

    def _advance(self, step: StartContainer, session: PodSession) -> None:
        """Note the start before it is made: a container that cannot start backs off like one that exits."""
        memory = session.history.of(step.name)
        self._put(session, step.name, after_start(step, memory, self._clock.now()))

    async def _stop_container(self, step: StopContainer, session: PodSession) -> None:
        if not session.record.terminating:
            memory = session.history.of(step.name)
            self._put(session, step.name, replace(memory, killed_attempt=step.attempt))
        self._recorder.event(session.key, session.uid, step.reason, step.message)
        await _gone_is_fine(self._runtime.stop_container(step.id, step.grace_seconds))

    def _put(self, session: PodSession, name: str, memory: ContainerHistory) -> None:
        containers = {**session.history.containers, name: memory}
        self._remember(session, replace(session.history, containers=containers))

    def _remember(self, session: PodSession, history: PodHistory) -> None:
        session.history = history
        self._books.save_history(session.uid, history)


def _revision(session: PodSession, identifier: str) -> Revision:
    revision = next((r for r in session.revisions.values() if r.id == identifier), None)
    if revision is None:
        raise RuntimeFault(f"revision {identifier} of {session.key} cannot be read back", reason="RevisionLost")
    return revision


def _is_wanted(step: RunSandbox | StartContainer, session: PodSession) -> bool:
    """Return whether a start is still what the pod needs when its turn has come; if not, the next plan knows more."""
    record = session.record
    return not record.terminating and not session.preempted and record.effective == step.revision


def _as(fault: RuntimeFault, reason: str, container: v1.Container) -> RuntimeFault:
    """Return the fault under the waiting reason of the stage it came from; transient ones keep being so."""
    return RuntimeFault(without_values(str(fault), container), transient=fault.transient, reason=reason)


async def _gone_is_fine(call: Awaitable[None]) -> None:
    try:
        await call
    except NotFoundFault:
        return
