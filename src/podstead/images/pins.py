"""Images by what they are, whatever their tags say: a pin binds a reference to a digest. Pure.

A digest is that of the manifest that a registry gave, or, of an image that was imported, its id: the digest of its
configuration. `podstead sign --pin` writes the one that is there, and both are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import RuntimeFault
from podstead.k8s.image_reference import ImageReference, parse

if TYPE_CHECKING:
    from podstead.state.runtime import Image

MISMATCH = "ImageDigestMismatch"
"""The waiting reason of a container whose image is not the one that was signed."""


def bears(image: Image, digest: str) -> bool:
    """Return whether an image is the one of this digest."""
    return image.id == digest or any(one.partition("@")[2] == digest for one in image.digests)


def names_of_pin(reference: str, digest: str) -> tuple[str, ...]:
    """Return the names under which a runtime holds the image of a digest: its id, and the repository's own."""
    found = parse(reference)
    return (digest, f"{found.host}/{found.path}@{digest}") if isinstance(found, ImageReference) else (digest,)


def mismatch(reference: str, digest: str, seen: Image | None, why: str = "") -> RuntimeFault:
    """Return the fault of an image that is not the signed one, or not there at all."""
    now = f"{reference!r} is {seen.id} here" if seen is not None else f"{reference!r} is not here"
    cause = f" ({why})" if why else ""
    advice = f"import or pull the signed image, or sign the other one (podstead sign --index --pin){cause}"
    return RuntimeFault(f"the image was signed as {digest}, and {now}: {advice}", reason=MISMATCH)
