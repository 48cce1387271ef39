"""What is told to the audit log, and where it goes: files as they are judged, ends of containers, Events that are acts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.agent import acts
from podstead.audit.log import AuditLog
from podstead.audit.records import cleaned
from podstead.audit.writer import LogWriter, Noted
from podstead.errors import OperatorError
from podstead.manifest.reading import foremost
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.reports import Verdict
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from podstead.agent.ports import Auditor
    from podstead.agent.table import PodTable
    from podstead.audit.log import Sink
    from podstead.clock import Clock
    from podstead.config.paths import Paths
    from podstead.config.settings import Settings
    from podstead.daemon.ground import Ground
    from podstead.state.observed import ObservedContainer
    from podstead.state.reports import FileVerdict
    from podstead.state.sources import ManifestFile, SourceSnapshot

log = logging.getLogger(__name__)

RESTART_SECONDS = 10.0
OF_EVENTS = {
    "Removed": Act.REMOVE,
    "RolledBack": Act.ROLLBACK,
    "NodeShutdown": Act.SHUTDOWN,
    "ShutdownCancelled": Act.SHUTDOWN,
    "StateCorrupt": Act.CONFIGURATION,
}
"""Events that tell of an act which nothing else notes; by their reasons."""
NANOSECONDS = 1_000_000_000


def build_audit(settings: Settings, clock: Clock) -> AuditLog:
    """Return the audit log of an agent with its sinks; nothing is written yet."""
    return AuditLog(settings.paths.audit, clock, tuple(_sinks(settings, clock)), version=__version__)


class _Kept:
    """Keeps entries until they are written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.noted: list[Noted] = []

    def note(self, entry: AuditEntry) -> None:
        """Keep one entry, with who did it."""
        who: dict[Fact, str | int] = {Fact.UID: os.getuid(), Fact.PID: os.getpid()}
        self.noted.append(Noted(at=self._clock.now(), entry=cleaned(replace(entry, facts={**who, **entry.facts}))))


@contextlib.contextmanager
def recorded_by_hand(paths: Paths, clock: Clock) -> Iterator[Auditor]:
    """Record in the node's audit log what a command does while no agent runs; the root's lock must be held.

    Raises:
        OperatorError: it was done, and could not be recorded.
    """
    kept = _Kept(clock)
    try:
        yield kept
    finally:
        writer = LogWriter(paths.audit, clock.now, version=__version__)
        try:
            if kept.noted:
                writer.write(kept.noted)
        except OSError as error:
            raise OperatorError(
                f"this was done, but cannot be recorded in {paths.audit}: {error.strerror or error}"
            ) from error
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def recorded(settings: Settings, clock: Clock, asked: Callable[[], bool]) -> AsyncGenerator[AuditLog]:
    """Keep the audit log for as long as the agent lives; `asked` says whether its end was asked for."""
    audit = build_audit(settings, clock)
    writing = asyncio.create_task(_keep_writing(audit), name="audit")
    sources = [
        *([str(settings.source.path)] if settings.source else ()),
        *([settings.url.shown] if settings.url else ()),
    ]
    audit.note(
        AuditEntry(
            act=Act.AGENT_START,
            subject=settings.node.name,
            message=f"podstead {__version__} starts and watches {' and '.join(sources)}",
            facts={
                Fact.VERSION: __version__,
                Fact.PID: os.getpid(),
                Fact.MODE: settings.security.signature_mode.value,
                Fact.FILE: ", ".join(str(file) for file in settings.files),
            },
        )
    )
    try:
        yield audit
    finally:
        reason, text = (
            ("Asked", "the agent ends as it was asked to") if asked() else ("Failed", "the agent cannot go on")
        )
        audit.note(AuditEntry(act=Act.AGENT_STOP, subject=settings.node.name, reason=reason, message=text))
        writing.cancel()
        await asyncio.wait({writing})
        await audit.close()


async def _keep_writing(audit: AuditLog) -> None:
    """Write for ever; a mistake in it is logged, and costs neither the agent nor later records."""
    while True:
        try:
            await audit.run()
        except Exception:
            log.exception("the audit log failed; it starts again")
            await asyncio.sleep(RESTART_SECONDS)


def _sinks(settings: Settings, clock: Clock) -> Iterator[Sink]:
    # Each imported where it is wanted: most nodes have none.
    wanted = settings.security.audit
    if wanted.syslog is not None:
        from podstead.audit.syslog import SyslogSink  # noqa: PLC0415 - see above

        yield SyslogSink(wanted.syslog, clock)
    if wanted.checkpoint_file is not None:
        from podstead.audit.anchor import AnchorFile  # noqa: PLC0415 - see above

        yield AnchorFile(wanted.checkpoint_file, clock)
    if wanted.webhook is not None:
        from podstead.audit.webhook import WebhookSink  # noqa: PLC0415 - see above

        yield WebhookSink(wanted.webhook, settings.node.name, clock)


class FileActs:
    """Tells what was admitted and what was refused, once for each content."""

    def __init__(
        self,
        auditor: Auditor,
        is_new: Callable[[FileVerdict], bool],
        writer: Callable[[str], Mapping[Fact, str | int]] | None = None,
    ) -> None:
        self._auditor = auditor
        self._is_new = is_new
        self._writer = writer
        self._told: dict[str, tuple[str, ...]] = {}

    def look(self, snapshot: SourceSnapshot, verdicts: Sequence[FileVerdict]) -> None:
        """Tell what is new of a look."""
        files = {file.name: file for file in snapshot.files}
        told: dict[str, tuple[str, ...]] = {}
        for verdict in verdicts:
            file = files.get(verdict.name)
            before = self._told.get(verdict.name)
            if verdict.verdict is Verdict.PENDING and before is not None:
                told[verdict.name] = before  # being read again: what was said of it still counts
            if file is None or verdict.verdict not in {Verdict.ACCEPTED, Verdict.REJECTED}:
                continue
            seen = told[verdict.name] = (verdict.verdict, verdict.reason, *_content(file, verdict))
            if seen == before:
                continue
            # An older content that comes back is news as well; only what an agent before this one admitted is not.
            if verdict.verdict is Verdict.REJECTED or before is not None or self._is_new(verdict):
                entry = _of_file(file, verdict)
                writer = self._writer(verdict.name) if self._writer is not None else {}
                self._auditor.note(replace(entry, facts={**entry.facts, **writer}))
        self._told = told


def _content(file: ManifestFile, verdict: FileVerdict) -> tuple[str, ...]:
    """Return what tells a content apart; of a file that is never read its size and times."""
    if file.digest:
        return (file.digest,)
    return (*verdict.revisions, str(file.size), str(file.modified_at))


def _of_file(file: ManifestFile, verdict: FileVerdict) -> AuditEntry:
    accepted = verdict.verdict is Verdict.ACCEPTED
    pods = ", ".join(str(key) for key in verdict.pods)
    if accepted:
        message = f"{verdict.name} was admitted" + (f": {pods}" if pods else "")
    else:
        message = "; ".join(m.placed for m in foremost(verdict.messages)[:3]) or "it makes no pod"
    facts: dict[Fact, str | int] = {
        Fact.FILE: verdict.path,
        Fact.DIGEST: file.digest,
        Fact.SIZE: file.size,
        Fact.OWNER: file.owner,
        Fact.MODIFIED: rfc3339(file.modified_at) if file.modified_at else "",
        Fact.REVISION: ",".join(verdict.revisions),
        Fact.POD: pods,
    }
    if (source := file.provenance) is not None:
        facts |= {
            Fact.PROVENANCE: source.warrant.value,
            Fact.PRINCIPALS: source.principals,
            Fact.KEY: source.key,
            Fact.VERSION: source.index_version if source.index_version is not None else "",
        }
    return AuditEntry(
        act=Act.ADMIT if accepted else Act.REFUSE,
        subject=verdict.name,
        reason=verdict.reason,
        message=message,
        facts={name: value for name, value in facts.items() if value != ""},
    )


def file_acts(ground: Ground, table: PodTable) -> FileActs:
    """Return what watches the manifests' verdicts: what an agent before this one admitted is not told again."""

    def is_new(verdict: FileVerdict) -> bool:
        sessions = [session for key in verdict.pods if (session := table.session(key)) is not None]
        revisions = [s.revision(identifier) for s in sessions for identifier in verdict.revisions]
        return any(r is not None and r.seen_at >= ground.state.started_at for r in revisions)

    return FileActs(ground.auditor, is_new, ground.writers.facts)


def tell_end(ground: Ground, table: PodTable, ended: ObservedContainer, reason: str) -> None:
    """Tell of a container that ended, unless the agent stopped it, or an agent before this one saw it."""
    session = table.by_uid(ended.uid)
    if session is None or ended.finished_at < ground.state.started_at * NANOSECONDS:
        return
    if ended.id in session.asked_to_stop:
        session.asked_to_stop.discard(ended.id)
        return
    ground.auditor.note(acts.ended(ended, session, reason))


def of_import(path: str, names: Sequence[str], identifier: str) -> AuditEntry:
    """Return what is told of an image that came by a file."""
    return AuditEntry(
        act=Act.IMPORT,
        subject=", ".join(names),
        message=f"imported from {path}",
        facts={Fact.FILE: path, Fact.IMAGE_ID: identifier},
    )
