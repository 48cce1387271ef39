"""Imports image archives into the private containerd, through CRI's PullImage and a registry of our own.

For each name the route `certs.d/HOST/hosts.toml` leads to the loopback registry only during that pull (foundation 6),
and the id that the runtime reports is compared with the archive's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.containerd.image_archive import ArchivedImage, read_archive
from podstead.containerd.import_server import ImportServer
from podstead.containerd.reference import TaggedName, parse_tagged_name
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from podstead.containerd.registry_hosts import RegistryHosts


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedImage:
    """What came into the runtime."""

    names: tuple[str, ...]
    """Full names with tags."""
    id: str
    """Digest of the image's configuration, as the runtime reports it."""
    digest: str
    """Digest of the manifest or index."""


class ImageImporter:
    """Imports one archive at a time: two imports under one host would take each other's route."""

    def __init__(self, hosts: RegistryHosts, *, net_namespace: Path | None = None) -> None:
        self._hosts = hosts
        self._net_namespace = net_namespace
        """containerd's network namespace, whose loopback the registry must be on; None: our own."""
        self._one_at_a_time = asyncio.Lock()

    async def import_image(
        self, tar: Path, *, pull: Callable[[str], Awaitable[str]], names: Sequence[str] | None = None
    ) -> tuple[ImportedImage, ...]:
        """Import the images of an OCI or `docker save` archive; with `names`, its only image under these.

        `pull` is CRI's PullImage without credentials: it takes a full name and returns the image's id.

        Raises:
            OperatorError: the archive is none, is damaged, has no name and none was given, or has several images
                and `names` cannot mean them all; or the runtime reports another image than the archive's.
            RuntimeFault: `pull` failed.
        """
        images = await asyncio.to_thread(read_archive, tar)
        if names is not None and len(images) != 1:
            raise OperatorError(f"cannot import {tar} under a given name: it holds {len(images)} images")
        wanted = [(image, _names_for(tar, image, names)) for image in images]
        async with self._one_at_a_time:
            return tuple([await self._import_one(tar, image, full, pull) for image, full in wanted])

    async def _import_one(
        self, tar: Path, image: ArchivedImage, names: tuple[TaggedName, ...], pull: Callable[[str], Awaitable[str]]
    ) -> ImportedImage:
        with tar.open("rb") as archive:
            async with ImportServer(image, archive).serving(self._net_namespace) as url:
                for name in names:
                    async with self._hosts.importing(name.host, url):
                        pulled = await pull(str(name))
                    if pulled != image.id:
                        raise OperatorError(
                            f"cannot import {tar} as {name}: the runtime now holds {pulled} under this name, "
                            f"the archive has {image.id}; another registry answered for it, so import again"
                        )
        return ImportedImage(names=tuple(str(name) for name in names), id=image.id, digest=image.target.digest)


def _names_for(tar: Path, image: ArchivedImage, names: Sequence[str] | None) -> tuple[TaggedName, ...]:
    given = tuple(names) if names is not None else image.names
    if not given:
        raise OperatorError(f"cannot import {tar}: its image has no name; give one, such as docker.io/library/NAME:TAG")
    return tuple(dict.fromkeys(parse_tagged_name(name) for name in given))
