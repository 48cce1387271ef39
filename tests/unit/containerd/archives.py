"""Archives for tests: good ones in both formats, from few bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

from podstead.containerd.oci_image import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    ImageConfig,
    ImageFile,
    layer_from_files,
    write_image,
)

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.containerd.oci_image import BuiltImage

LAYER = layer_from_files([ImageFile(path="hello", content=b"hello " * 20_000)])


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def oci_archive(target: Path, *names: str, architecture: str = "") -> BuiltImage:
    config = ImageConfig(architecture=architecture) if architecture else ImageConfig()
    return write_image(target, layer=io.BytesIO(LAYER), config=config, names=names)


def members_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def write_tar(target: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(target, "w") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for name, to in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)
    return target


def docker_config(**changes: object) -> bytes:
    document = {"architecture": ImageConfig().architecture, "os": "linux", "rootfs": {"diff_ids": [digest(LAYER)] * 2}}
    return json.dumps(document | changes).encode()


def docker_archive(target: Path, *tags: str, config: bytes = b"") -> str:
    """Write what `docker save` writes, the second layer as a link to the first; return the image's id."""
    content = config or docker_config()
    name = f"{digest(content).removeprefix('sha256:')}.json"
    manifest = [{"Config": name, "RepoTags": list(tags) or None, "Layers": ["a/layer.tar", "b/layer.tar"]}]
    write_tar(
        target,
        {"manifest.json": json.dumps(manifest).encode(), name: content, "a/layer.tar": LAYER},
        {"b/layer.tar": "../a/layer.tar"},
    )
    return digest(content)


def nested_index(target: Path, source: Path, built: BuiltImage) -> str:
    """Write the image of `source` below an index of its own that names absent platforms; return its digest."""
    members = members_of(source)
    manifest = members[f"blobs/sha256/{built.manifest_digest.removeprefix('sha256:')}"]
    own = {"architecture": ImageConfig().architecture, "os": "linux"}
    entries = [
        {"digest": digest(b"absent"), "size": 6, "platform": {"architecture": "s390x", "os": "linux"}},
        {"digest": digest(b"attestation"), "size": 11, "platform": {"architecture": "unknown", "os": "unknown"}},
        {"digest": built.manifest_digest, "size": len(manifest), "platform": own},
    ]
    entries = [{"mediaType": MANIFEST_TYPE, **entry} for entry in entries]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}).encode()
    outer = {"manifests": [{"digest": digest(index), "size": len(index), "mediaType": INDEX_TYPE}]}
    members["index.json"] = json.dumps(outer).encode()
    members[f"blobs/sha256/{digest(index).removeprefix('sha256:')}"] = index
    write_tar(target, members)
    return digest(index)
