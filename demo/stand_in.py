"""Builds an image that stands in for mysql:5.7 from Debian packages, and keeps it for the next run."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from demo.errors import DemoError
from demo.places import ENTRYPOINT
from podstead.containerd.oci_image import ImageConfig, machine_architecture, write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.packages import PackageSource

IMAGE = "docker.io/library/mysql:5.7.39"
"""The manifest's `mysql:5.7.39` in full; the stand-in is known by it in the private containerd only."""

_OVERLAY = {
    "etc/mysql/my.cnf": b"!includedir /etc/mysql/conf.d/\n!includedir /etc/mysql/mysql.conf.d/\n",
}
_DIRECTORIES = ("etc/mysql/conf.d", "etc/mysql/mysql.conf.d")
_SETUP = """
set -eu
grep -q '^mysql:' "$1/etc/group" || echo 'mysql:x:999:' >>"$1/etc/group"
grep -q '^mysql:' "$1/etc/passwd" || echo 'mysql:x:999:999:MySQL:/var/lib/mysql:/bin/false' >>"$1/etc/passwd"
[ -e "$1/usr/bin/mysql" ] || ln -s mariadb "$1/usr/bin/mysql"
rm -rf "$1/var/lib/mysql" "$1/etc/mysql"
chroot "$1" install -d -o mysql -g mysql /var/lib/mysql /var/lib/mysql-files /run/mysqld
"""
"""mysql:5.7 has the user mysql with 999 as well. Debian's package of MariaDB makes a database at once: it goes."""

_SHARE = "/usr/share/podstead-stand-in"
"""Where the entrypoint finds what is made with the image."""
_DATABASE = f"""
set -eu
server=$(command -v mariadbd || command -v mysqld)
install -d -o mysql -g mysql {_SHARE}/data
"$server" --no-defaults --user=mysql --verbose --help >{_SHARE}/help 2>/dev/null
case "$server" in
  */mariadbd)
    mariadb-install-db --no-defaults --user=mysql --datadir={_SHARE}/data --innodb-log-file-size=8M --skip-test-db --rpm \\
      --auth-root-authentication-method=normal >/dev/null ;;
  *)
    "$server" --no-defaults --user=mysql --datadir={_SHARE}/data --innodb-redo-log-capacity=8M --skip-log-bin \\
      --initialize-insecure ;;
esac
rm -f {_SHARE}/data/*.pem {_SHARE}/data/auto.cnf
"""
"""A database without accounts, for first starts to copy, with a small log: the server makes a larger one by itself. Keys
and the server's own id are each database's, so none is in the image."""

_TELL_VERSION = "sh -c '$(command -v mariadbd || command -v mysqld) --no-defaults --version'"
"""The server's own words, from inside: what was installed, not what was asked for."""

_LAYOUT_VERSION = 1
"""Raised when the code below changes what is in the image; its packages and entrypoint are part of the key anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Which server from which release."""

    family: str
    release: str
    packages: tuple[str, ...]
    variant: str
    """mmdebstrap's: what is installed besides the packages."""
    apt_options: tuple[str, ...] = ()


class BuiltStandIn(msgspec.Struct, frozen=True, kw_only=True):
    """What was built: kept beside the archive as JSON. `image` is the id by which a runtime knows it."""

    image: str
    server: str
    """Such as `MySQL 9.7.4 from Debian sid`."""

    @property
    def description(self) -> str:
        """One phrase that says what it is and what it is not."""
        return f"{self.server}, not Docker's image"


def recipes(release: str) -> tuple[Recipe, ...]:
    """Return what to try, the best first: a real MySQL is in Debian's unstable only, MariaDB in every release.

    `release` is the code name of this machine's.
    """
    return (
        Recipe(
            family="MySQL",
            release="sid",
            packages=("mysql-server-core", "mysql-client-core"),
            variant="essential",
            # Mirrors keep snapshots of unstable for longer than its index is dated for. Signatures are still verified;
            # what is given up is only to notice an old index, and this server is for trying things out.
            apt_options=('Acquire::Check-Valid-Until "false"',),
        ),
        Recipe(family="MariaDB", release=release, packages=("mariadb-server",), variant="minbase"),
    )


