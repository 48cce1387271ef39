"""Bridges from the loops to what people see: events, API objects, verdicts on files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.daemon.auditing import OF_EVENTS
from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable
from podstead.manifest.reading import Message, Severity, foremost
from podstead.server.port import FileReport
from podstead.state.audit import AuditEntry
from podstead.state.reports import Verdict
from podstead.status.conditions import rollback_sentence
from podstead.status.times import rfc3339
from podstead.store.changes import NAMESPACES, PODS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.agent.ports import Auditor
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.daemon.auditing import FileActs
    from podstead.identity import PodKey, PodUID
    from podstead.state.reports import FileVerdict
    from podstead.state.sources import SourceSnapshot
    from podstead.store.events import EventStore
    from podstead.store.objects import ObjectStore

log = logging.getLogger(__name__)

# Verdicts are said again as events while they last, as often as the directory is looked at anyway.
SYSTEM_NAMESPACES = ("default", "kube-system")


class EventRecorder:
    """Records events about pods and about the node."""

    def __init__(self, events: EventStore, node_name: str, auditor: Auditor) -> None:
        self._events = events
        self._auditor = auditor
        self._node = v1.ObjectReference(api_version="v1", kind="Node", name=node_name, uid=node_name)

    def event(self, key: PodKey, uid: PodUID, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event about a pod; its uid is the incarnation's, as kubectl asks for mirror pods."""
        involved = v1.ObjectReference(api_version="v1", kind="Pod", namespace=key.namespace, name=key.name, uid=uid)
        self._events.record(involved, type_="Warning" if warning else "Normal", reason=reason, message=message)
        log.info("%s: %s: %s", key, reason, printable(message))
        self._act(str(key), reason, message)

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event about the node."""
        self._events.record(self._node, type_="Warning" if warning else "Normal", reason=reason, message=message)
        log.log(logging.WARNING if warning else logging.INFO, "%s: %s", reason, printable(message))
        self._act("node", reason, message)

    def file_event(self, name: str, reason: str, message: str) -> None:
        """Record that a file of the manifest directory is not what it should be."""
        involved = v1.ObjectReference(kind="File", name=name)
        self._events.record(involved, type_="Warning", reason=reason, message=message)

    def _act(self, subject: str, reason: str, message: str) -> None:
        if (act := OF_EVENTS.get(reason)) is not None:
            self._auditor.note(AuditEntry(act=act, subject=subject, reason=reason, message=message))


class ApiObjects:
    """Puts pods and their namespaces where the API serves them from."""

    def __init__(self, objects: ObjectStore, started_at: float) -> None:
        self._objects = objects
        self._since = rfc3339(started_at)
        for name in SYSTEM_NAMESPACES:
            self._namespace(name)

    def put_pod(self, pod: v1.Pod) -> None:
        """Store a pod, and the namespace that it makes exist."""
        self._namespace(pod.metadata.namespace or "default")
        self._objects.put(PODS, pod)

    def delete_pod(self, namespace: str, name: str) -> None:
        """Remove a pod."""
        self._objects.delete(PODS, namespace, name)

    def _namespace(self, name: str) -> None:
        if self._objects.get(NAMESPACES, "", name) is None:
            namespace = v1.Namespace(
                api_version="v1",
                kind="Namespace",
                metadata=v1.ObjectMeta(name=name, uid=f"namespace-{name}", creation_timestamp=self._since),
                status=v1.NamespaceStatus(phase="Active"),
            )
            self._objects.put(NAMESPACES, namespace)


CONFIGURATION_NEWER = "ConfigurationNewer"
"""The reason shown of an accepted file whose pod runs with an older configuration than there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a directory is called in sentences, and in reasons of what is wrong with it."""

    name: str
    files: str
    degraded: str
    rejected: str


MANIFESTS = Place(
    name="manifest directory",
    files="manifest files",
    degraded="ManifestDirectoryDegraded",
    rejected="ManifestsRejected",
)
OBJECTS = Place(
    name="objects directory",
    files="files of ConfigMaps and Secrets",
    degraded="ObjectsDirectoryDegraded",
    rejected="ObjectsRejected",
)


class Board:
    """The last verdict on every file of a directory, and why nothing new can be admitted if so."""

    def __init__(
        self,
        table: PodTable,
        recorder: EventRecorder,
        place: Place = MANIFESTS,
        acts: FileActs | None = None,
        writer: Callable[[str], str] | None = None,
    ) -> None:
        self._table = table
        self._recorder = recorder
        self._acts = acts
        self.place = place
        self._writer = writer
        self._verdicts: tuple[FileVerdict, ...] = ()
        self.degraded: str | None = None
        """Why the directory is not itself."""
        self.problem: str | None = None
        self.overflow = 0
        self.notes: tuple[str, ...] = ()
        """What keeps the sources from being looked at as they should be."""

    def show(self, snapshot: SourceSnapshot, verdicts: tuple[FileVerdict, ...], problem: str | None) -> None:
        """Show the verdicts of this look, and repeat those that refuse as events."""
        self._verdicts = verdicts
        if snapshot.degraded and snapshot.degraded != self.degraded:
            self._recorder.node_event(self.place.degraded, snapshot.degraded, warning=True)
        self.degraded, self.problem, self.overflow = snapshot.degraded, problem, snapshot.overflow
        self.notes = snapshot.notes
        for verdict in verdicts:
            if verdict.verdict is Verdict.REJECTED:
                text = "; ".join(m.placed for m in foremost(verdict.messages)[:3]) or verdict.reason
                if self._writer is not None:
                    text = f"{text} ({self._writer(verdict.name) or _owner(verdict)})"
                self._recorder.file_event(verdict.name, verdict.reason, text)
        if self._acts is not None:
            self._acts.look(snapshot, verdicts)

    def counts(self) -> dict[str, int]:
        """Return how many files have each verdict."""
        found: dict[str, int] = {}
        for verdict in self._verdicts:
            found[verdict.verdict.value] = found.get(verdict.verdict.value, 0) + 1
        return found

    def files(self) -> Sequence[FileReport]:
        """Return every entry of the directory, sorted by path."""
        return tuple(self._report(v) for v in sorted(self._verdicts, key=lambda v: v.path))

    def _report(self, verdict: FileVerdict) -> FileReport:
        sessions = [self._table.session(key) for key in verdict.pods]
        running = [s.record.effective or "" for s in sessions if s is not None]
        remarks = [_remark(text) for s in sessions if s is not None and (text := rollback_sentence(s.record))]
        newer = [_remark(_newer(s)) for s in sessions if s is not None and s.newer]
        return FileReport(
            path=verdict.path,
            verdict=verdict.verdict.value,
            reason=verdict.reason or (CONFIGURATION_NEWER if newer else ""),
            messages=(*newer, *remarks, *verdict.messages),
            pods=tuple(str(key) for key in verdict.pods),
            objects=tuple(str(key) for key in verdict.objects),
            revision=",".join(verdict.revisions),
            running=",".join(running),
            owner=verdict.owner,
            modified=rfc3339(verdict.modified_at) if verdict.modified_at else "",
            writer=self._writer(verdict.name) if self._writer is not None else "",
        )


def _owner(verdict: FileVerdict) -> str:
    """Return what is known of a file whose writer nobody saw."""
    when = f"changed {rfc3339(verdict.modified_at)}" if verdict.modified_at else ""
    owner = f"owner {verdict.owner}" if verdict.owner else "owner unknown"
    return ", ".join(text for text in (owner, when) if text)


def _newer(session: PodSession) -> str:
    sources = ", ".join(dict.fromkeys(source for found in session.newer.values() for source in found))
    return f"configuration newer than the running pod {session.key}: {sources}"


def _remark(text: str) -> Message:
    """Return a remark on a file as a whole that its content does not call for."""
    return Message(line=0, column=0, field="", severity=Severity.WARNING, message=text)
