"""The parts that keep what pods are configured with beyond their manifests, and how pods hear of changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.agent.inputs import PodInputs
from podstead.agent.object_loop import ObjectLoop
from podstead.agent.objects import LocalObjects
from podstead.agent.signed_files import SignedFiles
from podstead.config.sources import SourceSettings
from podstead.daemon.auditing import FileActs
from podstead.daemon.gates import watched
from podstead.daemon.reporting import OBJECTS, Board
from podstead.k8s.configuration import config_files
from podstead.sources.config_files import ConfigFiles
from podstead.sources.content import Content
from podstead.sources.decoder import Decoder
from podstead.sources.directory import DirectorySource
from podstead.state.references import references, shown_in_volumes
from podstead.store.facts import OBJECTS_DIRECTORY, OBJECTS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.agent.gates import Verifier
    from podstead.agent.table import PodTable
    from podstead.daemon.gates import NodeGates
    from podstead.daemon.ground import Ground
    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectParts:
    """`directory` is None where none is configured: the loop then only keeps what pods still refer to."""

    present: LocalObjects
    files: ConfigFiles
    signed: SignedFiles
    directory: DirectorySource | None
    board: Board
    loop: ObjectLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What containers are started with: objects by lookup, files by digest."""

    present: LocalObjects
    files: ConfigFiles
    signed: SignedFiles
    inputs: PodInputs
    profile_fault: Callable[[str, bytes], str]
    """Why a seccomp profile is not what was signed; empty: it is, or nobody asks."""


def build_configuration(ground: Ground, table: Callable[[], PodTable], gates: NodeGates) -> Configuration:
    """Build what pods are started with; `table` is asked when it runs."""
    present = LocalObjects()

    def refused(path: str, why: str) -> None:
        text = f"{path}: {why}; what runs with it goes on, and is not restarted for it"
        ground.recorder.node_event("HostFileRefused", text, warning=True)

    files = ConfigFiles(lambda: (path for pod in _effective(table()) for path in config_files(pod)), ground.clock)
    signed = SignedFiles(files, gates.host_file_fault, refused)
    return Configuration(
        present=present,
        files=files,
        signed=signed,
        inputs=PodInputs(present, signed),
        profile_fault=gates.profile_fault,
    )


def _effective(table: PodTable) -> Iterator[v1.Pod]:
    for session in table.sessions():
        if (revision := session.revision(session.record.effective)) is not None:
            yield revision.pod


def build_objects(ground: Ground, configuration: Configuration, table: PodTable, verifier: Verifier) -> ObjectParts:
    """Build the parts; nothing runs yet. `verifier` sees each look before anything of it is decoded."""
    settings, present, files = ground.settings, configuration.present, configuration.files
    board = Board(table, ground.recorder, OBJECTS, FileActs(ground.auditor, lambda _: False))
    directory = None if settings.objects is None else _directory(ground, settings.objects, present)
    limits = settings.objects or SourceSettings(path=settings.paths.state)
    decoder = Decoder(settings.node.name, settings.strict, limits, Content.OBJECTS)
    loop = ObjectLoop(
        directory, decoder, present, ground.stores.local_objects, table, board, ground.recorder, ground.clock, verifier
    )

    def changed(keys: frozenset[ObjectKey]) -> None:
        for session in table.sessions():
            effective = session.revision(session.record.effective)
            if effective is not None and not keys.isdisjoint(shown_in_volumes(effective.pod)):
                session.outdated = True
            if any(not keys.isdisjoint(references(one.pod)) for one in session.revisions.values()):
                table.retry(session.uid)

    def touched(paths: frozenset[str]) -> None:
        for session in table.sessions():
            if any(not paths.isdisjoint(config_files(one.pod)) for one in session.revisions.values()):
                table.wake(session.uid)

    present.on_change(changed)
    files.on_change = touched
    signed = configuration.signed
    return ObjectParts(present=present, files=files, signed=signed, directory=directory, board=board, loop=loop)


def _directory(ground: Ground, settings: SourceSettings, present: LocalObjects) -> DirectorySource:
    return DirectorySource(
        watched(ground, settings),
        ground.clock,
        known_identity=ground.stores.facts.get(OBJECTS_DIRECTORY),
        known_at=ground.stores.facts.get(OBJECTS_PATH),
        expected=lambda: {one.file for one in present.held.values() if not one.gone},
        accept=ground.settings.hints.accept,
    )


async def load_objects(ground: Ground, present: LocalObjects) -> None:
    """Bring back the objects of the last agent; what is corrupt is set aside and told."""
    loaded = await ground.stores.local_objects.load()
    present.take({one.key: one for one in loaded.objects})
    for corrupt in loaded.corrupt:
        ground.recorder.node_event("StateCorrupt", corrupt.sentence, warning=True)
