"""Words that have no place here: marks of unfinished work, skipped tests, hosts and paths of one workplace."""

from __future__ import annotations

import re

import pytest

from .tree import ROOT, files, name, sources, text

# Each word is written in two halves, so that this file does not contain what it looks for.
UNFINISHED = re.compile(rf"\b(?:{'TO'}{'DO'}|{'FIX'}{'ME'}|{'XX'}{'X'})\b|{'NotImplemented'}{'Error'}")
SKIPS = re.compile(rf"pytest\.(?:mark\.)?(?:{'sk'}{'ip'}|{'xf'}{'ail'})|{'importor'}{'skip'}|unittest\.{'sk'}{'ip'}")
HOSTS = tuple(".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted"), ("registry", "npmjs")))
# The places that may skip: they fail where CI=true.
MAY_SKIP = {"tests/conftest.py", "tests/real/conftest.py", "tests/vm/conftest.py"}


def test_nothing_is_left_for_later() -> None:
    marked = {
        name(path): found
        for path in sources("src", "tests", "tools", "demo", "bench")
        if (found := sorted(set(UNFINISHED.findall(text(path)))))
    }
    assert marked == {}


def test_no_test_is_skipped() -> None:
    assert {name(path) for path in sources("tests") if SKIPS.search(text(path))} <= MAY_SKIP


@pytest.mark.parametrize("host", HOSTS)
def test_no_package_index_is_named(host: str) -> None:
    assert [name(path) for path in files() if host in text(path)] == []


def test_no_file_knows_where_the_repository_lies() -> None:
    here = str(ROOT)
    # A path of one part, as in a container's `/podstead`, is a word like any other.
    named = [name(path) for path in files() if len(ROOT.parts) > 2 and f"{here}/" in text(path)]
    assert named == []
