"""Root's part in what runs, as the API sees it: fills in `server.operations.OperationsPort`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.agent.orders import Orders
from podstead.daemon.applying import Manifests
from podstead.daemon.manifests import manifest_decoder
from podstead.errors import NotFoundFault, OperatorError
from podstead.server.operations import PodReport, RevisionReport
from podstead.sources.placing import ManifestDirectory
from podstead.status.conditions import rollback_sentence
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.agent.session import PodSession
    from podstead.agent.shelf import RevisionShelf, StoredBytes
    from podstead.agent.syncloop import SyncLoop
    from podstead.daemon.ground import Ground
    from podstead.daemon.parts import Parts
    from podstead.daemon.reporting import Board
    from podstead.identity import PodKey, RevisionID
    from podstead.server.operations import Application, Deletion
    from podstead.state.records import PodRecord


class Operations:
    """Answers and carries out; `manifests` is None without a manifest directory."""

    def __init__(
        self, orders: Orders, manifests: Manifests | None, shelf: RevisionShelf, board: Board, sync: SyncLoop | None
    ) -> None:
        self._orders = orders
        self._manifests = manifests
        self._shelf = shelf
        self._board = board
        self._sync = sync

    def pod(self, key: PodKey) -> PodReport:
        """Return which revision a pod runs now."""
        session = self._orders.session(key)
        record = session.record
        return PodReport(
            uid=record.api_uid or record.uid,
            file=record.claim.file,
            effective=record.effective or "",
            candidate=record.candidate or "",
            last_ready=record.last_ready or "",
            passed_over=record.rollback.passed_over if record.rollback else "",
            rollback=rollback_sentence(record),
            ready=session.ready_since is not None and session.was_ready == record.effective,
            stopped=record.stopped,
        )

    async def revisions(self, key: PodKey) -> tuple[RevisionReport, ...]:
        """Return a pod's kept revisions, the latest first."""
        session = self._orders.session(key)
        record = session.record
        turns = {turn.revision: turn.at for turn in record.turns}
        latest = sorted(await self._stored(session), key=lambda r: max(r.seen_at, turns.get(r.id, 0.0)), reverse=True)
        return tuple(_report(stored, record) for stored in latest)

    async def manifest(self, key: PodKey, revision: str) -> bytes:
        """Return the bytes of a kept revision."""
        session = self._orders.session(key)
        wanted = await self._named(session, revision)
        return next(stored.data for stored in await self._stored(session) if stored.id == wanted)

    async def roll_back(self, key: PodKey, revision: str) -> str:
        """Let a pod run a kept revision."""
        session = self._orders.session(key)
        target = await self._orders.roll_back(key, await self._named(session, revision) if revision else None)
        follows = session.record.rollback is None
        stays = "it follows its file again" if follows else "it stays so until its file changes"
        return f"pod {key} goes to revision {target}; {stays}"

    async def restart(self, key: PodKey, container: str) -> str:
        """Replace a pod's containers."""
        names = await self._orders.restart(key, container)
        several = "containers restart one after another" if len(names) > 1 else "container restarts"
        return f"pod {key}: {several}: {', '.join(names)}"

    async def stop(self, key: PodKey) -> str:
        """Let nothing of a pod run."""
        await self._orders.stop(key)
        return f"pod {key} stops, and stays so also after a reboot, until podstead start"

    async def start(self, key: PodKey) -> str:
        """Let a stopped pod run again."""
        await self._orders.start(key)
        return f"pod {key} starts"

    async def apply(self, data: bytes, *, dry_run: bool) -> Application:
        """Check content and write it into the manifest directory."""
        return await self._writable().apply(data, dry_run=dry_run)

    async def delete(self, key: PodKey) -> Deletion:
        """Take a pod out of its file."""
        return await self._writable().delete(self._orders.session(key))

    def _writable(self) -> Manifests:
        if self._manifests is None:
            raise OperatorError("no manifest directory is configured: there is nowhere to write to")
        if self._sync is None or not self._sync.looked:
            raise OperatorError("the manifest directory has not been looked through yet: try again")
        if (why := self._board.degraded or self._board.problem) is not None:
            raise OperatorError(f"nothing is written while the manifest directory is not itself: {why}")
        return self._manifests

    async def _stored(self, session: PodSession) -> Sequence[StoredBytes]:
        return await self._shelf.list(session.key)

    async def _named(self, session: PodSession, beginning: str) -> RevisionID:
        """Return the kept revision whose id begins so; raises where none does, or several do."""
        found = [stored.id for stored in await self._stored(session) if stored.id.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFoundFault(f"pod {session.key} has no revision {beginning}: podstead history lists those it has")
        raise OperatorError(f"revision {beginning} is not the only one that begins so: {', '.join(sorted(found))}")


def build_operations(ground: Ground, parts: Parts) -> Operations:
    """Return root's part of an agent."""
    settings, table = ground.settings, parts.table
    orders = Orders(
        table,
        parts.shelf,
        ground.stores.records,
        parts.room,
        parts.pleg.view,
        ground.recorder,
        ground.clock,
        parts.gates.rollbacks,
    )
    manifests = None
    if settings.source is not None:
        decoder = manifest_decoder(settings, settings.source)
        directory = ManifestDirectory(settings.source, ground.clock)
        manifests = Manifests(directory, decoder, table, settings.node.name, parts.gates.placing_fault)
    return Operations(orders, manifests, parts.shelf, parts.board, parts.sync)


def _report(stored: StoredBytes, record: PodRecord) -> RevisionReport:
    turn = next((turn for turn in record.turns if turn.revision == stored.id), None)
    marks = {
        "Effective": stored.id == record.effective,
        "Candidate": stored.id == record.candidate,
        "LastReady": stored.id == record.last_ready,
        "PassedOver": record.rollback is not None and stored.id == record.rollback.passed_over,
        "Failed": turn is not None and turn.failed,
    }
    return RevisionReport(
        id=stored.id,
        states=tuple(name for name, holds in marks.items() if holds),
        admitted=rfc3339(stored.seen_at),
        effective_since=rfc3339(turn.at) if turn is not None else "",
        file=stored.file,
        document=stored.document,
        owner=stored.owner,
        signer=stored.provenance.signer if stored.provenance is not None else "",
    )
