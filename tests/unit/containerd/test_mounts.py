from __future__ import annotations

from pathlib import Path

from podstead.containerd.mounts import mixed_cgroup2_mounts, mount_holding, parse_mountinfo

MIXED = """\
24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
40 24 254:0 /data/a\\040b /mnt/a\\040b rw shared:7 master:2 - ext4 /dev/vda rw
41 40 0:40 / /mnt/a\\040b rw - tmpfs tmpfs rw
42 24 0:4 mnt:[4026532] /run/pin rw - nsfs nsfs rw
not a line
"""


def test_lines_are_decoded_with_their_escapes() -> None:
    entries = parse_mountinfo(MIXED)
    assert len(entries) == 7
    assert entries[4].mount_point == Path("/mnt/a b")
    assert entries[4].root == "/data/a b"
    assert [entry.shared for entry in entries] == [False] * 4 + [True, False, False]
    assert entries[2].super_options == ("rw", "cpu")
    assert (entries[6].fs_type, entries[6].root) == ("nsfs", "mnt:[4026532]")


def test_a_path_lies_on_the_deepest_and_latest_mount() -> None:
    entries = parse_mountinfo(MIXED)
    assert mount_holding(Path("/mnt/a b/c"), entries) == entries[5]
    assert mount_holding(Path("/mnt/a"), entries) == entries[0]
    assert mount_holding(Path("/x"), ()) is None


def test_cgroup2_is_mixed_only_beside_v1_controllers() -> None:
    entries = parse_mountinfo(MIXED)
    assert mixed_cgroup2_mounts(entries) == (Path("/sys/fs/cgroup/unified"),)
    alone = tuple(entry for entry in entries if entry.fs_type != "cgroup")
    assert mixed_cgroup2_mounts(alone) == ()
