"""What the pods' steps tell the audit log: which container was started or stopped, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import find_container
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from podstead.agent.session import PodSession
    from podstead.identity import ContainerID
    from podstead.reconcile.actions import StartContainer, StopContainer
    from podstead.state.observed import ObservedContainer


def started(step: StartContainer, session: PodSession, container: ContainerID) -> AuditEntry:
    """Return what is told of a start."""
    revision = session.revision(step.revision)
    spec = find_container(revision.pod.spec, step.name) if revision is not None else None
    image = (spec.image or "") if spec is not None else ""
    return AuditEntry(
        act=Act.START,
        subject=str(session.key),
        message=f"container {step.name} was started: {_cause(step, session)}",
        facts={
            Fact.POD_UID: session.uid,
            Fact.CONTAINER: step.name,
            Fact.CONTAINER_ID: container,
            Fact.ATTEMPT: step.attempt,
            Fact.REVISION: step.revision,
            Fact.IMAGE: image,
            Fact.IMAGE_ID: session.images.get(image) or "",
            Fact.CAUSE: _cause(step, session),
        },
    )


def _cause(step: StartContainer, session: PodSession) -> str:
    memory, before = session.history.of(step.name), step.attempt - 1
    if before < 0:
        return "for the first time"
    if step.new_revision:
        return "its content has changed, or root asked for it"
    if memory.returning_attempt == before:
        return f"attempt {before} was stopped to come back"
    if memory.killed_attempt == before:
        return f"the agent ended attempt {before}"
    if memory.exit_attempt == before:
        return f"attempt {before} ended with exit code {memory.exit_code}"
    return f"after attempt {before}"


def stopping(step: StopContainer, session: PodSession) -> AuditEntry:
    """Return what is told of a container that is to be stopped."""
    return AuditEntry(
        act=Act.STOP,
        subject=str(session.key),
        reason=step.reason,
        message=step.message,
        facts={
            Fact.POD_UID: session.uid,
            Fact.CONTAINER: step.name,
            Fact.CONTAINER_ID: step.id,
            Fact.ATTEMPT: step.attempt,
            Fact.REVISION: step.revision or "",
        },
    )


def ended(container: ObservedContainer, session: PodSession, reason: str) -> AuditEntry:
    """Return what is told of a container that ended without the agent's doing."""
    return AuditEntry(
        act=Act.EXIT,
        subject=str(session.key),
        reason=reason,
        message=f"container {container.name} ended by itself with exit code {container.exit_code}",
        facts={
            Fact.POD_UID: session.uid,
            Fact.CONTAINER: container.name,
            Fact.CONTAINER_ID: container.id,
            Fact.ATTEMPT: container.attempt,
            Fact.EXIT_CODE: container.exit_code,
        },
    )
