"""What the package holds and says of itself."""

from __future__ import annotations

import re
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from deb.bundle import LEAST_GLIBC, PYTHONS
from deb.control import DEPENDS
from deb.tree import COMPLETION_PLACES, DOCUMENTS, HOME, LIBRARIES, UNITS

from podstead.cli.commands.completion import SHELLS, script
from podstead.cli.main import COMMANDS
from podstead.containerd.locate import PACKAGES
from podstead.systemd.units import options_text
from tests.support.package import REPOSITORY, build_package

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(700)

ESSENTIAL = {"util-linux"}
"""Every Debian has it; policy asks not to name it."""
SECRET_DIRECTORY = "etc/podstead/manifests"


@pytest.fixture(scope="session")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "--extract", package, target], check=True, timeout=60)
    return target


def field(package: Path, name: str) -> str:
    done = subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_two_builds_are_equal_byte_by_byte(package: Path, tmp_path: Path) -> None:
    again = build_package(tmp_path, umask=0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
    assert again.name == package.name
    assert again.read_bytes() == package.read_bytes()


def test_a_version_is_refused_that_dpkg_would_not_take(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is no version of a Debian package"):
        build_package(tmp_path, "next_one")


def test_everything_belongs_to_root_and_others_cannot_write(package: Path, tmp_path: Path) -> None:
    archive = tmp_path / "tree.tar"
    with archive.open("wb") as stream:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=stream, check=True, timeout=60)
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "root")}
    for member in members:
        wanted = 0o755 if member.isdir() or member.name == "./usr/bin/podstead" else 0o644
        wanted = 0o700 if member.name == f"./{SECRET_DIRECTORY}" else wanted
        assert member.issym() or member.mode == wanted, (member.name, oct(member.mode))


def test_it_depends_on_what_the_agent_looks_for(package: Path) -> None:
    named = {name for entry in DEPENDS for name in re.findall(r"[a-z][a-z0-9.+-]+", entry)}
    assert set(PACKAGES.values()) - ESSENTIAL <= named
    assert "containernetworking-plugins" in named
    assert field(package, "Depends") == ", ".join(DEPENDS)


def test_the_libraries_are_those_of_the_lock(tree: Path) -> None:
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (REPOSITORY / "locks/runtime.txt").read_text(), re.MULTILINE))
    found = {}
    for metadata in (tree / LIBRARIES).glob("*.dist-info/METADATA"):
        text = metadata.read_text()
        name, version = (re.search(rf"^{key}: (.+)$", text, re.MULTILINE) for key in ("Name", "Version"))
        assert name is not None
        assert version is not None
        found[re.sub(r"[-_.]+", "-", name[1]).lower()] = version[1]
    assert found == locked
    told = (tree / DOCUMENTS / "copyright").read_text()
    assert [
        name
        for name in locked
        if f"Comment: {name} {locked[name]}," not in told.lower().replace("_", "-").replace("comment", "Comment")
    ] == []


def test_extension_modules_are_there_for_every_python(tree: Path) -> None:
    modules = [path.relative_to(tree) for path in (tree / LIBRARIES).rglob("*.so")]
    of_one = [path for path in modules if ".abi3." not in path.name]
    assert of_one
    tags = {f"cpython-{version.replace('.', '')}" for version in PYTHONS}
    by_module: dict[str, set[str]] = {}
    for path in of_one:
        name, tag, _ = path.name.split(".")
        by_module.setdefault(f"{path.parent}/{name}", set()).add("-".join(tag.split("-")[:2]))
    assert all(found == tags for found in by_module.values()), by_module
    for version in PYTHONS:
        assert (tree / HOME / "lib" / f"python{version}" / "site-packages" / "msgspec" / "__init__.py").is_file()


def test_the_c_library_of_debian_12_is_new_enough(tree: Path) -> None:
    least = tuple(map(int, LEAST_GLIBC.split(".")))
    for path in (tree / LIBRARIES).rglob("*.so"):
        needed = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"GLIBC_(\d+\.\d+)", path.read_bytes())}
        assert needed
        assert max(needed) <= least, path.name


def test_completions_pages_units_and_options_are_the_programs_own(tree: Path) -> None:
    for shell in SHELLS:
        assert (tree / COMPLETION_PLACES[shell]).read_text() == script(shell) + "\n"
    pages = {path.name.partition(".")[0] for path in (tree / "usr/share/man").rglob("*.gz")}
    assert pages == {"podstead", *(f"podstead-{entry.name}" for entry in COMMANDS)}
    unit = (tree / UNITS / "podstead.service").read_text()
    assert "ExecStart=/usr/bin/podstead run" in unit
    launcher = re.search(
        r"^ExecStart=/usr/bin/python3 -I -S (\S+) ",
        (tree / UNITS / "podstead-containerd.service").read_text(),
        re.MULTILINE,
    )
    assert launcher is not None
    assert (tree / launcher[1].lstrip("/")).is_file()
    assert (tree / "etc/podstead/podstead.conf").read_text() == options_text()


@pytest.mark.program("lintian")
def test_lintian_has_nothing_to_say(package: Path) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--profile=debian", package],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.program("shellcheck")
@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_the_maintainer_scripts_are_clean(name: str) -> None:
    done = subprocess.run(
        ["shellcheck", REPOSITORY / "deb" / "maintainer" / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")
