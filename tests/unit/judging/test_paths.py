"""What paths of the node lead to: links, gaps and circles."""

from __future__ import annotations

from pathlib import Path

import pytest

from podstead.judging.paths import resolve
from podstead.policy.host_paths import covers


def covered(prefix: Path, path: Path) -> bool:
    return covers(str(prefix), str(path), {str(one): resolve(str(one)) for one in (prefix, path)})


def test_steps_are_the_directories_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    found = resolve(f"{tmp_path}/a/./b/")
    assert found.real == f"{tmp_path.resolve()}/a/b"
    assert found.missing == ()
    assert [step.inode for step in found.steps[-2:]] == [(tmp_path / p).stat().st_ino for p in ("a", "a/b")]
    assert found.steps[0].inode == Path("/").stat().st_ino
    assert found.steps[-1].mount > 0


@pytest.mark.attack("swapped-host-path")
def test_a_link_out_of_a_prefix_is_not_covered(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "up").symlink_to("../secret")
    (tmp_path / "in").symlink_to("allowed")
    prefix = tmp_path / "allowed"
    assert not covered(prefix, prefix / "out")
    assert not covered(prefix, prefix / "up" / "deeper")
    assert covered(prefix, prefix / "new" / "deeper")
    assert covered(prefix, tmp_path / "in" / "new")
    assert not covered(prefix, tmp_path / "allowed-too")


def test_a_prefix_that_is_not_there_yet_is_compared_by_name_below_what_is(tmp_path: Path) -> None:
    assert covered(tmp_path / "later" / "data", tmp_path / "later" / "data" / "x")
    assert not covered(tmp_path / "later" / "data", tmp_path / "later" / "other")
    assert not covered(tmp_path / "later" / "data", tmp_path / "later")


def test_a_circle_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many links"):
        resolve(f"{tmp_path}/a")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("/etc/../etc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (f"{tmp_path}/l", f"{tmp_path}/none/x", "/"):
        resolve(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
