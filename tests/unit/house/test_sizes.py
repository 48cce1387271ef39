"""Budgets of size (STYLE.md): what outgrows them is two things, and is taken apart."""

from __future__ import annotations

import ast

from .tree import name, sources, text

FILE_LINES = 400
FUNCTION_LINES = 60


def test_files_stay_small() -> None:
    large = {name(p): lines for p in sources("src") if (lines := len(text(p).splitlines())) > FILE_LINES}
    assert large == {}


def test_functions_stay_small() -> None:
    large = {}
    for path in sources("src"):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    large[f"{name(path)}::{node.name}"] = lines
    assert large == {}
