"""Programs from Debian's packages, unpacked beside this machine's own and kept for later runs."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from demo.packages import read_package_source

from podstead.containerd.oci_image import ImageConfig, write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CACHE = Path("/var/cache/podstead-tests")
"""Only the first run on a machine needs a package mirror."""
UNPACK_SECONDS = 300
C_LIBRARY = ("usr/lib/x86_64-linux-gnu", "usr/lib64")
LINKS = {"lib": "usr/lib", "lib64": "usr/lib64", "bin": "usr/bin"}
"""What a Debian of today has at its root (usrmerge); unpacked packages alone do not bring it."""
NO_LINKS: Mapping[str, str] = MappingProxyType({})
LINKER = Path("usr/lib64/ld-linux-x86-64.so.2")
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")
LEFT_OUT = ("share/doc", "share/man", "share/locale", "share/info", "share/i18n", "share/gocode")


def unpacked(
    name: str, packages: tuple[str, ...], *, release: str = "", finish: Callable[[Path, Path], None] | None = None
) -> Path:
    """Return a directory that holds these packages and what they depend on, unpacked and not set up.

    `release` is a code name, empty for this machine's own. `finish` is given the new directory and the place that it
    will have, before anybody sees it there.
    """
    chosen = release or platform.freedesktop_os_release()["VERSION_CODENAME"]
    key = hashlib.sha256(repr((packages, chosen, LEFT_OUT)).encode()).hexdigest()[:12]
    target = CACHE / f"{name}-{chosen}-{key}"
    if target.is_dir():
        return target
    source = read_package_source()
    CACHE.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
    try:
        working.chmod(0o755)  # apt fetches as a user of its own
        # A mirror may keep a snapshot of unstable for longer than its index is dated for; signatures are verified.
        options = ('Apt::Install-Recommends "false"', 'Acquire::Check-Valid-Until "false"', *source.proxies)
        command = [
            "mmdebstrap",
            "--variant=extract",
            f"--include={','.join(packages)}",
            *(f"--aptopt={option}" for option in options),
            *(f"--dpkgopt=path-exclude=/usr/{path}/*" for path in LEFT_OUT),
            chosen,
            str(working / "root"),
            f"deb {source.mirror} {chosen} main",
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=UNPACK_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"cannot unpack {', '.join(packages)} of Debian {chosen}:\n{done.stderr[-2000:]}"
        if finish is not None:
            finish(working / "root", target)
        if not target.is_dir():  # another run may have been quicker
            (working / "root").rename(target)
    finally:
        shutil.rmtree(working)
    return target


def tie(root: Path, place: Path, *programs: Path) -> None:
    """Tie programs below `root` to the C library that came with them, for the time when all of it is at `place`.

    Those of a release later than this machine's may want one that is newer. Package patchelf must be in `root`.
    """
    # An RPATH, unlike a RUNPATH, holds for the libraries of libraries as well.
    bound: list[str | Path] = ["--set-interpreter", place / LINKER, "--force-rpath", "--set-rpath", place / LIBRARIES]
    patch: list[str | Path] = [root / LINKER, "--library-path", root / LIBRARIES, root / "usr" / "bin" / "patchelf"]
    subprocess.run([*patch, *bound, *programs], check=True, capture_output=True, timeout=60 * len(programs))


def build_image(
    target: Path, root: Path, files: tuple[str, ...], name: str, links: Mapping[str, str] = NO_LINKS
) -> None:
    """Write an image of some of these files as an OCI archive; `links` are more symbolic links, by their path."""
    with tempfile.TemporaryFile() as layer:
        with tarfile.open(fileobj=layer, mode="w") as tar:
            for path in files:
                tar.add(root / path, path)
            for path, to in {**LINKS, **links}.items():
                link = tarfile.TarInfo(path)
                link.type, link.linkname = tarfile.SYMTYPE, to
                tar.addfile(link)
        layer.seek(0)
        write_image(target, layer=layer, config=ImageConfig(), names=(name,))
