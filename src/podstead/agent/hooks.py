"""Runs the lifecycle hooks of containers, each within its bound (spec/kubelet-static-pods.md 3.11).

A hook is run at least once: an agent that dies while one runs leaves no trace of it, and the next one runs it again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent.means import revision_of, spec_of
from podstead.agent.targets import LOOPBACK
from podstead.errors import RuntimeFault
from podstead.k8s.containers import find_container
from podstead.probes import hooks
from podstead.probes.attempt import SUCCEEDED, Attempt, Result
from podstead.reconcile.hooks import POST_START_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.grace import Grace
    from podstead.agent.means import Means
    from podstead.agent.session import PodSession
    from podstead.agent.view import PodView
    from podstead.identity import ContainerID, PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import RunPostStart, RunPreStop, StopContainer
    from podstead.state.records import Revision

log = logging.getLogger(__name__)

POST_START_SECONDS = 3600
"""A command or request after a start may take this long, in seconds. The kubelet has no bound, and a hook that hangs
keeps its container from starting for ever; no set-up of a database that we know of takes an hour."""


class Hooks:
    """Runs postStart and preStop."""

    def __init__(self, means: Means, view: Callable[[PodUID], PodView], node_ip: Callable[[], str]) -> None:
        self._means = means
        self._view = view
        self._node_ip = node_ip

    async def post_start(self, step: RunPostStart, session: PodSession) -> None:
        """Run the hook of a container that has been started, and note that it ended well.

        Raises RuntimeFault with reason PostStartHookError where it did not.
        """
        revision = revision_of(session, step.revision)
        spec = spec_of(revision, step.name)
        if spec.lifecycle is not None and spec.lifecycle.post_start is not None:
            attempt = await self._run(spec.lifecycle.post_start, revision, spec, step.id, session, POST_START_SECONDS)
            if attempt.result is Result.DISREGARDED:
                raise RuntimeFault(attempt.message, transient=True)
            if attempt.result in {Result.FAILURE, Result.ERROR}:
                raise RuntimeFault(
                    f"postStart hook of container {step.name} failed: {attempt.message}", reason=POST_START_ERROR
                )
        memory = session.history.of(step.name)
        done = replace(memory, post_started_attempt=max(memory.post_started_attempt, step.attempt))
        self._means.remember_container(session, step.name, done)

    async def pre_stop(self, step: StopContainer | RunPreStop, session: PodSession, grace: Grace) -> None:
        """Run the hook of a container that is about to be stopped, within its grace; how it ends does not matter."""
        revision = session.revision(step.revision)
        spec = find_container(revision.pod.spec, step.name) if revision is not None else None
        handler = spec.lifecycle.pre_stop if spec is not None and spec.lifecycle is not None else None
        if (
            revision is None
            or spec is None
            or handler is None
            or not step.grace_seconds
            or step.id in session.pre_stopped
        ):
            return
        attempt = Attempt(Result.FAILURE, "it did not end within the grace period")
        try:
            async with grace.within():
                attempt = await self._run(handler, revision, spec, step.id, session, step.grace_seconds)
        except TimeoutError:
            if grace.in_vain:
                return
        except Exception:  # a hook is asked for a favour: it never keeps a container from being stopped
            log.exception(
                "the preStop hook of container %s of pod %s failed by our own mistake", step.name, session.key
            )
            attempt = Attempt(Result.ERROR, "an internal error; the agent's log has the details")
        if attempt.result is not Result.DISREGARDED:
            session.pre_stopped.add(step.id)
        if attempt.result not in {Result.SUCCESS, Result.WARNING}:
            text = f"preStop hook of container {step.name} failed: {attempt.message}"
            self._means.tell(session, "FailedPreStopHook", text, warning=True)

    async def _run(
        self,
        handler: v1.LifecycleHandler,
        revision: Revision,
        spec: v1.Container,
        container: ContainerID,
        session: PodSession,
        seconds: int,
    ) -> Attempt:
        if handler.sleep is not None:
            await self._means.clock.sleep(handler.sleep.seconds)
            return SUCCEEDED
        host = self._address(revision.pod, session, container)
        hidden = self._means.hidden(spec, session)
        target = hooks.HookTarget(spec=spec, container_id=container, host=host, hidden=hidden)
        attempt = await hooks.run(handler, target, self._means.runtime.exec_sync, seconds)
        if attempt.result is Result.WARNING:
            self._means.tell(
                session, "LifecycleHTTPFallback", f"container {spec.name}: {attempt.message}", warning=True
            )
        return attempt

    def _address(self, pod: v1.Pod, session: PodSession, container: ContainerID) -> str:
        """Return where the container is reached: its sandbox's address, or the node's where it shares the network."""
        if pod.spec.host_network:
            return self._node_ip() or LOOPBACK
        view = self._view(session.uid)
        inside = next((c.sandbox_id for c in view.containers if c.id == container), None)
        return next((s.ips[0] for s in view.sandboxes if s.id == inside and s.ips), "")
