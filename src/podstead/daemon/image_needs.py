"""Which images must stay: those of revisions in use, of what runs, of sandboxes, and what is not ours (foundation 23).

Ours is what a private runtime holds, and on another's what was not there before this instance pulled it. What root
imported stays either way: it cannot be had again from anywhere.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.agent.means import pin_of
from podstead.errors import PodsteadError
from podstead.images.pins import names_of_pin
from podstead.images.retention import names_of
from podstead.k8s.image_reference import ImageReference, parse
from podstead.k8s.volumes import needed_images
from podstead.state.updates import in_use
from podstead.store.facts import IMPORTED_IMAGES, KNOWN_IMAGES, PULLED_IMAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

    from podstead.agent.pleg import Pleg
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.config.paths import Paths
    from podstead.daemon.ground import Ground
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.state.runtime import Image, RegistryAuth
    from podstead.store.facts import FactStore


class ImageLedger:
    """Where images came from, over restarts: ids that root imported, names that were first pulled by us."""

    def __init__(self, facts: FactStore) -> None:
        self._facts = facts
        self._changing = asyncio.Lock()

    def imported(self) -> frozenset[str]:
        """Return the ids that root imported."""
        return self._read(IMPORTED_IMAGES)

    def pulled(self) -> frozenset[str]:
        """Return the names of images that were not in the runtime before this instance pulled them."""
        return self._read(PULLED_IMAGES)

    async def note_imported(self, identifiers: Collection[str]) -> None:
        """Remember an import; raises StoreError."""
        async with self._changing:
            await self._write(IMPORTED_IMAGES, self.imported() | set(identifiers))

    async def note_pulled(self, name: str) -> None:
        """Remember a first pull; raises StoreError."""
        async with self._changing:
            await self._write(PULLED_IMAGES, self.pulled() | {name})

    def known(self) -> frozenset[str] | None:
        """Return the ids of images that came by this instance; None where nobody has counted them yet."""
        return None if self._facts.get(KNOWN_IMAGES) is None else self._read(KNOWN_IMAGES)

    async def note_known(self, identifiers: Collection[str], present: Collection[str] | None = None) -> None:
        """Remember images as ours, and forget those that are not `present` any more; raises StoreError."""
        async with self._changing:
            before = self._read(KNOWN_IMAGES)
            after = before | set(identifiers)
            after = after if present is None else after & (set(present) | set(identifiers))
            if after != before or self._facts.get(KNOWN_IMAGES) is None:
                await self._facts.put({KNOWN_IMAGES: json.dumps(sorted(after))})

    async def forget(self, image: Image) -> None:
        """Forget an image that was removed; raises StoreError."""
        async with self._changing:
            await self._write(IMPORTED_IMAGES, self.imported() - names_of(image))
            await self._write(PULLED_IMAGES, self.pulled() - names_of(image))

    def _read(self, fact: str) -> frozenset[str]:
        try:
            found = json.loads(self._facts.get(fact) or "[]")
        except ValueError:
            return frozenset()
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    async def _write(self, fact: str, names: frozenset[str] | set[str]) -> None:
        await self._facts.put({fact: json.dumps(sorted(names)) if names else None})


class NeededImages:
    """Answers what pods need."""

    def __init__(self, ground: Ground, table: Callable[[], PodTable], pleg: Pleg) -> None:
        self._ground = ground
        self._table = table
        self._pleg = pleg
        self.ledger = ImageLedger(ground.stores.facts)

    def names(self) -> frozenset[str]:
        """Return the names of everything that pods of ours need, and of what sandboxes are made of."""
        found = {name for session in self._table().sessions() for name in self._of(session)}
        running = self._ground.connection.running
        return frozenset(found | ({full_name(running.sandbox_image)} if running is not None else set()))

    def pods(self, names: Collection[str]) -> Sequence[str]:
        """Return the pods that need an image of these names."""
        wanted = frozenset(names)
        return sorted(str(s.key) for s in self._table().sessions() if not wanted.isdisjoint(self._of(s)))

    def is_sandbox_image(self, image: Image) -> bool:
        """Return whether every pod's sandbox is made of this image."""
        running = self._ground.connection.running
        return image.pinned or (running is not None and full_name(running.sandbox_image) in names_of(image))

    async def strangers(self) -> frozenset[str]:
        """Return what containers of others on the same runtime are made of; raises RuntimeFault."""
        if self._ground.connection.private is not None:
            return frozenset()
        containers = await self._ground.connection.client.containers()
        return frozenset(name for c in containers for name in (c.image_id, full_name(c.image)))

    def may_remove(self, image: Image) -> bool:
        """Return whether an image may be removed without anybody's asking for it."""
        if self.is_sandbox_image(image) or image.id in self.ledger.imported():
            return False
        return self._ground.connection.private is not None or (
            bool(image.tags) and self.ledger.pulled().issuperset(image.tags)
        )

    async def know_those_present(self, images: Sequence[Image]) -> None:
        """Take all images for known at the first count of an instance's life, and forget what is gone at every other."""
        present, known = {image.id for image in images}, self.ledger.known()
        try:
            if known is None:
                await self.ledger.note_known(present)
            elif known - present:
                await self.ledger.note_known((), present)
        except PodsteadError as error:
            self._ground.log.warning("it is not written down which images are known: %s", error)

    def known(self, images: Sequence[Image]) -> frozenset[str]:
        """Return the ids that need no explanation: pulled or imported by this instance, or what sandboxes are made of."""
        own = {image.id for image in images if self.is_sandbox_image(image)}
        return (self.ledger.known() or frozenset()) | self.ledger.imported() | own

    async def removed(self, image: Image) -> None:
        """Let no pod take an image for present that is there no more, and forget where it came from."""
        names = names_of(image)
        for session in self._table().sessions():
            gone = [name for name, found in session.images.items() if found in names or full_name(name) in names]
            for name in gone:
                del session.images[name]
        try:
            await self.ledger.forget(image)
        except PodsteadError as error:
            self._ground.log.warning("it is not written down that image %s was removed: %s", image.id, error)

    def _of(self, session: PodSession) -> Iterator[str]:
        """Yield the names of what a pod needs: by its manifests, as they were found, and as its containers say."""
        for identifier in in_use(session.record):
            revision = session.revision(identifier)
            for image in needed_images(revision.pod) if revision else ():
                yield from stored_names(image)
                if image in session.images:
                    yield session.images[image]
                if revision is not None and (pin := pin_of(revision, image)):
                    yield from names_of_pin(image, pin)
        for container in self._pleg.view(session.uid).containers:
            yield container.image_id
            yield from stored_names(container.image)


