"""Every package says what it is for, and every room which rule it keeps."""

from __future__ import annotations

import ast
import configparser
import re

import pytest

from .tree import PACKAGE, ROOT, name, sources

PACKAGES = sorted(path for path in PACKAGE.rglob("__init__.py"))
ROOMS = sorted(path for path in PACKAGE.glob("*/__init__.py"))


def docstring(package: str) -> str:
    tree = ast.parse((ROOT / package).read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


@pytest.mark.parametrize("package", [name(p) for p in PACKAGES])
def test_a_package_says_what_it_is_for(package: str) -> None:
    assert len(docstring(package).split()) >= 8


@pytest.mark.parametrize("room", [name(p) for p in ROOMS])
def test_a_room_states_its_rule(room: str) -> None:
    """What it does is one sentence; the rule is at least another: what must not be here, whom it may know."""
    sentences = re.split(r"[.:;](?:\s|$)", docstring(room))
    assert len([s for s in sentences if s.strip()]) >= 2, docstring(room)


def test_pure_rooms_say_so() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    pure = contracts["importlinter:contract:pure"]["source_modules"].split()
    rooms = [PACKAGE / module.removeprefix("podstead.") / "__init__.py" for module in pure]
    packages = [room for room in rooms if room.exists()]
    assert len(packages) >= 6
    for room in packages:
        assert re.search(r"\b[Pp]ure\b|No clock", docstring(name(room))), room


def test_every_module_says_what_it_is_for() -> None:
    silent = [name(p) for p in sources("src") if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []
