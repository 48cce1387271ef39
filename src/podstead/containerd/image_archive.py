"""Reads image archives: OCI layouts in a tar, and what `docker save` writes. Nothing is unpacked.

Every document that we read ourselves is checked against its digest; containerd checks the layers, which it reads.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from podstead.containerd.archive_members import ArchiveMembers, unreadable
from podstead.containerd.oci_image import (
    CONFIG_TYPE,
    IMAGE_NAME,
    INDEX_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    REF_NAME,
    machine_architecture,
)
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

INDEX_TYPES = frozenset({INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFEST_TYPES = frozenset({MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json"})
MAX_INDEX_DEPTH = 2
"""buildx nests one index in the layout's own; deeper ones are nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A content-addressed piece: in memory, or `size` bytes of the archive from `offset` on."""

    digest: str
    size: int
    media_type: str
    content: bytes | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedImage:
    """One image of an archive, ready to be served."""

    id: str
    """Digest of the configuration: the image's id in every runtime."""
    target: Blob
    """The manifest or index by which the image is pulled."""
    names: tuple[str, ...]
    """Names that the archive itself gives."""
    blobs: tuple[Blob, ...]
    """Everything reachable from `target` that the archive holds, `target` included."""


class _Platform(msgspec.Struct, kw_only=True):
    architecture: str = ""
    os: str = ""

    def fits(self) -> bool:
        """Tell whether this machine runs it; archives without a word on it are taken as they are."""
        return self.os in {"", "linux"} and self.architecture in {"", machine_architecture()}


class _Descriptor(msgspec.Struct, kw_only=True, rename="camel"):
    digest: str
    size: int
    media_type: str = ""
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None

    @property
    def path(self) -> str:
        return f"blobs/{self.digest.replace(':', '/', 1)}"


class _Index(msgspec.Struct, kw_only=True):
    manifests: tuple[_Descriptor, ...]


class _Manifest(msgspec.Struct, kw_only=True):
    config: _Descriptor
    layers: tuple[_Descriptor, ...] = ()


class _Typed(msgspec.Struct, kw_only=True, rename="camel"):
    media_type: str = ""


class _DockerEntry(msgspec.Struct, kw_only=True, rename="pascal"):
    config: str
    layers: tuple[str, ...] = ()
    repo_tags: tuple[str, ...] | None = None


class _RootFS(msgspec.Struct, kw_only=True):
    diff_ids: tuple[str, ...] = ()


class _Config(_Platform, kw_only=True):
    rootfs: _RootFS = msgspec.field(default_factory=_RootFS)


for _kind in (_Config, _Descriptor, _Index, _Manifest, _Typed, tuple[_DockerEntry, ...]):
    # Archives are read in threads, and threads in which msgspec meets a type for the first time at once crash the process.
    msgspec.json.Decoder(_kind)


def read_archive(path: Path) -> tuple[ArchivedImage, ...]:
    """Return the images of an archive that this machine can run; at least one.

    Raises:
        OperatorError: the file is no image archive, is damaged, or holds no image for this machine.
    """
    try:
        with tarfile.open(path, mode="r:") as tar:
            members = ArchiveMembers(path, tar)
            if members.has("index.json"):
                images = _oci_images(members)
            elif members.has("manifest.json"):
                images = _docker_images(members)
            else:
                raise members.refusal(
                    "it is a tar, but no image (neither index.json nor manifest.json is in it); "
                    "write one with 'docker save' or 'skopeo copy'"
                )
    except (OSError, tarfile.TarError, EOFError) as error:
        raise unreadable(path, error) from error
    if not images:
        raise OperatorError(f"cannot import {path}: it holds no image for linux/{machine_architecture()}")
    return images


def _oci_images(members: ArchiveMembers) -> tuple[ArchivedImage, ...]:
    index = members.decode("index.json", members.document("index.json"), _Index)
    found: dict[str, ArchivedImage] = {}
    for descriptor in index.manifests:
        names = _annotated_names(descriptor)
        if (known := found.get(descriptor.digest)) is not None:
            found[descriptor.digest] = replace(known, names=(*known.names, *names))
            continue
        blobs: dict[str, Blob] = {}
        image_id = _collect(members, descriptor, blobs, depth=0)
        if image_id is not None:
            found[descriptor.digest] = ArchivedImage(
                id=image_id, target=blobs[descriptor.digest], names=names, blobs=tuple(blobs.values())
            )
    return tuple(found.values())