def noting_pull(ground: Ground, ledger: ImageLedger) -> Callable[[str, RegistryAuth | None], Awaitable[str]]:
    """Return the runtime's pull; on a runtime that is not ours alone it is noted what was not there before."""
    client = ground.connection.client

    async def known(reference: str, auth: RegistryAuth | None) -> str:
        identifier = await client.pull_image(reference, auth)
        try:
            await ledger.note_known([identifier])
        except PodsteadError as error:
            ground.log.warning("image %s will be taken for foreign, as its pull cannot be noted: %s", reference, error)
        return identifier

    if ground.connection.private is not None:
        return known

    async def pull(reference: str, auth: RegistryAuth | None) -> str:
        before = await client.image(reference)
        identifier = await client.pull_image(reference, auth)
        if before is None:
            try:
                await ledger.note_pulled(reference)
            except PodsteadError as error:
                ground.log.warning("image %s will not be collected, as its pull cannot be noted: %s", reference, error)
        return identifier

    return pull


async def image_directory(connection: RuntimeConnection, paths: Paths) -> Path | None:
    """Return where the runtime's images lie, None where that cannot be seen from here; raises RuntimeFault."""
    if connection.private is not None:
        return paths.containerd / "root"
    told = Path((await connection.client.image_fs()).path or "/nonexistent")
    return told if await asyncio.to_thread(told.is_dir) else None


def full_name(image: str) -> str:
    """Return an image's full reference; what is none, such as an id, is returned as it is."""
    reference = parse(image)
    return image if image.startswith("sha256:") or not isinstance(reference, ImageReference) else str(reference)


def stored_names(image: str) -> Iterator[str]:
    """Yield the names under which a runtime holds an image: of a tag with a digest it keeps the digest alone."""
    yield full_name(image)
    reference = parse(image)
    if isinstance(reference, ImageReference) and reference.tag and reference.digest:
        yield str(replace(reference, tag=""))
