"""The package is installed, upgraded, removed and purged in Debian 12 and 13, below a root of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.vm.images import guest_system
from tests.support.vm.recipe import NAMES, Recipe

LIFE = Path(__file__).parent / "life.sh"
SECONDS = 300
BELOW = """
set -eu
# In a mount namespace of its own: everything is gone with the last process.
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
[ -c "$1/root/dev/null" ] || mknod -m 666 "$1/root/dev/null" c 1 3
cp "$3" "$1/root/tmp/life.sh"
cp "$4" "$1/root/tmp/old.deb"
cp "$5" "$1/root/tmp/new.deb"
exec chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash /tmp/life.sh /tmp/old.deb /tmp/new.deb
"""


@pytest.mark.root
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("release", NAMES)
def test_the_life_of_the_package(release: str, package: Path, newer: Path, tmp_path: Path) -> None:
    words = [tmp_path, guest_system(Recipe(release=release)), LIFE, package, newer]
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--propagation=private",
            "--fork",
            "--pid",
            "--kill-child",
            "sh",
            "-c",
            BELOW,
            "sh",
            *words,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
