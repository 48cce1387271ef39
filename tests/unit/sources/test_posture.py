"""Who may write where secrets lie, and the command that mends each fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.sources import posture
from podstead.sources.place import PlaceFault, open_place
from podstead.sources.posture import inspect_owned, judge_place
from tests.unit.sources.viewer import Viewer, settings

if TYPE_CHECKING:
    from pathlib import Path


def judged(path: Path) -> None:
    place = open_place(path, was_single=False)
    try:
        judge_place(place)
    finally:
        place.close()


def test_a_directory_of_its_owner_below_a_sticky_one_is_fine(manifests: Path) -> None:
    judged(manifests)


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_directory_that_others_may_write_is_refused(manifests: Path, mode: int) -> None:
    manifests.chmod(mode)
    with pytest.raises(
        PlaceFault, match=rf"can be written by others than root \(mode {mode:04o}\); run: chmod go-w {manifests}"
    ):
        judged(manifests)


def test_a_directory_above_it_too(manifests: Path) -> None:
    manifests.parent.chmod(0o777)
    with pytest.raises(PlaceFault, match=f"run: chmod go-w {manifests.parent}$"):
        judged(manifests)
    manifests.parent.chmod(0o1777)
    judged(manifests)


def test_somebody_elses_directory_is_refused(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posture, "_trusted", lambda _: False)
    with pytest.raises(PlaceFault, match=f"run: chown root {manifests}$"):
        judged(manifests)


async def test_files_are_judged_by_owner_and_mode(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("good.yaml", 0o640), ("group.yaml", 0o660), ("world.yaml", 0o602)):
        (manifests / name).write_text("x")
        (manifests / name).chmod(mode)
    async with Viewer(settings(manifests), inspect=inspect_owned) as viewer:
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
        monkeypatch.setattr(posture, "_trusted", lambda _: False)
        (manifests / "good.yaml").write_text("y")
        snapshot = await viewer.until(lambda seen: seen.files[0].reason == "NotOwnedByRoot")
        assert snapshot.files[0].message.endswith(f"chown root:root {manifests}/good.yaml")
        assert snapshot.files[0].data is None
