"""The libraries of the product, by their locked wheels, in one directory for several versions of Python.

Wheels of one release differ by their extension modules, whose names carry Python's version; what they have in common
is there once. Where two wheels disagree about a file there is no bundle.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHONS = ("3.11", "3.13")
"""Debian 12 has 3.11, Debian 13 has 3.13."""
PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's architectures as wheels call them."""
GLIBC = ("manylinux_2_36", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Debian 12 has glibc 2.36."""
LEAST_GLIBC = "2.28"
"""What the wheels that are taken need at most; a test looks at their symbols' versions."""
DOWNLOAD_SECONDS = 300
LEFT_OUT = re.compile(r"(\.(c|h|pyx|pxd|pyi)|/py\.typed|/_testcapi\.[^/]*)$|^(cel_expr_python/ext|bazel-project)/")
"""What no running program reads; CEL's extensions are in its engine, each of these modules is the engine again, and its wheel
holds the sources of its build."""


class BuildError(Exception):
    """The package cannot be built; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One bundled library, as the package's copyright file tells of it."""

    name: str
    version: str
    licence: str
    """As its metadata writes it."""
    author: str
    home: str
    text: str
    """Its licence, whole."""
    files: tuple[str, ...]
    """What it has in the bundle: directories and files at the top."""


def fetch(lock: Path, cache: Path, architecture: str) -> list[Path]:
    """Return the wheels of a lock file, digests checked; only what `cache` lacks is asked of a package index.

    Raises:
        BuildError: the architecture is unknown, or a wheel cannot be had.
    """
    if architecture not in PLATFORMS:
        raise BuildError(f"no wheels are known for {architecture}: take one of {', '.join(PLATFORMS)}")
    cache.mkdir(parents=True, exist_ok=True)
    for version in PYTHONS:
        command = [*(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
        command += [f"--python-version={version}", f"--requirement={lock}", f"--dest={cache}"]
        command += [f"--platform={glibc}_{PLATFORMS[architecture]}" for glibc in GLIBC]
        if _run([*command, "--no-index", f"--find-links={cache}"]) and (why := _run(command)):
            raise BuildError(f"cannot get the wheels of {lock.name} for Python {version}: {why}")
    names = {
        re.sub(r"[-_.]+", "_", name).lower() for name in re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)
    }
    wheels = sorted(
        path for path in cache.glob("*.whl") if path.name.split("-")[0].lower() in names and _is_for_ours(path)
    )
    return [path for path in wheels if f"=={path.name.split('-')[1]} " in lock.read_text()]


def _is_for_ours(wheel: Path) -> bool:
    """Return whether a wheel is for one of our versions of Python: the cache may hold those of an earlier choice."""
    python, abi = wheel.stem.split("-")[-3:-1]
    return abi in {"none", "abi3"} or python in {f"cp{version.replace('.', '')}" for version in PYTHONS}


def _run(command: list[str]) -> str:
    """Return the last lines of what a command complained of, empty when it went well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    return "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[-4:]) or f"exit code {done.returncode}"


def unpack(wheels: list[Path], target: Path) -> list[Library]:
    """Put the files of all wheels into a directory and return what they are.

    Raises:
        BuildError: two wheels disagree about a file, or one would put files elsewhere.
    """
    found: dict[str, Library] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        library = _library(wheel, members)
        before = found.setdefault(library.name, library)
        files = tuple(sorted({*before.files, *library.files}))
        found[library.name] = Library(**{**{key: getattr(library, key) for key in Library.__slots__}, "files": files})
        for name, content in _kept(members):
            _put(target / name, content, wheel)
    return [found[name] for name in sorted(found)]


def _kept(members: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what a running program needs, and of the metadata what says which release is there."""
    for name, content in members.items():
        head, _, rest = name.partition("/")
        if head.endswith(".data"):
            raise BuildError(f"{name} belongs outside of the libraries' directory: the package has no place for it")
        if head.endswith(".dist-info"):
            if rest == "METADATA":
                yield name, content
        elif not LEFT_OUT.search(name):
            yield name, content


def _put(path: Path, content: bytes, wheel: Path) -> None:
    if path.exists():
        if path.read_bytes() != content:
            raise BuildError(f"{wheel.name} has another {path.name} than the wheel for another Python")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _library(wheel: Path, members: dict[str, bytes]) -> Library:
    metadata = next(content for name, content in members.items() if name.endswith(".dist-info/METADATA"))
    fields = message_from_bytes(metadata)
    texts = [content for name, content in sorted(members.items()) if re.search(r"/LICENSE[^/]*$", name)]
    if not texts:
        raise BuildError(f"{wheel.name} has no licence in it")
    urls = [str(value).partition(", ") for value in fields.get_all("Project-URL", [])]
    homes = [url for label, _, url in urls if label.lower() in {"source", "homepage", "repository"}]
    return Library(
        name=str(fields["Name"]),
        version=str(fields["Version"]),
        licence=str(fields["License-Expression"] or fields["License"]).partition("\n")[0],
        author=str(fields["Author"] or fields["Author-email"] or ""),
        home=str(fields["Home-page"] or (homes or [""])[0]),
        text=texts[0].decode(),
        files=tuple(
            sorted({"/".join(name.split("/")[: 2 if name.startswith("google/") else 1]) for name, _ in _kept(members)})
        ),
    )
