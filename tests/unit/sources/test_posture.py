"""Who may write where manifests and Secrets lie, and the command that mends each fault."""
# ruff: noqa: ASYNC240 - the test plays the attacker; its file operations take microseconds

from __future__ import annotations

import dataclasses
import errno
import os
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from podstead.sources import acl, opening, posture
from podstead.sources.place import PlaceFault, open_place
from podstead.sources.posture import place_faults
from podstead.state.sources import FileTrouble
from tests.unit.sources.viewer import Viewer, data_of, reason_of, settings

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.sources import SourceSettings

NOBODY = 65534
USER, OWN, GROUP, MASK, OTHER = 0x02, 0x01, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF


def judged(path: Path, *, single: bool = False) -> tuple[str, ...]:
    place = open_place(path, was_single=single)
    try:
        return place_faults(place)
    finally:
        place.close()


def lenient(path: Path) -> SourceSettings:
    return dataclasses.replace(settings(path), allow_insecure=True)


def acl_of(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def bob_writes() -> bytes:
    """An ACL that lets one user write, under modes that let nobody but the owner."""
    return acl_of((OWN, 7, NO_ID), (USER, 7, NOBODY), (0x04, 5, NO_ID), (MASK, 7, NO_ID), (OTHER, 5, NO_ID))


def test_a_directory_of_its_owner_below_a_sticky_one_is_fine(manifests: Path) -> None:
    assert judged(manifests) == ()


@pytest.mark.attack("writable-place")
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_directory_that_others_may_write_is_refused(manifests: Path, mode: int) -> None:
    manifests.chmod(mode)
    expected = f"{manifests} can be written by others than root (mode {mode:04o}); run: chmod go-w {manifests}"
    assert judged(manifests) == (expected,)


@pytest.mark.attack("writable-place")
def test_a_directory_above_it_too(manifests: Path) -> None:
    manifests.parent.chmod(0o775)
    (fault,) = judged(manifests)
    assert fault.endswith(f"run: chmod go-w {manifests.parent}")
    manifests.parent.chmod(0o1777)
    assert judged(manifests) == ()


@pytest.mark.root
def test_the_owner_of_a_sticky_directory_above_can_exchange_what_lies_in_it(manifests: Path) -> None:
    manifests.parent.chmod(0o1777)
    os.chown(manifests.parent, NOBODY, -1)
    assert [fault.rpartition("run: ")[2] for fault in judged(manifests)] == [f"chown root {manifests.parent}"]


def test_a_single_file_may_lie_in_a_sticky_directory(manifests: Path) -> None:
    manifests.chmod(0o1777)
    (manifests / "a.yaml").touch()
    assert judged(manifests / "a.yaml") == ()
    manifests.chmod(0o777)
    assert len(judged(manifests / "a.yaml")) == 1


def test_somebody_elses_directory_is_refused(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posture, "trusted", lambda _: False)
    assert judged(manifests)[0].endswith(f"run: chown root {manifests}")


@pytest.mark.attack("writable-place")
def test_an_acl_that_lets_a_user_write_counts(manifests: Path) -> None:
    os.setxattr(manifests, acl.ACCESS, bob_writes())
    assert judged(manifests) == (f"{manifests} can be written by nobody, by its ACL; run: setfacl -b {manifests}",)


@pytest.mark.attack("writable-place")
def test_a_default_acl_that_will_let_a_user_write_counts(manifests: Path) -> None:
    os.setxattr(manifests, acl.DEFAULT, bob_writes())
    expected = f"files made in {manifests} can be written by nobody, by its default ACL; run: setfacl -k {manifests}"
    assert judged(manifests) == (expected,)


def test_what_an_acl_masks_lets_nobody_write() -> None:
    masked = acl_of(
        (OWN, 7, NO_ID), (USER, 7, 1000), (0x04, 7, NO_ID), (GROUP, 7, 50), (MASK, 5, NO_ID), (OTHER, 4, NO_ID)
    )
    assert acl.parse(masked) == ()
    open_ = acl_of((OWN, 7, NO_ID), (0x04, 7, NO_ID), (GROUP, 7, 50), (MASK, 7, NO_ID), (OTHER, 6, NO_ID))
    assert [(one.kind, one.number) for one in acl.parse(open_)] == [("its group", -1), ("group", 50), ("everybody", -1)]
    for cut in range(len(open_)):
        acl.parse(open_[:cut])


@pytest.mark.attack("symbolic-link")
def test_no_part_of_the_path_may_be_a_link(manifests: Path) -> None:
    link = manifests.parent / "link"
    link.symlink_to(manifests.parent)
    with pytest.raises(PlaceFault, match=f"leads through {link}, which is a symbolic link: give {manifests} instead"):
        open_place(link / "manifests", was_single=None)
    with pytest.raises(PlaceFault, match=f"leads through {link}"):
        open_place(link / "manifests" / "a.yaml", was_single=True)
    place = open_place(link / "manifests", was_single=None, follow=True)
    place.close()
    assert place.directory == str(link / "manifests")


@pytest.fixture(params=["openat2", "older kernel"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With openat2 and without it."""
    if request.param == "older kernel":

        def absent(*_: object) -> int:
            raise OSError(errno.ENOSYS, "absent")

        monkeypatch.setattr(opening, "_openat2", absent)


@pytest.mark.usefixtures("kernel")
@pytest.mark.attack("symbolic-link")
def test_links_are_never_opened(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    (manifests / "link.yaml").symlink_to("a.yaml")
    above = manifests.parent / "above"
    above.symlink_to(manifests)
    directory = opening.open_without_links(manifests, os.O_RDONLY | os.O_DIRECTORY)
    try:
        descriptor = opening.open_beneath(directory, "a.yaml", os.O_RDONLY)
        assert os.read(descriptor, 9) == b"one"
        os.close(descriptor)
        with pytest.raises(OSError, match=r"\[Errno 40\]") as found:
            opening.open_beneath(directory, "link.yaml", os.O_RDONLY)
        assert found.value.errno == errno.ELOOP
        for path in (above, above / "a.yaml"):
            with pytest.raises(OSError, match=r"\[Errno 40\]") as found:
                opening.open_without_links(path, os.O_RDONLY)
            assert found.value.errno == errno.ELOOP
        with pytest.raises(FileNotFoundError):
            opening.open_beneath(directory, "none.yaml", os.O_RDONLY)
    finally:
        os.close(directory)


@pytest.mark.attack("writable-place")
async def test_files_are_judged_by_owner_and_mode(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("good.yaml", 0o640), ("group.yaml", 0o660), ("world.yaml", 0o602)):
        (manifests / name).write_text("x")
        (manifests / name).chmod(mode)
    async with Viewer(settings(manifests)) as viewer:
        snapshot = await viewer.until(
            lambda seen: len(seen.files) == 3 and all(f.reason != "BeingWritten" for f in seen.files)
        )
        found = {f.name: (f.reason, f.message.rpartition(": ")[2]) for f in snapshot.files}
        assert found == {
            "good.yaml": ("", ""),
            "group.yaml": ("WritableByOthers", f"chmod go-w {manifests}/group.yaml"),
            "world.yaml": ("WritableByOthers", f"chmod go-w {manifests}/world.yaml"),
        }
        assert [f.name for f in snapshot.files if f.data is not None] == ["good.yaml"]
        monkeypatch.setattr(posture, "file_fault", posture.file_fault)
        monkeypatch.setattr(posture, "trusted", lambda uid: uid == -1)
        monkeypatch.setattr("podstead.sources.looker.place_faults", lambda _: ())
        (manifests / "good.yaml").write_text("y")
        snapshot = await viewer.until(lambda seen: seen.files[0].reason == "NotOwnedByRoot")
        assert snapshot.files[0].message.endswith(f"chown root:root {manifests}/good.yaml")
        assert snapshot.files[0].data is None


@pytest.mark.attack("writable-place")
async def test_a_directory_that_becomes_writable_gives_nothing_new_and_takes_nothing_away(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        manifests.chmod(0o777)
        bad = await viewer.until(lambda snapshot: "chmod go-w" in (snapshot.degraded or ""))
        assert bad.files == ()
        (manifests / "a.yaml").unlink()
        (manifests / "planted.yaml").write_bytes(b"two")
        viewer.source.poke()
        await viewer.until(lambda snapshot: snapshot is not bad)
        manifests.chmod(0o755)
        assert not any(data_of(seen, "planted.yaml") for _, seen in viewer.seen)
        assert not viewer.ever_gone("a.yaml")


async def test_root_may_have_it_otherwise_and_is_warned(manifests: Path) -> None:
    manifests.chmod(0o777)
    (manifests / "a.yaml").write_bytes(b"one")
    (manifests / "a.yaml").chmod(0o666)
    async with Viewer(lenient(manifests)) as viewer:
        last = await viewer.content("a.yaml", b"one")
        assert last.degraded is None
        assert [warning.rpartition(": ")[2] for warning in last.files[0].warnings] == [
            f"chmod go-w {manifests}/a.yaml",
            f"chmod go-w {manifests}",
        ]
        assert [note.partition(" (")[0] for note in last.notes] == [f"{manifests} can be written by others than root"]
        assert last.notes[0].endswith("by --allow-insecure-manifests)")


@pytest.mark.root
@pytest.mark.attack("check-then-read", "symbolic-link", "hard-link", "rename")
async def test_while_others_swap_without_end_only_bytes_that_passed_are_given(manifests: Path) -> None:
    """A thread exchanges the file by every means that a directory gives while looks go on."""
    good, evil, outside = b"good", b"evil", manifests.parent / "outside"
    outside.write_bytes(evil)
    stop = threading.Event()

    def put(number: int) -> None:
        fresh = manifests / f".{number}"
        match number % 6:
            case 0 | 1:
                fresh.write_bytes(good)
            case 2:
                fresh.symlink_to(outside)
            case 3:
                os.link(outside, fresh)
            case 4:
                fresh.write_bytes(evil)
                fresh.chmod(0o666)
            case _:
                fresh.write_bytes(evil)
                os.chown(fresh, NOBODY, -1)
        fresh.rename(manifests / "a.yaml")

    def swap() -> None:
        number = 0
        while not stop.is_set():
            put(number)
            number += 1

    swapper = threading.Thread(target=swap)
    async with Viewer(settings(manifests, check_seconds=0.05)) as viewer:
        swapper.start()
        try:
            for _ in range(60):
                seen = len(viewer.seen)
                viewer.source.poke()
                await viewer.until(lambda _, seen=seen: len(viewer.seen) > seen)  # type: ignore[misc]
        finally:
            stop.set()
            swapper.join()
        put(0)
        await viewer.content("a.yaml", good)
    assert set(viewer.contents("a.yaml")) <= {good, None}
    reasons = {reason_of(snapshot, "a.yaml") for _, snapshot in viewer.seen}
    assert reasons & {"SymbolicLink", "HardLink", "WritableByOthers", "NotOwnedByRoot"}


@pytest.mark.root
@pytest.mark.attack("writable-place")
async def test_a_fifo_and_a_device_hold_up_nobody(manifests: Path) -> None:
    os.mkfifo(manifests / "a.yaml")
    os.mknod(manifests / "b.yaml", 0o600 | 0o020000, os.makedev(5, 0))
    (manifests / "z.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests)) as viewer:
        last = await viewer.content("z.yaml", b"one", seconds=5.0)
    assert {file.name: file.trouble for file in last.files} == {
        "a.yaml": FileTrouble.REFUSED,
        "b.yaml": FileTrouble.REFUSED,
        "z.yaml": None,
    }
