"""Changes the resources of a pod and of its containers in place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent.means import revision_of, spec_of
from podstead.errors import NotFoundFault, RuntimeFault
from podstead.k8s.resources import container_values

if TYPE_CHECKING:
    from podstead.agent.means import Means
    from podstead.agent.session import PodSession
    from podstead.reconcile.actions import ResizePod, RunningContainer
    from podstead.state.records import Revision


class Resizer:
    """Makes the pod's cgroup wide enough for the old and the new, then each container, then the pod as it shall be."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def resize(self, step: ResizePod, session: PodSession) -> None:
        """Do it; where the runtime cannot, it is noted that the containers must be restarted instead."""
        means, revision = self._means, revision_of(session, step.revision)
        means.remember(session, replace(session.history, resized_sandbox=step.attempt))
        await means.home.ready_cgroup(revision, session.uid, beside=tuple(session.revisions.values()))
        for container in step.containers:
            if not await self._resize(container, revision, session):
                return
        await means.home.ready_cgroup(revision, session.uid)
        session.resized = revision.id
        means.tell(session, "Resized", f"Resources are those of revision {revision.id}, changed in place")

    async def _resize(self, container: RunningContainer, revision: Revision, session: PodSession) -> bool:
        values = container_values(revision.pod, spec_of(revision, container.name))
        memory = session.history.of(container.name)
        memory = replace(memory, resized_attempt=container.attempt, resized_by=revision.id)
        self._means.remember_container(session, container.name, memory)
        try:
            await self._means.runtime.update_resources(container.id, values)
        except NotFoundFault:
            return True  # it has ended, and the next one starts with them
        except RuntimeFault as fault:
            if fault.transient:
                raise
            session.unresizable.add(revision.id)
            text = f"Resources of container {container.name} cannot be changed in place, it is restarted: {fault}"
            self._means.tell(session, "ResizeFailed", text, warning=True)
            return False
        return True
