"""OCI test images from this machine's own programs: no registry is reachable from tests."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

from podstead.containerd.oci_image import BuiltImage, ImageConfig, ImageFile, layer_from_files, write_image

BUSYBOX = Path("/usr/bin/busybox")
"""Debian's busybox-static."""
BUSYBOX_IMAGE = "docker.io/library/busybox:1.36"
"""The name under which the test image is known; what is inside is Debian's version."""


def busybox_applets() -> list[str]:
    """Return the commands that this busybox has."""
    return subprocess.run([str(BUSYBOX), "--list"], capture_output=True, check=True, text=True).stdout.split()


def busybox_files() -> list[ImageFile]:
    """Return a small root file system: /bin/busybox with a link for each applet, /tmp, /etc/passwd, www/index.html."""
    links = [
        ImageFile(path=f"bin/{name}", link="busybox") for name in busybox_applets() if name not in {"busybox", "["}
    ]
    return [
        ImageFile(path="bin/busybox", content=BUSYBOX.read_bytes(), mode=0o755),
        *links,
        ImageFile(path="etc/group", content=b"root:x:0:\nnobody:x:65534:\n"),
        ImageFile(path="etc/passwd", content=b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
        ImageFile(path="tmp", directory=True, mode=0o1777),
        ImageFile(path="www/index.html", content=b"podstead test\n"),
    ]


def build_busybox_image(
    target: Path,
    *names: str,
    config: ImageConfig | None = None,
    extra: tuple[ImageFile, ...] = (),
) -> BuiltImage:
    """Write a busybox image as an OCI archive, with a shell as its command; other names or content make other images."""
    layer = layer_from_files([*busybox_files(), *extra])
    chosen = config or ImageConfig(cmd=("/bin/sh",), env=("PATH=/bin",))
    return write_image(target, layer=io.BytesIO(layer), config=chosen, names=names or (BUSYBOX_IMAGE,))
