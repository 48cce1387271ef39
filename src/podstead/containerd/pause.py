"""The sandbox (pause) image, built from this machine's catatonit: no registry is asked for it."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.containerd.oci_image import BuiltImage

REPOSITORY = "podstead.invalid/pause"
"""The domain `.invalid` is never delegated (RFC 2606): where the image is missing, no stranger's can be pulled."""

_ELF = b"\x7fELF"
_PT_INTERP = 3


def pause_image_name(catatonit: Path) -> str:
    """Return the image's name; its tag follows the program's content, so an update of it makes a new image.

    Raises:
        OperatorError: the program cannot be read.
    """
    return f"{REPOSITORY}:{hashlib.sha256(_read(catatonit)).hexdigest()[:12]}"


def build_pause_image(catatonit: Path, target: Path) -> BuiltImage:
    """Write the image as an OCI archive: one static program that waits (`catatonit -P`) and reaps orphans.

    Raises:
        OperatorError: the program cannot be read or is linked dynamically; the file cannot be written.
    """
    # Loaded here: the image is built once in the life of a root directory.
    from podstead.containerd.oci_image import ImageConfig, ImageFile, layer_from_files, write_image  # noqa: PLC0415 - see above

    program = _read(catatonit)
    if is_dynamic(program):
        raise OperatorError(
            f"cannot make the pause image: {catatonit} is dynamically linked; install the Debian package 'catatonit' "
            "or set --pod-infra-container-image"
        )
    layer = layer_from_files([ImageFile(path="catatonit", content=program, mode=0o755)])
    config = ImageConfig(entrypoint=("/catatonit", "-P"), labels={"org.opencontainers.image.title": "podstead pause"})
    return write_image(target, layer=io.BytesIO(layer), config=config, names=(pause_image_name(catatonit),))


def is_dynamic(program: bytes) -> bool:
    """Tell whether an ELF program asks for an interpreter (elf(5), PT_INTERP); what is no ELF file needs one too."""
    if program[:4] != _ELF:
        return True
    little = program[5] == 1
    wide = program[4] == 2

    def number(at: int, size: int) -> int:
        return int.from_bytes(program[at : at + size], "little" if little else "big")

    offset = number(32, 8) if wide else number(28, 4)
    size, count = (number(54, 2), number(56, 2)) if wide else (number(42, 2), number(44, 2))
    return any(number(offset + index * size, 4) == _PT_INTERP for index in range(count))


def _read(catatonit: Path) -> bytes:
    try:
        return catatonit.read_bytes()
    except OSError as error:
        raise OperatorError(f"cannot make the pause image from {catatonit}: {error.strerror}") from error
