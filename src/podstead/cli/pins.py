"""Image references bound to the digests that they have: in a file that names them, or in the agent's own store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient
from podstead.cli.resources import IMAGES
from podstead.cli.signatures import read_content
from podstead.errors import OperatorError, PodsteadError
from podstead.k8s.containers import all_containers
from podstead.k8s.image_reference import ImageReference, InvalidReference, parse
from podstead.k8s.text import printable
from podstead.manifest.read import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class _Image(msgspec.Struct):
    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()


class _Images(msgspec.Struct):
    items: list[_Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What was found: digests by reference, and the references that nobody knew. `why`: the agent could not be asked."""

    found: Mapping[str, str]
    missing: tuple[str, ...] = ()
    why: str = ""


def images_of(manifests: Iterable[bytes]) -> tuple[str, ...]:
    """Return the image references of manifests as they are written, each once."""
    named: set[str | None] = set()
    for data in manifests:
        for pod in read_manifest(data, node_name="node", local_objects=True).pods:
            spec = pod.pod.spec
            if spec is None:
                continue
            named.update(container.image for container in all_containers(spec))
            named.update(volume.image.reference for volume in spec.volumes if volume.image is not None)
    return tuple(sorted(name for name in named if name))


def resolve(references: Iterable[str], *, file: Path | None, socket: Path) -> Pins:
    """Return the digests of references: the one that a reference names itself, else the file's, else the agent's image's."""
    known = _of_file(file) if file is not None else {}
    found: dict[str, str] = {}
    left: list[str] = []
    for reference in references:
        parsed = parse(reference)
        digest = parsed.digest if isinstance(parsed, ImageReference) else ""
        if digest := digest or known.get(reference, "") or known.get(str(parsed), ""):
            found[reference] = digest
        else:
            left.append(reference)
    if not left:
        return Pins(found=found)
    try:
        images = decode(AgentClient(socket).get(IMAGES.path()), _Images).items
    except PodsteadError as error:
        return Pins(found=found, missing=tuple(left), why=str(error))
    held = {reference: digest for reference in left if (digest := _of_images(reference, images))}
    return Pins(found={**found, **held}, missing=tuple(one for one in left if one not in held))


def _of_images(reference: str, images: Iterable[_Image]) -> str:
    """Return the digest of the image that a reference names: its registry's, or its id where no registry gave one."""
    parsed = parse(reference)
    if isinstance(parsed, InvalidReference):
        return ""
    repository = f"{parsed.host}/{parsed.path}"
    for image in images:
        if str(parsed) not in map(_full, image.tags):
            continue
        for one in image.digests:
            name, _, digest = one.partition("@")
            if _full(name).rpartition(":")[0] == repository:
                return digest
        return image.id if image.id.startswith("sha256:") else f"sha256:{image.id}"
    return ""


def _full(text: str) -> str:
    return str(parse(text)) if isinstance(parse(text), ImageReference) else text


def _of_file(path: Path) -> Mapping[str, str]:
    """Return a file's lines `REFERENCE DIGEST`. Raises OperatorError."""
    known: dict[str, str] = {}
    for number, line in enumerate(read_content(str(path)).decode(errors="replace").split("\n"), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not words[1].startswith("sha256:") or len(words[1]) != 71:
            raise OperatorError(f"{path}:{number}: a reference and its digest are due, as in: mysql:8.0 sha256:…")
        if known.setdefault(words[0], words[1]) != words[1]:
            raise OperatorError(f"{path}:{number}: {printable(words[0])} stands here with another digest than before")
    return known
