"""Makes and starts sandboxes and containers.

Crash protocol (foundation 16): an intent is noted before each call that is not idempotent, and attempts only rise; what
a lost reply left behind is found by its labels at the next look and adopted by the planner.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from podstead.agent import acts
from podstead.agent.means import gone_is_fine, pin_of, revision_of, spec_of
from podstead.agent.messages import without_values
from podstead.errors import NameReservedFault, RuntimeFault
from podstead.images.pins import bears, mismatch
from podstead.k8s.volumes import binds_host_paths, images_of, mounted_images
from podstead.reconcile.actions import RunSandbox, StartContainer
from podstead.reconcile.memory import after_sandbox, after_start
from podstead.state.observed import ContainerState, ObservedSandbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from podstead.agent.means import Means
    from podstead.agent.ports import Requests, Views
    from podstead.agent.session import PodSession
    from podstead.identity import ContainerID, SandboxID
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import Revision
    from podstead.state.runtime import Image, SandboxRequest

Result = TypeVar("Result")

# A name stays reserved while an earlier call with it is under way: look for its outcome this often, at most 10 s.
RESERVED_LOOKS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.7)

# A network plugin that answers has given the address already; a sandbox that still has none gets another chance.
ADDRESS_LOOKS_SECONDS = (0.05, 0.1, 0.2, 0.4)

# How long an image counts as it was found when it was made present: a start follows at once, unless many wait their turn.
INSPECTED_SECONDS = 10.0

# What containerd answers to a second start of a container while the first is under way.
ALREADY_STARTING = "already in starting state"


class Starter:
    """Starts sandboxes and containers, each when its turn has come.

    `turn` holds a start slot for a pod (foundation 17).
    """

    def __init__(
        self,
        means: Means,
        requests: Requests,
        views: Views,
        turn: Callable[[PodSession], AbstractAsyncContextManager[None]],
    ) -> None:
        self._means = means
        self._requests = requests
        self._views = views
        self._turn = turn

    async def run_sandbox(self, step: RunSandbox, session: PodSession) -> bool:
        """Create and start a sandbox; returns whether the pod's view shows it already."""
        means, revision = self._means, revision_of(session, step.revision)
        async with self._turn(session):
            if not _is_wanted(step, session):
                return True
            session.appeared = True
            history = replace(session.history, sandbox_attempt=max(session.history.sandbox_attempt, step.attempt))
            means.remember(session, history)
            intent = means.books.intent(session.uid, "", step.attempt, step.revision)
            request = await _beside(intent, self._ready_sandbox(step, session, revision))
            if step.attempt > 0:
                means.tell(session, "SandboxChanged", "Pod sandbox changed, it is being created again")
                await self._stop_earlier(session, step.attempt)
            means.made.asked(session.uid, "", step.attempt)
            try:
                sandbox = await means.runtime.run_sandbox(request)
            except NameReservedFault:
                await self._await_reserved(session, step)
                return False
            means.made.made(sandbox, session.uid, "", step.attempt)
            means.remember(session, after_sandbox(step, session.history, means.clock.now()))
        if revision.pod.spec.host_network:
            return self._views.made(self._without_address(sandbox, request))
        if step.attempt > 0:
            await self._await_address(sandbox)
        try:
            return self._views.made(await means.runtime.sandbox_status(sandbox))
        except RuntimeFault:
            return False  # it is made; a look will tell more

    async def start_container(self, step: StartContainer, session: PodSession) -> bool:
        """Create a container, unless there is one to adopt, and start it; returns whether the view shows it already."""
        revision = revision_of(session, step.revision)
        spec = spec_of(revision, step.name)
        try:
            async with self._turn(session):
                if not _is_wanted(step, session):
                    return True
                container = await self._started(step, session, revision, spec)
        except BaseException:
            await self._release(step, session, revision)
            raise
        if container is None:
            await self._release(step, session, revision)
            return False  # the next plan starts what was created, or sees what became of it
        session.started[container] = self._means.clock.now().boot
        self._means.tell(session, "Started", f"Started container {step.name}")
        self._means.auditor.note(acts.started(step, session, container))
        # The kernel takes milliseconds to unmount: nobody waits for it.
        shown, _ = await asyncio.gather(
            self._views.started(session.uid, container), self._release(step, session, revision)
        )
        return shown

    async def _started(
        self, step: StartContainer, session: PodSession, revision: Revision, spec: v1.Container
    ) -> ContainerID | None:
        """Create a container, unless there is one, and start it; None where another call has done the one or the other."""
        container = step.created or await self._create(step, session, revision, spec)
        if container is None:
            return None
        if step.created is not None and binds_host_paths(spec, revision.pod):
            # What it mounts was mounted on the node for a start that was not made: it is judged and mounted anew.
            image = await self._image(spec.image or "", session, revision)
            await self._requests.container(revision, session, step, image)
        self._advance(step, session)
        try:
            await self._means.runtime.start_container(container)
        except RuntimeFault as fault:
            if step.created is None or ALREADY_STARTING not in str(fault):
                raise self._as(fault, "RunContainerError", session, spec) from fault
            await self._await_start(session, container)
            return None
        return container

    async def _release(self, step: StartContainer, session: PodSession, revision: Revision) -> None:
        """Leave no path of the node mounted below the agent's root; one that stays is tried again at the next start."""
        try:
            await self._means.home.release(revision, session.uid, step.name)
        except RuntimeFault as fault:
            self._means.tell(session, "FailedUnmount", str(fault), warning=True)

    async def _ready_sandbox(self, step: RunSandbox, session: PodSession, revision: Revision) -> SandboxRequest:
        if step.reset_volumes:
            await self._means.home.reset(session.uid)
            session.prepared.clear()
        await self._means.home.ready_cgroup(revision, session.uid)
        return await self._requests.sandbox(revision, session.uid, step.attempt)

    def _without_address(self, sandbox: SandboxID, request: SandboxRequest) -> ObservedSandbox:
        """Return a sandbox on the host's network as the runtime will list it: there is no address to ask for."""
        return ObservedSandbox(
            id=sandbox,
            key=request.key,
            uid=request.uid,
            instance=request.instance,
            attempt=request.attempt,
            ready=True,
            created_at=int(self._means.clock.now().wall * 1e9),
            host_network=True,
            revision=request.revision,
            runtime_handler=request.runtime_handler,
        )

    async def _create(
        self, step: StartContainer, session: PodSession, revision: Revision, spec: v1.Container
    ) -> ContainerID | None:
        """Create a container; None where an earlier call has made it meanwhile."""
        means = self._means
        image = await self._image(spec.image or "", session, revision)
        for volume in mounted_images(spec, revision.pod):
            session.images[volume.reference or ""] = (await self._image(volume.reference or "", session, revision)).id
        request = await _beside(
            self._note_attempt(step, session), self._requests.container(revision, session, step, image)
        )
        means.made.asked(session.uid, step.name, step.attempt)
        try:
            container = await means.runtime.create_container(request)
        except NameReservedFault:
            await self._await_reserved(session, step)
            return None
        except RuntimeFault as fault:
            for name in images_of(spec, revision.pod):
                session.inspected.pop(name, None)  # what it says may be that the image is gone
            raise self._as(fault, "CreateContainerError", session, spec) from fault
        means.made.made(container, session.uid, step.name, step.attempt)
        means.tell(session, "Created", f"Created container {step.name}")
        return container

    async def _image(self, name: str, session: PodSession, revision: Revision) -> Image:
        """Return an image that a container needs, the very one that was signed where one was pinned.

        Raises RuntimeFault where it was removed meanwhile. The container is made of the image's id: a tag that moves from
        now on changes nothing.
        """
        pin = pin_of(revision, name)
        seen = session.inspected.get(name)
        fresh = seen is not None and self._means.clock.now().boot - seen.at < INSPECTED_SECONDS
        if seen is not None and fresh and (not pin or bears(seen.image, pin)):
            return seen.image
        images = self._means.images
        image = await (images.held(name, pin) if pin else images.inspect(name))
        if image is None:
            session.images.pop(name, None)  # the next plan pulls it again
            session.inspected.pop(name, None)
            if pin:
                raise mismatch(name, pin, await images.inspect(name))
            raise RuntimeFault(f"image {name!r} is no longer present", reason="ImageInspectError")
        return image

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
    wanted = not (record.terminating or record.stopped or record.completion is not None or session.preempted)
    return wanted and record.effective == step.revision


async def _beside(noting: Coroutine[None, None, None], work: Awaitable[Result]) -> Result:
    """Return what a call needs, made ready while its intent is written; both are done then, whatever came of the work."""
    noted = asyncio.create_task(noting)
    try:
        return await work
    finally:
        await noted
