"""The parts that keep local ConfigMaps and Secrets, and how pods hear of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.agent.object_loop import ObjectLoop
from podstead.config import SourceSettings
from podstead.daemon.reporting import OBJECTS, Board
from podstead.sources.content import Content
from podstead.sources.decoder import Decoder
from podstead.sources.directory import DirectorySource
from podstead.sources.posture import inspect_owned, judge_place
from podstead.state.references import references, shown_in_volumes
from podstead.store.facts import OBJECTS_DIRECTORY

if TYPE_CHECKING:
    from podstead.agent.objects import LocalObjects
    from podstead.agent.table import PodTable
    from podstead.daemon.parts import Ground
    from podstead.state.objects import ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectParts:
    """`directory` is None where none is configured: the loop then only keeps what pods still refer to."""

    present: LocalObjects
    directory: DirectorySource | None
    board: Board
    loop: ObjectLoop


def build_objects(ground: Ground, present: LocalObjects, table: PodTable) -> ObjectParts:
    """Build the parts; nothing runs yet."""
    settings = ground.settings
    board = Board(table, ground.recorder, OBJECTS)
    directory = None if settings.objects is None else _directory(ground, settings.objects, present)
    limits = settings.objects or SourceSettings(path=settings.paths.state)
    decoder = Decoder(settings.node.name, settings.strict, limits, Content.OBJECTS)
    loop = ObjectLoop(
        directory, decoder, present, ground.stores.local_objects, table, board, ground.recorder, ground.clock
    )

    def changed(keys: frozenset[ObjectKey]) -> None:
        for session in table.sessions():
            effective = session.revision(session.record.effective)
            if effective is not None and not keys.isdisjoint(shown_in_volumes(effective.pod)):
                session.outdated = True
            if any(not keys.isdisjoint(references(one.pod)) for one in session.revisions.values()):
                table.retry(session.uid)

    present.on_change(changed)
    return ObjectParts(present=present, directory=directory, board=board, loop=loop)


def _directory(ground: Ground, settings: SourceSettings, present: LocalObjects) -> DirectorySource:
    return DirectorySource(
        settings,
        ground.clock,
        known_identity=ground.stores.facts.get(OBJECTS_DIRECTORY),
        expected=lambda: {one.file for one in present.held.values() if not one.gone},
        inspect=inspect_owned,
        judge_place=judge_place,
    )


async def load_objects(ground: Ground, present: LocalObjects) -> None:
    """Bring back the objects of the last agent; what is corrupt is set aside and told."""
    loaded = await ground.stores.local_objects.load()
    present.take({one.key: one for one in loaded.objects})
    for corrupt in loaded.corrupt:
        text = f"{corrupt.path} was corrupt and is set aside as {corrupt.kept_at}: {corrupt.reason}"
        ground.recorder.node_event("StateCorrupt", text, warning=True)
