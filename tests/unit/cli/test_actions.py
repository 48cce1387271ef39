"""Images, stop-all, accept-directory and version."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from podstead import __version__
from podstead.cli.progress import ProgressLine, step_text
from tests.unit.cli.objects import fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell, Shell


async def test_images(shell: Shell) -> None:
    assert (await shell("image", "ls")).err == "No images found\n"
    fill(shell.node)
    listed = await shell("image", "ls")
    assert listed.out.splitlines() == [
        "IMAGE          ID             SIZE    IN USE",
        "mysql:5.7.39   0123456789ab   4.4MB   1",
    ]
    whole = json.loads((await shell("image", "ls", "-ojson")).out)
    assert whole["items"][0]["tags"] == ["mysql:5.7.39"]


async def test_a_pull_tells_its_progress(shell: Shell) -> None:
    result = await shell("image", "pull", "web:1")
    assert (result.code, result.out.splitlines()) == (0, ["asking for web:1", "downloading 50%", "pulled web:1"])
    failed = await shell("image", "pull", "missing:1")
    assert (failed.code, failed.err) == (1, "error: cannot pull image 'missing:1': registry.example does not know it\n")


async def test_import_and_remove(shell: Shell, tmp_path: Path) -> None:
    missing = await shell("image", "import", str(tmp_path / "no.tar"))
    assert (missing.code, "there is no such file" in missing.err) == (1, True)
    archive = tmp_path / "web.tar"
    archive.write_bytes(b"")
    assert (await shell("image", "import", str(archive))).out.splitlines()[-1] == f"imported {archive}"
    await shell("image", "pull", "library/web:1")
    assert (await shell("image", "rm", "library/web:1")).out == "removed library/web:1\n"
    assert (await shell("image", "rm", "library/web:1")).code == 1


@pytest.mark.parametrize(
    "words", [(), ("lst",), ("pull",), ("pull", "a", "b"), ("ls", "x"), ("ls", "-oname"), ("rm", "")]
)
async def test_wrong_image_commands(shell: Shell, words: tuple[str, ...]) -> None:
    result = await shell("image", *words)
    assert (result.code, len(result.err.splitlines())) == (2, 1)


def test_progress_goes_in_tenths() -> None:
    texts = [step_text(ProgressLine(type="Progress", message="x", current=n, total=200)) for n in (0, 19, 20, 199, 400)]
    assert texts == ["x 0%", "x 0%", "x 10%", "x 90%", "x 100%"]


async def test_stop_all_needs_a_yes(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    refused = await shell("stop-all")
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    done = await shell("stop-all", "--yes")
    assert (done.code, done.out.splitlines()) == (0, ["stopping default/mysql-node1", "all pods are stopped"])
    assert (await shell("stop-all", "mysql", "-y")).code == 2


def test_stop_all_without_an_agent_needs_a_root(local: LocalShell, tmp_path: Path) -> None:
    result = local("stop-all", "--yes", "--socket", str(tmp_path / "s"))
    assert (result.code, "--root-dir DIR" in result.err) == (1, True)


async def test_accept_directory(shell: Shell) -> None:
    result = await shell("accept-directory")
    assert (result.code, result.out, shell.node.agent.accepted) == (0, "2 pods will go\n", 1)


async def test_versions(shell: Shell) -> None:
    assert (await shell("version")).out == f"podstead {__version__}\nagent    0.1.0\n"
    both = json.loads((await shell("version", "-ojson")).out)
    assert both == {"client": {"version": __version__}, "agent": {"version": "0.1.0"}}


def test_version_without_an_agent(local: LocalShell, tmp_path: Path) -> None:
    result = local("version", "--root-dir", str(tmp_path))
    assert result.code == 0
    assert result.out.splitlines()[1].startswith(f"agent    unknown: no agent answers at {tmp_path}/podstead.sock")
