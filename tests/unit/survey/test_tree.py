"""Files below a root, links followed within it."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from podstead.inspection.seen import Kind
from podstead.survey.tree import Tree
from tests.support.inspected import put

if TYPE_CHECKING:
    from pathlib import Path


def test_links_stay_within_the_root(tmp_path: Path) -> None:
    put(tmp_path, "/real/dir/file", "x")
    (tmp_path / "link").symlink_to("/real")
    (tmp_path / "real/up").symlink_to("../../../../link/dir")
    (tmp_path / "out").symlink_to("/etc/passwd")
    tree = Tree(tmp_path)
    found = tree.resolve("/link/up/file")
    assert (found.real, found.links) == ("/real/dir/file", ("/link", "/real/up", "/link"))
    assert tree.look("/out").kind is Kind.MISSING, "the root has no /etc/passwd, whatever this machine has"
    assert tree.real("/link/not/there") == "/real/not/there"
    assert tree.real("/link/../real") == "/real"


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    tree = Tree(tmp_path)
    assert tree.look("/a").kind is Kind.UNREADABLE
    with pytest.raises(OSError, match=r"[Ss]ymbolic"):
        tree.resolve("/a/x")


def test_what_stands_at_a_path(tmp_path: Path) -> None:
    put(tmp_path, "/file", "hello", 0o640)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    tree = Tree(tmp_path)
    for path, target in (("/file", ""), ("/link", "file")):
        seen = tree.look(path)
        assert (seen.kind, seen.mode, seen.uid, seen.owner, seen.target, seen.data) == (
            Kind.FILE, 0o640, 0, "root:root", target, b"hello",
        )  # fmt: skip
        assert seen.digest == hashlib.sha256(b"hello").hexdigest()
    assert [tree.look(path).kind for path in ("/fifo", "/", "/none")] == [Kind.FIFO, Kind.DIRECTORY, Kind.MISSING]
    assert [one.path for one in tree.way("/file")] == ["/"]
    assert tree.names("/") == ("fifo", "file", "link")
