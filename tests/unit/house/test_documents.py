"""Documents that people look things up in: each is found from the README, and lists what there is."""

from __future__ import annotations

import re

from podstead.k8s.annotations import AUTHORS

from .tree import ROOT, text

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_every_document_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall(text(ROOT / "README.md")))
    there = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert there - linked == set()


def test_no_link_leads_nowhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.name, link) for page in pages for link in LINK.findall(text(page)) if not (page.parent / link).exists()
    ]
    assert broken == []


def test_no_table_is_torn_apart() -> None:
    """A row after an empty line is no row any more but text, unless a header follows."""
    torn = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        lines = text(page).splitlines()
        for before, row, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
            if row.startswith("|") and not before.startswith("|") and not after.startswith("|-"):
                torn.append((page.name, row[:40]))
    assert torn == []


def test_every_annotation_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", text(ROOT / "docs" / "annotations.md"), re.MULTILINE)
    assert sorted(rows) == sorted(AUTHORS)
