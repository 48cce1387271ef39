"""The parts that look at the manifests: where they come from, what decodes them, and the loop that goes by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.agent.incarnations import Incarnations
from podstead.agent.syncloop import SyncLoop
from podstead.daemon.gates import watched
from podstead.sources.content import Content
from podstead.sources.decoder import Decoder
from podstead.sources.directory import DirectorySource
from podstead.state.sources import is_url
from podstead.store.facts import DIRECTORY, DIRECTORY_PATH

if TYPE_CHECKING:
    from podstead.agent.gates import Gates
    from podstead.agent.room import NodeRoom
    from podstead.agent.shelf import RevisionShelf
    from podstead.agent.syncloop import Source
    from podstead.agent.table import PodTable
    from podstead.config.settings import Settings
    from podstead.daemon.ground import Ground
    from podstead.daemon.reporting import Board
    from podstead.sources.decoder import DecodeLimits


def manifest_directory(ground: Ground, table: PodTable) -> DirectorySource | None:
    """Return what looks at the manifest directory; None where none is configured."""
    if ground.settings.source is None:
        return None
    return DirectorySource(
        watched(ground, ground.settings.source),
        ground.clock,
        known_identity=ground.stores.facts.get(DIRECTORY),
        known_at=ground.stores.facts.get(DIRECTORY_PATH),
        expected=lambda: {
            r.claim.file for r in table.records().values() if not r.terminating and not is_url(r.claim.file)
        },
        accept=ground.settings.hints.accept,
    )


def build_sync(
    ground: Ground,
    directory: DirectorySource | None,
    room: NodeRoom,
    table: PodTable,
    shelf: RevisionShelf,
    board: Board,
    gates: Gates,
) -> SyncLoop | None:
    """Return the loop that goes by the manifests; None where no source of them is configured."""
    source, limits = _source(ground, directory), ground.settings.source or ground.settings.url
    if source is None or limits is None:
        return None
    incarnations = Incarnations(table, shelf, ground.stores.records, room, ground.recorder, ground.clock)
    decoder = manifest_decoder(ground.settings, limits)
    return SyncLoop(source, decoder, table, incarnations, room, board, ground.clock, gates)


def manifest_decoder(settings: Settings, limits: DecodeLimits) -> Decoder:
    """Return what reads manifests as this node does."""
    content = Content.PODS if settings.objects is None else Content.PODS_AND_REFERENCES
    return Decoder(settings.node.name, settings.strict, limits, content)


def _source(ground: Ground, directory: DirectorySource | None) -> Source | None:
    if ground.settings.url is None:
        return directory
    # Not at the top: urllib is 4 MiB of memory that only a node with a URL needs.
    from podstead.sources.joined import JoinedSource  # noqa: PLC0415 - see above
    from podstead.sources.url import UrlSource  # noqa: PLC0415 - see above

    return JoinedSource(directory, UrlSource(ground.settings.url, ground.clock))
