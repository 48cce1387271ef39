"""Builds OCI image archives from files with the standard library: the same input gives the same bytes.

The layout is that of the OCI Image Format Specification 1.0 (image-layout.md, manifest.md, config.md, layer.md):
one uncompressed layer, one configuration, one manifest, one index, in one tar.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
IMAGE_NAME = "io.containerd.image.name"
"""Annotation with the whole name; the one above holds the tag only, by the specification's letter."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""`uname -m` to GOARCH, which image configurations use; others have the same name in both."""

_CHUNK_BYTES = 1 << 20


def machine_architecture() -> str:
    """Return this machine's architecture in the words of image configurations."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One entry of the root file system: a regular file, or with `link` a symbolic link, or a directory."""

    path: str
    """Relative to the image's root, without a leading slash."""
    content: bytes = b""
    mode: int = 0o644
    link: str = ""
    directory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """How the image runs (config.md)."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    working_dir: str = ""
    user: str = ""
    volumes: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    architecture: str = field(default_factory=machine_architecture)

    def document(self, diff_id: str) -> dict[str, object]:
        """Return the configuration for a single layer."""
        runs: dict[str, object] = {
            "Entrypoint": list(self.entrypoint) or None,
            "Cmd": list(self.cmd) or None,
            "Env": list(self.env) or None,
            "WorkingDir": self.working_dir or None,
            "User": self.user or None,
            "Volumes": {path: {} for path in self.volumes} or None,
            "ExposedPorts": {port: {} for port in self.exposed_ports} or None,
            "StopSignal": self.stop_signal or None,
            "Labels": dict(self.labels) or None,
        }
        return {
            "architecture": self.architecture,
            "os": "linux",
            "config": {key: value for key, value in runs.items() if value is not None},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """What was written. `id` is the configuration's digest, by which a runtime knows the image."""

    id: str
    manifest_digest: str
    names: tuple[str, ...]


def layer_from_files(files: Iterable[ImageFile]) -> bytes:
    """Return a layer of the given entries, owned by root, dated 1970, with their parent directories."""
    buffer = io.BytesIO()
    seen: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in sorted(files, key=lambda one: one.path):
            for parent in _parents(file.path, seen):
                tar.addfile(_entry(parent, 0o755, kind=tarfile.DIRTYPE))
            if file.directory:
                seen.add(file.path)
                tar.addfile(_entry(file.path, file.mode, kind=tarfile.DIRTYPE))
            elif file.link:
                entry = _entry(file.path, 0o777, kind=tarfile.SYMTYPE)
                entry.linkname = file.link
                tar.addfile(entry)
            else:
                entry = _entry(file.path, file.mode)
                entry.size = len(file.content)
                tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def write_image(target: Path, *, layer: BinaryIO, config: ImageConfig, names: tuple[str, ...]) -> BuiltImage:
    """Write an OCI archive with one layer (a seekable, uncompressed tar) under the given full names, or under none.

    Raises:
        OperatorError: the file cannot be written.
    """
    diff_id, size = _digest(layer)
    config_bytes = _json(config.document(diff_id))
    manifest_bytes = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config_bytes),
            "layers": [{"mediaType": LAYER_TYPE, "digest": diff_id, "size": size}],
        }
    )
    manifest = _descriptor(MANIFEST_TYPE, manifest_bytes)
    index_bytes = _json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [
                {**manifest, "annotations": {IMAGE_NAME: name, REF_NAME: name.rpartition(":")[2]}} for name in names
            ]
            or [manifest],
        }
    )
    temporary = target.with_name(target.name + ".new")  # tarfile writes it part by part: `whole_files` takes bytes
    try:
        with tarfile.open(temporary, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add(tar, "index.json", index_bytes)
            for content in (config_bytes, manifest_bytes):
                _add(tar, f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content)
            entry = _entry(f"blobs/sha256/{diff_id.removeprefix('sha256:')}", 0o644)
            entry.size = size
            layer.seek(0)
            tar.addfile(entry, layer)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OperatorError(f"cannot write the image {target}: {error.strerror}") from error
    return BuiltImage(
        id=f"sha256:{hashlib.sha256(config_bytes).hexdigest()}",
        manifest_digest=f"sha256:{hashlib.sha256(manifest_bytes).hexdigest()}",
        names=names,
    )


def _parents(path: str, seen: set[str]) -> list[str]:
    """Return the directories above `path` that were not written yet, the highest first."""
    parts = path.split("/")[:-1]
    missing = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    missing = [name for name in missing if name not in seen]
    seen.update(missing)
    return missing


def _entry(path: str, mode: int, *, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.type, entry.mtime = mode, kind, 0
    return entry


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = _entry(path, 0o644)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }


def _digest(stream: BinaryIO) -> tuple[str, int]:
    """Return the digest and the length of a seekable stream."""
    stream.seek(0)
    hashed, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK_BYTES):
        hashed.update(chunk)
        size += len(chunk)
    return f"sha256:{hashed.hexdigest()}", size
