"""The files of the package below one directory, as dpkg-deb packs them.

/usr/lib/podstead is a virtual environment made by hand: its interpreter is a link to Debian's, so that the agent's own
children (`sys.executable`) find the libraries too, and nothing of a user's or of /usr/local's is ever imported.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deb.bundle import PYTHONS, unpack
from deb.copyright import copyright_text
from podstead.cli.commands.completion import SHELLS, script
from podstead.cli.manual import pages
from podstead.systemd.units import MANIFESTS, OPTIONS_FILE, Programs, options_text, unit_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

HOME = "usr/lib/podstead"
LIBRARIES = f"{HOME}/site-packages"
PYTHON = Path("/usr/bin/python3")
PROGRAM = Path("/usr/bin/podstead")
LAUNCHER = f"""\
#!/{HOME}/bin/python3 -I
import sys

from podstead.cli.main import main

sys.exit(main())
"""
ENVIRONMENT = f"""\
home = {PYTHON.parent}
include-system-site-packages = false
"""
COMPLETION_PLACES = {
    "bash": "usr/share/bash-completion/completions/podstead",
    "zsh": "usr/share/zsh/vendor-completions/_podstead",
    "fish": "usr/share/fish/vendor_completions.d/podstead.fish",
}
UNITS = "usr/lib/systemd/system"
DOCUMENTS = "usr/share/doc/podstead"
PACKAGED_DOCUMENTS = (
    "README.md",
    "docs/systemd.md",
    "docs/annotations.md",
    "docs/objects.md",
    "docs/volumes.md",
    "docs/updates.md",
)
OVERRIDES = f"""\
# The interpreter is Debian's, by a link that makes the bundled libraries its own (docs/adr/0010-debian-package.md).
podstead: wrong-path-for-interpreter /{HOME}/bin/python3 != {PYTHON} [{PROGRAM.relative_to("/")}]
# Extension modules are, byte by byte, those of the wheels whose digests the project has pinned.
podstead: embedded-library libyaml [{LIBRARIES}/yaml/*]
podstead: unstripped-binary-or-object [{LIBRARIES}/*]
# Another python3 or podstead of the administrator's, in /usr/local/bin, is not what these scripts mean.
podstead: command-with-path-in-maintainer-script * (plain script) *
# A unit that failed is listed by systemd after it is gone until it is told to forget it, and only systemctl tells.
podstead: maintainer-script-calls-systemctl [postrm:*]
# Manifests hold passwords, and whoever writes them is root.
podstead: non-standard-dir-perm 0700 != 0755 [{MANIFESTS.relative_to("/")}/]
"""


def fill(tree: Path, project: Path, wheels: list[Path], date: str, changelog: str) -> None:
    """Write every file of the package but those of dpkg itself; `date` is printed in manual pages.

    Raises:
        BuildError: the libraries do not fit together.
    """
    libraries = unpack(wheels, tree / LIBRARIES)
    _copy_product(project / "src" / "podstead", tree / LIBRARIES / "podstead")
    for version in PYTHONS:
        _link(tree / HOME / "lib" / f"python{version}" / "site-packages", "../../site-packages")
    _link(tree / HOME / "bin" / "python3", f"../../../{PYTHON.relative_to('/usr')}")
    _write(tree, f"{HOME}/pyvenv.cfg", ENVIRONMENT)
    _write(tree, str(PROGRAM.relative_to("/")), LAUNCHER)
    for shell in SHELLS:
        _write(tree, COMPLETION_PLACES[shell], script(shell) + "\n")
    launcher = Path("/", LIBRARIES, "podstead", "containerd", "launch.py")
    for name, text in unit_texts(Programs(program=PROGRAM, python=PYTHON, launcher=launcher)).items():
        _write(tree, f"{UNITS}/{name}", text)
    _write(tree, str(OPTIONS_FILE.relative_to("/")), options_text())
    (tree / MANIFESTS.relative_to("/")).mkdir()
    for page in pages(date):
        _write_compressed(tree, f"usr/share/man/man{page.section}/{page.name}.{page.section}.gz", page.text)
    _write(tree, f"{DOCUMENTS}/copyright", copyright_text(libraries, LIBRARIES))
    _write_compressed(tree, f"{DOCUMENTS}/changelog.gz", changelog)
    for name in PACKAGED_DOCUMENTS:
        _write(tree, f"{DOCUMENTS}/{Path(name).name}", (project / name).read_text(encoding="utf-8"))
    _write(tree, "usr/share/lintian/overrides/podstead", OVERRIDES)


def settle(tree: Path, scripts: Iterable[Path]) -> None:
    """Give everything the mode that it has in the package, whatever the umask here; its owner is root in any case."""
    executables = {tree / PROGRAM.relative_to("/"), *scripts}
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in executables else 0o644)
    (tree / MANIFESTS.relative_to("/")).chmod(0o700)


def _copy_product(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_proto", "py.typed"))


def _link(path: Path, to: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def _write(tree: Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_compressed(tree: Path, name: str, text: str) -> None:
    """Write a file as policy wants pages and changelogs: gzip -9n, without a time of its own."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
