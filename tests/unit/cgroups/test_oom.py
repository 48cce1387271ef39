"""The OOM killer's counts, as memory.events shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
from podstead.cgroups.oom import OomKills
from podstead.cgroups.tree import CgroupTree

if TYPE_CHECKING:
    from pathlib import Path


def events(mount: Path, path: str, *, processes: int, groups: int | None) -> None:
    directory = mount / path.lstrip("/")
    directory.mkdir(parents=True, exist_ok=True)
    more = "" if groups is None else f"oom_group_kill {groups}\n"
    (directory / "memory.events").write_text(f"low 0\nmax 31\noom 2\noom_kill {processes}\n{more}")


def kills(mount: Path) -> OomKills:
    return OomKills(CgroupTree("/podstead-x", Hierarchies(trees=(Hierarchy(mount=mount, unified=True),))))


def test_each_container_that_was_killed_as_a_whole_is_told_once(tmp_path: Path) -> None:
    counts = kills(tmp_path)
    assert counts.take("a") is False
    events(tmp_path, "/podstead-x/burstable/poda", processes=7, groups=2)
    assert [counts.take("a") for _ in range(4)] == [True, True, False, False]
    assert counts.take("b") is False
    events(tmp_path, "/podstead-x/burstable/poda", processes=8, groups=3)
    assert [counts.take("a"), counts.take("a")] == [True, False]


def test_killed_processes_are_told_as_one(tmp_path: Path) -> None:
    counts = kills(tmp_path)
    events(tmp_path, "/podstead-x/poda", processes=3, groups=0)
    assert [counts.take("a"), counts.take("a")] == [True, False]
    events(tmp_path, "/podstead-x/podold", processes=1, groups=None)  # before Linux 5.17
    assert [counts.take("old"), counts.take("old")] == [True, False]


def test_what_was_counted_before_the_agent_is_nobodys_end_now(tmp_path: Path) -> None:
    events(tmp_path, "/podstead-x/poda", processes=4, groups=4)
    counts = kills(tmp_path)
    assert counts.take("a") is False
    events(tmp_path, "/podstead-x/poda", processes=5, groups=5)
    assert counts.take("a") is True


def test_a_later_pod_begins_at_nothing(tmp_path: Path) -> None:
    counts = kills(tmp_path)
    events(tmp_path, "/podstead-x/poda", processes=1, groups=1)
    assert counts.take("a") is True
    counts.forget("a")
    assert counts.take("a") is True  # the same counts in a cgroup that was made anew


def test_v1_is_not_counted(tmp_path: Path) -> None:
    events(tmp_path, "/podstead-x/poda", processes=1, groups=1)
    v1 = Hierarchies(trees=(Hierarchy(mount=tmp_path, controllers=frozenset({"memory"})),))
    assert OomKills(CgroupTree("/podstead-x", v1)).take("a") is False
