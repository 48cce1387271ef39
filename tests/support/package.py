"""The Debian package, built by the project's own builder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
BUILD_SECONDS = 1000
"""The first build on a machine fetches the wheels; later ones take ten seconds."""


def build_package(output: Path, version: str = "", *, umask: int = 0o022, **environment: str) -> Path:
    """Build the package into a directory and return its path; equal calls give equal files."""
    done = subprocess.run(
        [sys.executable, "-m", "deb", f"--output={output}", *([f"--version={version}"] if version else [])],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
