"""docs/foundation.md: every rule has words, code that is there, and tests that are there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from .tree import ROOT, sources, text

RULES = 27
DOCUMENT = (ROOT / "docs" / "foundation.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A section of the document."""

    number: int
    words: str
    code: tuple[str, ...]
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.number)


def rules() -> list[Rule]:
    """Return the document's rules in its order."""
    found = []
    for section in re.split(r"(?m)^### ", DOCUMENT)[1:]:
        heading, _, rest = re.split(r"(?m)^## ", section)[0].partition("\n")
        lines = rest.splitlines()
        found.append(
            Rule(
                number=int(heading.partition(".")[0]),
                words=" ".join(line for line in lines if not line.startswith("- ")),
                code=tuple(name for line in lines if line.startswith("- Code: ") for name in quoted(line)),
                tests=tuple(name for line in lines if line.startswith("- Tests: ") for name in quoted(line)),
            )
        )
    return found


def quoted(line: str) -> list[str]:
    return re.findall(r"`([^`]+)`", line)


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of a file's tests; none where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    functions = (n for n in ast.walk(ast.parse(text(path))) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(n.name for n in functions if n.name.startswith("test_"))


def test_the_document_has_every_rule_once_and_in_order() -> None:
    assert [rule.number for rule in rules()] == list(range(1, RULES + 1))


@pytest.mark.parametrize("rule", rules(), ids=str)
def test_a_rule_has_words_code_and_tests(rule: Rule) -> None:
    assert len(rule.words.split()) >= 15
    assert rule.code
    assert [name for name in rule.code if not (ROOT / name).exists()] == []
    assert rule.tests
    missing = [name for name in rule.tests if name.partition("::")[2] not in names_in(name.partition("::")[0])]
    assert missing == []


def test_the_code_quotes_rules_that_are_there() -> None:
    numbers = set()
    for path in sources("src", "tests", "tools", "demo"):
        for quote in re.findall(r"foundation (\d+(?:(?:, | and )\d+)*)", text(path)):
            numbers |= {int(number) for number in re.findall(r"\d+", quote)}
    assert len(numbers) >= 15
    assert numbers <= {rule.number for rule in rules()}
