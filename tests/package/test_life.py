"""The package is installed, upgraded, removed and purged in Debian 12 and 13, below a root of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.vm.images import guest_system
from tests.support.vm.recipe import NAMES, Recipe

HERE = Path(__file__).parent
SECONDS = 400
BELOW = """
set -eu
# In namespaces of its own: every mount and process is gone with the last of these.
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount --rbind /sys "$1/root/sys"
# Of cgroups the machine's own are used, but for the second hierarchy of a mixed one: no pod needs it here.
unified="$1/root/sys/fs/cgroup/unified"
[ ! -d "$unified" ] || mount -t tmpfs none "$unified"
# A runtime cannot keep its file systems on an overlay; and what systemd leaves in /run is the machine's.
mount -t tmpfs none "$1/root/run"
mkdir "$1/library"
cp -a "$2/var/lib/." "$1/library"
mount --bind "$1/library" "$1/root/var/lib"
ip link set lo up
cp "$3"/* "$1/root/tmp"
exec chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash "/tmp/$4" /tmp/old.deb /tmp/new.deb "$5"
"""
NAMESPACES = ("--mount", "--propagation=private", "--net", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture(scope="session")
def luggage(package: Path, newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is below /tmp there."""
    directory = tmp_path_factory.mktemp("luggage")
    for path, name in ((package, "old.deb"), (newer, "new.deb"), *((path, path.name) for path in HERE.glob("*.sh"))):
        (directory / name).write_bytes(path.read_bytes())
    build_busybox_image(directory / "busybox.tar", BUSYBOX_IMAGE)
    return directory


@pytest.mark.root
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", ["life.sh", "pods.sh"])
@pytest.mark.parametrize("release", NAMES)
def test_the_life_of_the_package(release: str, script: str, luggage: Path, tmp_path: Path) -> None:
    system = guest_system(Recipe(release=release))
    done = subprocess.run(
        ["unshare", *NAMESPACES, "sh", "-c", BELOW, "sh", tmp_path, system, luggage, script, BUSYBOX_IMAGE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