class StandIns:
    """The stand-ins kept in one directory."""

    def __init__(self, cache: Path, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say

    def archive(self, recipe: Recipe) -> Path:
        """Return where the recipe's image archive is or would be."""
        return self._cache / f"stand-in-{recipe.family.lower()}-{_key(recipe)}.tar"

    def find(self, recipe: Recipe) -> BuiltStandIn | None:
        """Return what an earlier run built by the same recipe; None without it."""
        archive = self.archive(recipe)
        try:
            return (
                msgspec.json.decode(_description(archive).read_bytes(), type=BuiltStandIn) if archive.exists() else None
            )
        except (OSError, msgspec.DecodeError):
            return None

    def known(self) -> Iterator[BuiltStandIn]:
        """Yield everything that is kept, also of recipes that have changed since."""
        for path in sorted(self._cache.glob("stand-in-*.json")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=BuiltStandIn)
            except (OSError, msgspec.DecodeError):
                continue

    def build(self, recipe: Recipe, source: PackageSource) -> BuiltStandIn:
        """Build and keep an image.

        Raises:
            DemoError: the packages cannot be had or do not install here.
        """
        self._cache.mkdir(parents=True, exist_ok=True)
        self._cache.chmod(0o755)  # apt fetches as a user of its own
        # Two file systems of half a gigabyte are made in the cache: /tmp may be in memory.
        with tempfile.TemporaryDirectory(prefix="building-", dir=self._cache) as working:
            Path(working).chmod(0o755)
            layer, version = self._layer(recipe, source, Path(working))
            self._say("stacking the image")
            server = f"{recipe.family} {version} from Debian {recipe.release}"
            config = ImageConfig(
                entrypoint=("/usr/local/bin/docker-entrypoint.sh",),
                cmd=("mysqld",),
                volumes=("/var/lib/mysql",),
                exposed_ports=("3306/tcp",),
                labels={
                    "org.opencontainers.image.title": "stand-in for mysql:5.7.39",
                    "org.opencontainers.image.description": f"{server}, not Docker's image",
                    "org.opencontainers.image.version": version,
                },
            )
            archive = self.archive(recipe)
            with layer.open("rb") as stream:
                image = write_image(archive, layer=stream, config=config, names=(IMAGE,))
        built = BuiltStandIn(image=image.id, server=server)
        _description(archive).write_bytes(msgspec.json.encode(built))
        self._drop_older(archive, recipe)
        return built

    def _layer(self, recipe: Recipe, source: PackageSource, working: Path) -> tuple[Path, str]:
        overlay, layer, told = working / "overlay", working / "layer.tar", working / "version"
        _write_overlay(overlay)
        hooks = (
            _SETUP,
            f"sync-in {shlex.quote(str(overlay))} /",
            f'chroot "$1" sh -c {shlex.quote(_DATABASE)}',
            f'chroot "$1" {_TELL_VERSION} >{shlex.quote(str(told))}',
        )
        options = ('Apt::Install-Recommends "false"', *recipe.apt_options, *source.proxies)
        command = [
            "mmdebstrap",
            f"--variant={recipe.variant}",
            f"--include={','.join(recipe.packages)}",
            *(f"--aptopt={option}" for option in options),
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "info")),
            *(f"--customize-hook={hook}" for hook in hooks),
            recipe.release,
            str(layer),
            f"deb {source.mirror} {recipe.release} main",
        ]
        self._run(command, recipe, working)
        return layer, parse_version(told.read_text(encoding="utf-8"))

    def _run(self, command: list[str], recipe: Recipe, working: Path) -> None:
        lines: list[str] = []
        try:
            with subprocess.Popen(
                command,
                env={**os.environ, "TMPDIR": str(working)},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stderr is not None
                for line in process.stderr:
                    kind, _, text = line.strip().partition(": ")
                    if kind == "I" and text.endswith("...") and not text.startswith(("removing", "main()")):
                        self._say(text.removesuffix("..."))
                    elif kind in {"E", "W"}:
                        lines.append(line.strip())
        except OSError as error:
            raise DemoError(f"cannot run mmdebstrap: {error.strerror}; run 'make setup' first") from error
        if process.returncode != 0:
            raise DemoError(
                f"cannot build a stand-in from {', '.join(recipe.packages)} of Debian {recipe.release}: "
                f"{main_complaint(lines) or f'mmdebstrap ended with {process.returncode}'}"
            )

    def _drop_older(self, newest: Path, recipe: Recipe) -> None:
        """Keep one archive a family (0.5 GB each); the descriptions stay, by which a running one is recognised."""
        for path in self._cache.glob(f"stand-in-{recipe.family.lower()}-*.tar"):
            if path != newest:
                path.unlink()


def main_complaint(lines: list[str]) -> str:
    """Return the line that says most, of apt's and mmdebstrap's warnings and errors; empty without any.

    What could not be fetched is a warning to apt; the error that follows says only that something failed.
    """
    ranks = ("Failed to fetch", "E: ", "")
    found = next((line for rank in ranks for line in lines if rank in line), "")
    return found.partition(": ")[2]


def parse_version(told: str) -> str:
    """Return the upstream version in what `mysqld --version` printed.

    Raises:
        DemoError: there is none in it.
    """
    found = re.search(r"Ver (\d+\.\d+\.\d+)", told)
    if found is None:
        raise DemoError(f"the server that was installed does not tell its version: {told.strip()!r}")
    return found[1]


def _write_overlay(overlay: Path) -> None:
    for directory in _DIRECTORIES:
        (overlay / directory).mkdir(parents=True)
    for name, content in _OVERLAY.items():
        (overlay / name).write_bytes(content)
    # The name of the entrypoint in Docker's image, which manifests may call.
    entrypoint = overlay / "usr/local/bin/docker-entrypoint.sh"
    entrypoint.parent.mkdir(parents=True)
    shutil.copyfile(ENTRYPOINT, entrypoint)
    entrypoint.chmod(0o755)
    for path in (overlay, *overlay.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def _key(recipe: Recipe) -> str:
    parts = [str(getattr(recipe, field.name)) for field in fields(recipe)]
    parts += [machine_architecture(), str(_LAYOUT_VERSION), _SETUP, _DATABASE, repr(_OVERLAY)]
    return hashlib.sha256("\0".join(parts).encode() + ENTRYPOINT.read_bytes()).hexdigest()[:12]


def _description(archive: Path) -> Path:
    return archive.with_suffix(".json")
