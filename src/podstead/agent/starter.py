"""Makes and starts sandboxes and containers.

Crash protocol (foundation 16): an intent is noted before each call that is not idempotent, and attempts only rise; what
a lost reply left behind is found by its labels at the next look and adopted by the planner.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent.means import gone_is_fine, revision_of, spec_of
from podstead.agent.messages import without_values
from podstead.errors import NameReservedFault, RuntimeFault
from podstead.reconcile.actions import RunSandbox, StartContainer
from podstead.reconcile.backoff import after_start
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from podstead.agent.means import Means
    from podstead.agent.ports import Requests
    from podstead.agent.session import PodSession
    from podstead.identity import ContainerID, SandboxID
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import Revision

# A name stays reserved while an earlier call with it is under way: look for its outcome this often, at most 10 s.
RESERVED_LOOKS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.7)

# A network plugin that answers has given the address already; a sandbox that still has none gets another chance.
ADDRESS_LOOKS_SECONDS = (0.05, 0.1, 0.2, 0.4)

# What containerd answers to a second start of a container while the first is under way.
ALREADY_STARTING = "already in starting state"


class Starter:
    """Starts sandboxes and containers, each when its turn has come.

    `turn` holds a start slot for a pod (foundation 17).
    """

    def __init__(
        self, means: Means, requests: Requests, turn: Callable[[PodSession], AbstractAsyncContextManager[None]]
    ) -> None:
        self._means = means
        self._requests = requests
        self._turn = turn

    async def run_sandbox(self, step: RunSandbox, session: PodSession) -> None:
        """Create and start a sandbox."""
        means, revision = self._means, revision_of(session, step.revision)
        async with self._turn(session):
            if not _is_wanted(step, session):
                return
            session.appeared = True
            history = replace(session.history, sandbox_attempt=max(session.history.sandbox_attempt, step.attempt))
            means.remember(session, history)
            await means.books.intent(session.uid, "", step.attempt, step.revision)
            await means.home.ready_cgroup(revision, session.uid)
            request = await self._requests.sandbox(revision, session.uid, step.attempt)
            if step.attempt > 0:
                means.tell(session, "SandboxChanged", "Pod sandbox changed, it is being created again")
            await self._stop_earlier(session, step.attempt)
            try:
                sandbox = await means.runtime.run_sandbox(request)
            except NameReservedFault:
                await self._await_reserved(session, step)
            else:
                if step.attempt > 0 and not revision.pod.spec.host_network:
                    await self._await_address(sandbox)

    async def start_container(self, step: StartContainer, session: PodSession) -> None:
        """Create a container, unless there is one to adopt, and start it."""
        revision = revision_of(session, step.revision)
        spec = spec_of(revision, step.name)
        async with self._turn(session):
            if not _is_wanted(step, session):
                return
            container = step.created or await self._create(step, session, revision, spec)
            if container is None:
                return  # the next plan starts what was created
            self._advance(step, session)
            try:
                await self._means.runtime.start_container(container)
            except RuntimeFault as fault:
                if step.created is None or ALREADY_STARTING not in str(fault):
                    raise self._as(fault, "RunContainerError", session, spec) from fault
                await self._await_start(session, container)
                return  # the next plan sees what became of it
        session.started[container] = self._means.clock.now().boot
        self._means.tell(session, "Started", f"Started container {step.name}")

    async def _create(
        self, step: StartContainer, session: PodSession, revision: Revision, spec: v1.Container
    ) -> ContainerID | None:
        """Create a container; None where an earlier call has made it meanwhile."""
        means = self._means
        image = await means.images.inspect(spec.image or "")
        if image is None:
            session.images.pop(spec.image or "", None)  # removed meanwhile: the next plan pulls it again
            raise RuntimeFault(f"image {spec.image!r} is no longer present", reason="ImageInspectError")
        await self._note_attempt(step, session)
        request = await self._requests.container(revision, session, step, image)
        try:
            container = await means.runtime.create_container(request)
        except NameReservedFault:
            await self._await_reserved(session, step)
            return None
        except RuntimeFault as fault:
            raise self._as(fault, "CreateContainerError", session, spec) from fault
        means.tell(session, "Created", f"Created container {step.name}")
        return container

    async def _note_attempt(self, step: StartContainer, session: PodSession) -> None:
        memory = session.history.of(step.name)
        noted = replace(memory, last_attempt=max(memory.last_attempt, step.attempt))
        self._means.remember_container(session, step.name, noted)
        await self._means.books.intent(session.uid, step.name, step.attempt, step.revision)

    def _advance(self, step: StartContainer, session: PodSession) -> None:
        """Note the start before it is made: a container that cannot start backs off like one that exits."""
        memory = session.history.of(step.name)
        self._means.remember_container(session, step.name, after_start(step, memory, self._means.clock.now()))

    async def _stop_earlier(self, session: PodSession, attempt: int) -> None:
        """Free the addresses and host ports of earlier sandboxes: one whose process was killed still holds them."""
        runtime = self._means.runtime
        for old in await runtime.sandboxes(uid=session.uid):
            if old.attempt < attempt and not old.ready:
                await gone_is_fine(runtime.stop_sandbox(old.id))

    async def _await_address(self, sandbox: SandboxID) -> None:
        """Wait until a sandbox has an address; that it has none is a failure of its making, and is backed off from.

        Not asked of a pod's first sandbox, as that would delay every start: one without an address is made again.
        """
        for seconds in ADDRESS_LOOKS_SECONDS:
            if (await self._means.runtime.sandbox_status(sandbox)).ips:
                return
            await self._means.clock.sleep(seconds)
        raise RuntimeFault(f"sandbox {sandbox} got no address from the network plugin", reason="FailedCreatePodSandBox")

    async def _await_reserved(self, session: PodSession, step: RunSandbox | StartContainer) -> None:
        """Wait for the outcome of an earlier call that holds the name."""
        runtime = self._means.runtime
        for seconds in RESERVED_LOOKS_SECONDS:
            await self._means.clock.sleep(seconds)
            if isinstance(step, RunSandbox):
                attempts = [s.attempt for s in await runtime.sandboxes(uid=session.uid)]
            else:
                attempts = [c.attempt for c in await runtime.containers(uid=session.uid) if c.name == step.name]
            if step.attempt in attempts:
                return
        raise RuntimeFault(f"attempt {step.attempt} is held by an earlier call that does not end", transient=True)

    async def _await_start(self, session: PodSession, container: ContainerID) -> None:
        """Wait for the outcome of a start that an agent before this one began."""
        for seconds in RESERVED_LOOKS_SECONDS:
            await self._means.clock.sleep(seconds)
            found = [c.state for c in await self._means.runtime.containers(uid=session.uid) if c.id == container]
            if ContainerState.CREATED not in found:
                return
        raise RuntimeFault(f"container {container} is being started by a call that does not end", transient=True)

    def _as(self, fault: RuntimeFault, reason: str, session: PodSession, container: v1.Container) -> RuntimeFault:
        """Return the fault under the waiting reason of the stage it came from; transient ones keep being so."""
        text = without_values(str(fault), container, self._means.hidden(container, session))
        return RuntimeFault(text, transient=fault.transient, reason=reason)


def _is_wanted(step: RunSandbox | StartContainer, session: PodSession) -> bool:
    """Return whether a start is still what the pod needs when its turn has come; if not, the next plan knows more."""
    record = session.record
    wanted = not (record.terminating or record.stopped or session.preempted)
    return wanted and record.effective == step.revision
