"""Images of a simulated runtime, and the registries they can be pulled from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code

if TYPE_CHECKING:
    from collections.abc import Callable


def full_reference(reference: str) -> str:
    """Return a reference as containerd writes it: `busybox` is `docker.io/library/busybox:latest`."""
    first, slash, rest = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif "." not in first and ":" not in first and first != "localhost":
        reference = f"docker.io/{reference}"
    elif first == "docker.io" and "/" not in rest:
        reference = f"docker.io/library/{rest}"
    return reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"


def make_image(reference: str, *, user: int | None = None, username: str = "", size: int = 1 << 20) -> pb.Image:
    """Return an image known by this tag, whose id is made from it; it names no user unless one is given."""
    name = full_reference(reference)
    digest = hashlib.sha256(name.encode()).hexdigest()
    image = pb.Image(
        id=f"sha256:{digest}",
        repo_tags=[name],
        repo_digests=[f"{name.rpartition(':')[0]}@sha256:{digest}"],
        size=size,
        username=username,
    )
    if user is not None:
        image.uid.value = user
    return image


class ImageStore:
    """What is present, what can be pulled, and what a registry says instead of answering."""

    def __init__(self) -> None:
        self._present: dict[str, pb.Image] = {}
        self.registry: dict[str, pb.Image] = {}
        """What can be pulled, by full reference."""
        self.credentials: dict[str, tuple[str, str]] = {}
        """User and password that a pull needs, by full reference."""
        self.errors: dict[str, CallError] = {}
        """What a pull fails with, by full reference."""
        self.pulls: list[str] = []
        """Full references of all pulls that were asked for, in their order."""

    def add(self, image: pb.Image) -> None:
        """Make an image present."""
        self._present[image.id] = image

    def offer(self, image: pb.Image) -> None:
        """Make an image pullable by its tags and digests."""
        self.registry.update(dict.fromkeys((*image.repo_tags, *image.repo_digests), image))

    def find(self, reference: str) -> pb.Image | None:
        """Return the image known by a tag, a digest, an id, or an id without its prefix."""
        wanted = {reference, f"sha256:{reference}"}
        try:
            wanted.add(full_reference(reference))
        except ValueError:
            return None
        matches: Callable[[pb.Image], bool] = lambda i: bool(wanted & {i.id, *i.repo_tags, *i.repo_digests})  # noqa: E731 - read once, below
        return next((i for i in self._present.values() if matches(i)), None)

    def list(self, request: pb.ListImagesRequest) -> pb.ListImagesResponse:
        """ListImages."""
        wanted = request.filter.image.image
        if not wanted:
            return pb.ListImagesResponse(images=self._present.values())
        found = self.find(wanted)
        return pb.ListImagesResponse(images=[found] if found else [])

    def status(self, request: pb.ImageStatusRequest) -> pb.ImageStatusResponse:
        """ImageStatus: an empty message for an unknown image."""
        return pb.ImageStatusResponse(image=self.find(request.image.image))

    def pull(self, request: pb.PullImageRequest) -> pb.PullImageResponse:
        """PullImage."""
        name = full_reference(request.image.image)
        self.pulls.append(name)
        if name in self.errors:
            raise self.errors[name]
        needed = self.credentials.get(name)
        if needed is not None and needed != (request.auth.username, request.auth.password):
            text = f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": '
            raise CallError(
                Code.UNKNOWN, text + "pulling from host failed with status code [manifests]: 401 Unauthorized"
            )
        image = self.registry.get(name)
        if image is None:
            text = f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {name}: not found'
            raise CallError(Code.NOT_FOUND, f"rpc error: code = NotFound desc = {text}")
        self.add(image)
        return pb.PullImageResponse(image_ref=image.id)

    def remove(self, request: pb.RemoveImageRequest) -> pb.RemoveImageResponse:
        """RemoveImage: all tags of the image go (foundation 23); an unknown one is no error."""
        image = self.find(request.image.image)
        if image is not None:
            del self._present[image.id]
        return pb.RemoveImageResponse()

    def fs_info(self, _: pb.ImageFsInfoRequest) -> pb.ImageFsInfoResponse:
        """ImageFsInfo."""
        used = pb.UInt64Value(value=sum(i.size for i in self._present.values()))
        return pb.ImageFsInfoResponse(image_filesystems=[pb.FilesystemUsage(used_bytes=used)])
