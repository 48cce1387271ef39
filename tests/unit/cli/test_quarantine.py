"""`podstead quarantine`, on files as an agent leaves them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from podstead.config.sources import SourceSettings
from podstead.sources.quarantine import Quarantined, cell_of, take

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell, Shell

HOSTILE = "a\x1b[2J.yaml"


def put_away(root: Path) -> Quarantined:
    """Put a file with a hostile name away."""
    directory = root / "manifests"
    directory.mkdir()
    (directory / HOSTILE).write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    what = Quarantined(
        id=f"20260101000000-{digest[:8]}",
        name=HOSTILE,
        path=str(directory / HOSTILE),
        digest=digest,
        size=1,
        owner="root",
        moved_at="2026-01-01T00:00:00Z",
        reason="Unsigned",
        message="nobody signed it",
    )
    take(SourceSettings(path=directory), cell_of(root), what)
    return what


def test_list_and_restore(local: LocalShell, tmp_path: Path) -> None:
    flag = f"--root-dir={tmp_path}"
    assert (local("quarantine", flag).code, local("quarantine", flag).err) == (0, "Nothing is in quarantine\n")
    what = put_away(tmp_path)
    heading, row = local("quarantine", "list", flag).out.splitlines()
    assert heading.split() == ["NAME", "FILE", "MOVED", "REASON", "WRITER"]
    assert row.split()[0] == what.id
    assert "\x1b" not in row
    assert "a\\x1b[2J.yaml" in row
    assert json.loads(local("quarantine", "-o", "json", flag).out)[0]["digest"] == what.digest
    assert local("quarantine", "restore", "none", flag).code == 1
    back = local("quarantine", "restore", what.id, flag)
    assert (back.code, "\x1b" in back.out) == (0, False)
    assert (tmp_path / "manifests" / HOSTILE).read_bytes() == b"x"
    assert local("quarantine", flag).err == "Nothing is in quarantine\n"


def test_what_cannot_be_meant(local: LocalShell, tmp_path: Path) -> None:
    flag = f"--root-dir={tmp_path}"
    for words, said in (
        (("lst",), "did you mean list?"),
        (("list", "x"), "takes no name"),
        (("restore",), "podstead quarantine restore NAME"),
    ):
        result = local("quarantine", *words, flag)
        assert (result.code, said in result.err) == (2, True)
    assert "--root-dir" in local("--socket=/x", "quarantine").err


async def test_an_agent_says_where_its_root_is(shell: Shell, tmp_path: Path) -> None:
    shell.node.agent.root = str(tmp_path)
    what = put_away(tmp_path)
    assert what.id in (await shell("quarantine")).out
    (tmp_path / "audit").mkdir()
    assert f"there is no record in {tmp_path}/audit" in (await shell("audit", "verify")).err
    shell.node.agent.root = ""
    assert "give --root-dir" in (await shell("audit")).err
