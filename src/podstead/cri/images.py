"""Calls about images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri import convert, methods, observe
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.calls import Calls
from podstead.cri.errors import CallError, pull_fault
from podstead.state.runtime import ImageFileSystem

if TYPE_CHECKING:
    from podstead.state.runtime import Image, RegistryAuth, SandboxRequest


class ImageCalls(Calls):
    """Images: list, look, pull, remove, disk use."""

    async def images(self) -> list[Image]:
        """Return every image the runtime holds."""
        reply = await self._call(methods.LIST_IMAGES, pb.ListImagesRequest(), "list images")
        return [observe.image_of(i) for i in reply.images]

    async def image(self, reference: str) -> Image | None:
        """Return the image known under a tag, digest or id; None when there is none."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=reference))
        reply = await self._call(methods.IMAGE_STATUS, request, f"look for image {reference!r}")
        return observe.image_of(reply.image) if reply.HasField("image") and reply.image.id else None

    async def pull_image(
        self, reference: str, auth: RegistryAuth | None = None, sandbox: SandboxRequest | None = None
    ) -> str:
        """Pull an image and return the runtime's reference to it; there is no deadline, cancel the task instead.

        Raises NotFoundFault when the registry has none, RuntimeFault naming the host that was tried and the cause.
        """
        request = pb.PullImageRequest(image=pb.ImageSpec(image=reference, user_specified_image=reference))
        if auth is not None:
            request.auth.CopyFrom(convert.auth_config(auth))
        if sandbox is not None:
            request.sandbox_config.CopyFrom(convert.sandbox_config(sandbox))
        try:
            reply = await self._transport.unary(methods.PULL_IMAGE, request, None)
        except CallError as error:
            raise pull_fault(error, reference, methods.PULL_IMAGE.reason) from error
        return reply.image_ref

    async def remove_image(self, reference: str) -> None:
        """Remove an image with *all* its tags (foundation 23); an unknown one is no error."""
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=reference))
        await self._call(methods.REMOVE_IMAGE, request, f"remove image {reference!r}")

    async def image_fs(self) -> ImageFileSystem:
        """Return what images use on disk, and where."""
        reply = await self._call(methods.IMAGE_FS_INFO, pb.ImageFsInfoRequest(), "ask for the disk use of images")
        found = list(reply.image_filesystems)
        return ImageFileSystem(
            used_bytes=sum(fs.used_bytes.value for fs in found),
            path=next((fs.fs_id.mountpoint for fs in found if fs.fs_id.mountpoint), ""),
        )
