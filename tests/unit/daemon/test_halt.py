"""The end of an instance without its agent: what it must not touch. Pods of a private runtime: tests/real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
from podstead.config import paths_for
from podstead.daemon import halt
from podstead.errors import OperatorError
from podstead.store.instance import make_directories, open_instance

if TYPE_CHECKING:
    from pathlib import Path


def test_pods_of_a_runtime_that_only_the_agent_knows_keep_their_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, ended = paths_for(tmp_path / "root"), list[str]()
    make_directories(paths)
    instance = open_instance(paths, wall=0.0)
    cgroup = tmp_path / "cgroup" / f"podstead-{instance.short}" / "podu-1" / "c1"
    cgroup.mkdir(parents=True)
    (cgroup / "cgroup.procs").write_text("17\n")
    trees = Hierarchies(trees=(Hierarchy(mount=tmp_path / "cgroup", unified=True),))
    monkeypatch.setattr(halt, "read_hierarchies", lambda: trees)

    async def end_host(*_: object) -> None:
        ended.append("the host's")

    monkeypatch.setattr(halt, "end_host", end_host)
    with pytest.raises(OperatorError, match=r"container-runtime-endpoint.* start the agent"):
        halt.halt_instance(paths, ended.append)
    assert ended == []
    (cgroup / "cgroup.procs").write_text("")
    assert halt.halt_instance(paths, ended.append) == 0
    assert ended[0] == "the host's"
