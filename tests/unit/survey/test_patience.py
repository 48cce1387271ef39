"""A path that does not answer is given up, and so is what lies with it; everything else is looked at."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.inspection.seen import Kind
from podstead.survey import patience
from podstead.survey.tree import Tree
from tests.support.inspected import put

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL = Path.lstat


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mount of whose files no status comes; its own status and names do."""
    back, made = threading.Event(), tmp_path / "dead"

    def lstat(path: Path) -> os.stat_result:
        if made in path.parents:
            back.wait(20)
        return REAL(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(patience, "_mount_of", lambda path: os.fsencode(made))
    yield made
    back.set()


def test_a_dead_file_system_is_waited_for_a_few_times(dead: Path, tmp_path: Path) -> None:
    for at in range(100):
        put(tmp_path, f"/dead/{at:03}", "x")
    put(tmp_path, "/alive/file", "x")
    (tmp_path / "alive/link").symlink_to("/dead/000")
    tree, begun = Tree(tmp_path), time.monotonic()
    found = [tree.look(f"/dead/{name}") for name in tree.names("/dead")]
    assert time.monotonic() - begun < 100 * 0.3 / 2, "not one after another"
    assert len(found) == 100
    assert {one.kind for one in found} == {Kind.UNREADABLE}
    assert [one.error for one in found] == ["it cannot be read: it did not answer within 0.3 s"] * 3 + [
        "it cannot be read: its file system did not answer before"
    ] * 97
    assert tree.look("/alive/link").kind is Kind.UNREADABLE, "a link is as dead as what it leads to"
    assert tree.look("/alive/file").data == b"x"
    assert set(tree.patience.silent) == {"/alive/link", *(one.path for one in found)}


def test_a_path_that_is_not_there_is_no_silence(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    assert tree.look("/nothing").kind is Kind.MISSING
    with pytest.raises(FileNotFoundError):
        tree.listed("/nothing")
    assert tree.patience.silent == {}
