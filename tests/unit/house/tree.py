"""The repository as its own tests see it: its files, without what git ignores or hides."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "podstead"
SHARED = ("src", "tests", "tools", "demo", "bench", "docs", "locks")
GENERATED = (PACKAGE / "k8s" / "core_v1.py", PACKAGE / "cri" / "_pb")


def files(*tops: str) -> Iterator[Path]:
    """Yield the files below these directories of the repository, and, without any given, of all with its top's own."""
    if not tops:
        yield from (p for p in sorted(ROOT.iterdir()) if p.is_file())
    for top in tops or SHARED:
        yield from (p for p in sorted((ROOT / top).rglob("*")) if p.is_file() and "__pycache__" not in p.parts)


def sources(*tops: str) -> Iterator[Path]:
    """Yield the Python files below these directories that people write."""
    for path in files(*tops):
        if path.suffix == ".py" and not any(path.is_relative_to(made) for made in GENERATED):
            yield path


def text(path: Path) -> str:
    """Return a file as text; what is no text has none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def name(path: Path) -> str:
    """Return a path as messages show it."""
    return str(path.relative_to(ROOT))


def tool(file: str) -> ModuleType:
    """Import a program of tools/."""
    spec = importlib.util.spec_from_file_location(file, ROOT / "tools" / f"{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
