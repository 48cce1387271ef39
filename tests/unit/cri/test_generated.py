"""The generated message classes are what the .proto files say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_committed_modules_are_current() -> None:
    spec = importlib.util.spec_from_file_location("generate_cri", ROOT / "tools" / "generate_cri.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.differences() == []