def _annotated_names(descriptor: _Descriptor) -> tuple[str, ...]:
    annotations = descriptor.annotations or {}
    name = annotations.get(IMAGE_NAME) or annotations.get(REF_NAME, "")
    # A bare tag ("latest") is no name: whoever imports must give one.
    return (name,) if "/" in name or ":" in name else ()


def _collect(members: ArchiveMembers, descriptor: _Descriptor, blobs: dict[str, Blob], *, depth: int) -> str | None:
    """Add what is reachable to `blobs`; return the id of this machine's image, or None if there is none."""
    content = _checked_document(members, descriptor)
    kind = descriptor.media_type or members.decode(descriptor.digest, content, _Typed).media_type
    if kind in INDEX_TYPES:
        return _collect_index(members, _in_memory(kind, content), blobs, depth=depth)
    if kind not in MANIFEST_TYPES:
        return None
    manifest = members.decode(descriptor.digest, content, _Manifest)
    config = _checked_document(members, manifest.config)
    if not members.decode(manifest.config.digest, config, _Platform).fits():
        return None
    for blob in (_in_memory(kind, content), _in_memory(manifest.config.media_type, config)):
        blobs[blob.digest] = blob
    for layer in manifest.layers:
        file = members.file(layer.path)
        if file.size != layer.size:
            raise members.refusal(f"its layer {layer.digest} has {file.size} bytes instead of {layer.size}")
        blobs[layer.digest] = Blob(
            digest=layer.digest, size=layer.size, media_type=layer.media_type, offset=file.offset_data
        )
    return manifest.config.digest


def _collect_index(members: ArchiveMembers, index: Blob, blobs: dict[str, Blob], *, depth: int) -> str | None:
    if depth >= MAX_INDEX_DEPTH:
        raise members.refusal("its indexes are nested too deeply")
    blobs[index.digest] = index
    image_id = None
    for child in members.decode(index.digest, index.content or b"", _Index).manifests:
        # Archives often name platforms whose blobs they leave out.
        if members.has(child.path) and (child.platform is None or child.platform.fits()):
            found = _collect(members, child, blobs, depth=depth + 1)
            image_id = image_id or found
    return image_id


def _docker_images(members: ArchiveMembers) -> tuple[ArchivedImage, ...]:
    entries = members.decode("manifest.json", members.document("manifest.json"), tuple[_DockerEntry, ...])
    images = (_docker_image(members, entry) for entry in entries)
    return tuple(image for image in images if image is not None)


def _docker_image(members: ArchiveMembers, entry: _DockerEntry) -> ArchivedImage | None:
    content = members.document(entry.config)
    config = members.decode(entry.config, content, _Config)
    if not config.fits():
        return None
    layers = [_hashed_layer(members, name) for name in entry.layers]
    if tuple(layer.digest for layer in layers) != config.rootfs.diff_ids:
        raise members.refusal("its layers are not those that its configuration names")
    described = _in_memory(CONFIG_TYPE, content)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": described.digest, "size": described.size},
        "layers": [{"mediaType": LAYER_TYPE, "digest": one.digest, "size": one.size} for one in layers],
    }
    target = _in_memory(MANIFEST_TYPE, json.dumps(manifest, separators=(",", ":")).encode())
    blobs = {blob.digest: blob for blob in (target, described, *layers)}
    return ArchivedImage(id=described.digest, target=target, names=entry.repo_tags or (), blobs=tuple(blobs.values()))


def _hashed_layer(members: ArchiveMembers, name: str) -> Blob:
    file = members.file(name)
    hashed = hashlib.sha256()
    for chunk in members.chunks(file):
        hashed.update(chunk)
    digest = f"sha256:{hashed.hexdigest()}"
    return Blob(digest=digest, size=file.size, media_type=LAYER_TYPE, offset=file.offset_data)


def _checked_document(members: ArchiveMembers, descriptor: _Descriptor) -> bytes:
    content = members.document(descriptor.path)
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != descriptor.digest:
        raise members.refusal(f"its blob {descriptor.digest} is damaged")
    return content


def _in_memory(media_type: str, content: bytes) -> Blob:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Blob(digest=digest, size=len(content), media_type=media_type, content=content)
