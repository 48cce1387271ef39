"""What is generated is what its generator would write now; the CRI's messages have their own test in tests/unit/cri."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .tree import PACKAGE, ROOT, tool


def test_the_pod_model_is_current() -> None:
    made = tool("generate_core_v1").generate()
    formatted = subprocess.run(
        [Path(sys.executable).parent / "ruff", "format", "-q", "--stdin-filename", "core_v1.py", "-"],
        cwd=ROOT, input=made, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert (PACKAGE / "k8s" / "core_v1.py").read_text(encoding="utf-8") == formatted


def test_the_generated_documents_are_current() -> None:
    """Run `make generate` when this fails."""
    documents = tool("generate_docs").documents()
    assert ROOT / "docs" / "restart-table.md" in documents
    for path, text in documents.items():
        assert path.read_text(encoding="utf-8") == text, path


def test_make_generate_runs_every_generator() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    for program in (ROOT / "tools").glob("generate_*.py"):
        assert f"tools/{program.name}" in recipe
