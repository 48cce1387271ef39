"""`python -m deb`: build the Debian package. Two builds of one commit are equal, byte by byte."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from email.utils import formatdate
from pathlib import Path

from deb.bundle import BuildError, fetch
from deb.control import MAINTAINER, TRIGGERS, conffiles, control_text, digests
from deb.tree import fill, settle
from podstead import __version__

PROJECT = Path(__file__).resolve().parent.parent
SCRIPTS = PROJECT / "deb" / "maintainer"
BUILD_SECONDS = 900


def build(output: Path, version: str, epoch: int, cache: Path) -> Path:
    """Build the package into a directory and return its path; raises BuildError."""
    architecture = _said("dpkg", "--print-architecture")
    wheels = fetch(PROJECT / "locks" / "runtime.txt", cache / architecture, architecture)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="podstead-deb-") as work:
        tree = Path(work) / "tree"
        fill(tree, PROJECT, wheels, time.strftime("%F", time.gmtime(epoch)), _changelog(version, epoch))
        control = tree / "DEBIAN"
        scripts = [Path(shutil.copy(script, control / script.name)) for script in _scripts(control)]
        (control / "conffiles").write_text(conffiles(tree))
        (control / "triggers").write_text(TRIGGERS)
        (control / "md5sums").write_text(digests(tree))
        (control / "control").write_text(control_text(version, architecture, _kibibytes(tree)))
        settle(tree, scripts)
        package = output / f"podstead_{version}_{architecture}.deb"
        # What is newer than the source was made by this build: dpkg-deb dates it back (SOURCE_DATE_EPOCH).
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
        command = ("dpkg-deb", "--root-owner-group", "-Zxz", "-z9", "--build", str(tree), str(package))
        _said(*command, environment=environment)
    return package


def _scripts(control: Path) -> list[Path]:
    control.mkdir()
    return sorted(path for path in SCRIPTS.iterdir() if path.name in {"postinst", "prerm", "postrm"})


def _kibibytes(tree: Path) -> int:
    """Return the installed size as policy counts it: each file in whole KiB, each directory and link one."""
    sizes = [path.stat().st_size if path.is_file() and not path.is_symlink() else 1 for path in tree.rglob("*")]
    return sum(-(-size // 1024) for size in sizes)


def _changelog(version: str, epoch: int) -> str:
    return (
        f"podstead ({version}) unstable; urgency=medium\n\n"
        "  * What is new in each release stands in the project's CHANGELOG.md.\n\n"
        f" -- {MAINTAINER}  {formatdate(epoch)}\n"
    )


def _epoch() -> int:
    """Return the time that the files are dated by: what the environment says, else the commit's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH", ""):
        return int(given)
    try:
        return int(_said("git", "-C", str(PROJECT), "log", "-1", "--format=%ct"))
    except BuildError:  # a source archive: its youngest file
        return int(max(path.stat().st_mtime for path in (PROJECT / "src").rglob("*.py")))


def _said(*command: str, environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False, env=environment
        )
    except FileNotFoundError as error:
        raise BuildError(f"the program {command[0]} is missing: install the Debian package dpkg-dev or git") from error
    if done.returncode != 0:
        raise BuildError(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def main() -> int:
    """Read the flags and build."""
    parser = argparse.ArgumentParser(prog="python -m deb", description="Build the Debian package.")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist", help="directory of the package (dist)")
    parser.add_argument("--version", default=__version__, help="version of the package (the product's)")
    parser.add_argument("--cache", type=Path, default=PROJECT / "build" / "wheels", help="where wheels are kept")
    given = parser.parse_args()
    if not re.fullmatch(r"[0-9][A-Za-z0-9.+~]*", given.version):
        parser.error(f"{given.version!r} is no version of a Debian package")
    try:
        print(build(given.output, given.version, _epoch(), given.cache))
    except BuildError as error:
        print(f"deb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
