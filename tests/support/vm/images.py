"""Makes the disks of guests from Debian's packages, and keeps them for later runs.

A disk is made in two steps, each kept by what it is made from: the installed system (mmdebstrap, a minute), and the
disk, which adds the project's locked `.venv` (half a minute). Only a run that makes something needs a package mirror.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.packages import read_package_source

from tests.support.debian import CACHE, LEFT_OUT
from tests.support.vm.recipe import GUEST_PROJECT, LOCKS, PYTHON, REPOSITORY, SETUP, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD_SECONDS = 1500
"""On a machine that does other things at the same time; 90 s alone."""
DISK_SIZE = "8G"
"""Sparse: what is written takes room."""
KEEP_SECONDS = 3 * 24 * 3600
"""An image that no run has used for so long is removed; other checkouts use the same cache."""
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What is mounted and started below the new root ends with the program, also when that is killed."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestImage:
    """A disk that is never written to, with the kernel that starts it."""

    recipe: Recipe
    directory: Path

    @property
    def disk(self) -> Path:
        """The raw disk, one ext4 file system."""
        return self.directory / "disk.raw"

    @property
    def kernel(self) -> Path:
        """The guest's own kernel."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The guest's own initial file system."""
        return self.directory / "initrd"


def guest_image(recipe: Recipe) -> GuestImage:
    """Return the recipe's image; make it if it is not there.

    Raises:
        AssertionError: with the last lines of the program that failed.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / f"vm-disk-{recipe.release}-{recipe.disk_key()}"
    with _alone(f"vm-{recipe.release}"):
        if not target.is_dir():
            _make_disk(recipe, _system(recipe), target)
        _note_use(target)
        _drop_unused()
    return GuestImage(recipe=recipe, directory=target)


def guest_system(recipe: Recipe) -> Path:
    """Return the recipe's installed system as a directory that is not to be written to; make it if it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(f"vm-{recipe.release}"):
        return _system(recipe)


def _system(recipe: Recipe) -> Path:
    target = CACHE / f"vm-system-{recipe.release}-{recipe.system_key()}"
    if not target.is_dir():
        source = read_package_source()
        with _working() as working:
            options = ('Apt::Install-Recommends "false"', 'Acquire::Check-Valid-Until "false"', *source.proxies)
            _run(
                *APART,
                *("env", f"TMPDIR={working}"),
                "mmdebstrap",
                "--variant=minbase",
                "--mode=root",
                f"--include={','.join(recipe.packages)}",
                *(f"--aptopt={option}" for option in options),
                *(f"--dpkgopt=path-exclude=/usr/{path}/*" for path in LEFT_OUT),
                f"--customize-hook={SETUP}",
                recipe.release,
                str(working / "root"),
                f"deb {source.mirror} {recipe.release} main",
            )
            (working / "root").rename(target)
    _note_use(target)
    return target


def _make_disk(recipe: Recipe, system: Path, target: Path) -> None:
    with _working() as working:
        root, made = working / "root", working / "made"
        _run("cp", "-a", "--reflink=auto", str(system), str(root))
        _add_environment(recipe, root, working / "wheels")
        made.mkdir(mode=0o755)
        for name in ("vmlinuz", "initrd"):
            shutil.copyfile(next((root / "boot").glob(f"{name}*")), made / name)
        _run("mkfs.ext4", "-q", "-L", "guest", "-d", str(root), str(made / "disk.raw"), DISK_SIZE)
        made.rename(target)


def _add_environment(recipe: Recipe, root: Path, wheels: Path) -> None:
    """Make `.venv` as tools/setup does, but by the guest's own Python and at this machine's speed.

    tools/setup finds it complete, by the same digest, and makes nothing again in the guest.
    """
    project = root / GUEST_PROJECT.lstrip("/")
    version = PYTHON[recipe.release]
    _run(
        *(str(REPOSITORY / ".venv/bin/python"), "-m", "pip", "download", "-q", "--require-hashes"),
        *("-r", str(REPOSITORY / "locks/dev.txt"), "--only-binary=:all:", f"--python-version={version}"),
        *("--implementation=cp", f"--abi=cp{version.replace('.', '')}", "--abi=abi3", "--abi=none"),
        *(f"--platform={platform}" for platform in (*PLATFORMS, "any")),
        f"--dest={wheels}",
    )
    shutil.copytree(wheels, project / "wheels")
    for name in (*LOCKS, "README.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, project / name)
    # An editable install: the sources come with the payload.
    (project / "src/podstead").mkdir(parents=True)
    (project / "src/podstead/__init__.py").touch()
    pip = ".venv/bin/python -m pip install -qq --disable-pip-version-check --no-index"
    script = f"""
    set -eu
    cd {GUEST_PROJECT}
    python3 -m venv .venv
    {pip} --find-links=wheels --require-hashes -r locks/dev.txt
    {pip} --no-deps --no-build-isolation -e .
    cat {" ".join(LOCKS)} | sha256sum | cut -d' ' -f1 >.venv/.locked
    rm -r wheels
    """
    _run(
        *APART, "chroot", str(root), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "sh", "-c", script
    )


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"cannot make a guest's disk: {command[0]} says\n{done.stderr[-2000:]}"


@contextlib.contextmanager
def _working() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vm-making-", dir=CACHE))
    try:
        directory.chmod(0o755)  # apt fetches as a user of its own
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let one run at a time make images; another finds them made."""
    descriptor = os.open(CACHE / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _note_use(target: Path) -> None:
    os.utime(target)


def _drop_unused() -> None:
    """Remove images of recipes that nobody has used for days, and what a killed run has left."""
    for path in CACHE.glob("vm-*"):
        # It may be another run's, which removes it at the same time.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > KEEP_SECONDS:  # noqa: TID251 - a file's own time
                shutil.rmtree(path)
