"""Manual pages: whole, in ASCII, and without a word of complaint from what formats them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from podstead.cli.main import COMMANDS
from podstead.cli.manual import pages
from podstead.cli.run_flags import run_options

if TYPE_CHECKING:
    from pathlib import Path

PAGES = {page.name: page for page in pages("2026-01-31")}


def test_every_command_has_its_page_with_every_flag() -> None:
    assert set(PAGES) == {"podstead", "podstead.conf", *(f"podstead-{entry.name}" for entry in COMMANDS)}
    for entry in COMMANDS:
        text = PAGES[f"podstead-{entry.name}"].text.replace("\\-", "-")
        options = run_options() if entry.name == "run" else entry.load().all_options
        assert [option.name for option in options if f"\\fB--{option.name}\\fR" not in text] == []
        assert f"({PAGES[f'podstead-{entry.name}'].section})" in PAGES["podstead"].text


def test_pages_are_made_alike_each_time_and_of_ascii() -> None:
    assert pages("2026-01-31") == tuple(PAGES.values())
    assert [page.name for page in PAGES.values() if not page.text.isascii()] == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("mandoc", "-T", "lint", "-W", "warning"), marks=pytest.mark.program("mandoc"), id="mandoc"),
        pytest.param(("groff", "-man", "-Tutf8", "-ww", "-z"), marks=pytest.mark.program("groff"), id="groff"),
    ],
)
def test_formatters_have_nothing_to_say(command: tuple[str, ...], tmp_path: Path) -> None:
    for page in PAGES.values():
        (tmp_path / f"{page.name}.{page.section}").write_text(page.text)
    for path in sorted(tmp_path.iterdir()):
        done = subprocess.run([*command, path], capture_output=True, text=True, check=False, timeout=30)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), path.name


@pytest.mark.program("mandoc")
def test_what_is_read_is_what_is_typed(tmp_path: Path) -> None:
    """Hyphens can be copied from the page, and examples keep their form."""
    page = tmp_path / "page"
    page.write_text(PAGES["podstead-apply"].text)
    shown = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=120", page], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    plain = shown.replace("_\b", "")
    assert "sed s/web:1/web:2/ web.yaml | podstead apply -f - --wait=30s" in plain
