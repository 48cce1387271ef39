"""Puts the article's two files where the agent and the pod read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.errors import DemoError
from demo.places import CONFIGURATION, MANIFEST
from podstead import whole_files
from podstead.manifest.read import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from demo.places import Places
    from demo.record import Record


def deploy_configuration(places: Places, record: Record, say: Callable[[str], None]) -> None:
    """Write `mysqld.cnf`, unless it is there."""
    # Everybody may read it: the server does so as the user mysql, and it holds no password.
    _deploy(places.configuration, CONFIGURATION.read_text(encoding="utf-8"), 0o644, record, say)


def deploy_manifest(places: Places, record: Record, say: Callable[[str], None]) -> None:
    """Write the manifest, unless it is there."""
    # It holds the root password.
    _deploy(places.manifest, places.manifest_text(), 0o600, record, say)


def prepare_manifests(places: Places, record: Record) -> None:
    """Make the manifest directory, root's alone: whoever writes there is root on this machine."""
    missing = [path for path in (places.manifests, *places.manifests.parents) if not path.exists()]
    record.add(directories=tuple(missing))
    for path in reversed(missing):
        path.mkdir(mode=0o700 if path == places.manifests else 0o755)


def root_password(manifest: bytes) -> str:
    """Return the root password that a manifest gives to its MySQL.

    Raises:
        DemoError: the manifest is refused, or gives none.
    """
    reading = read_manifest(manifest, node_name="node")
    for revision in reading.pods:
        for container in revision.pod.spec.containers:
            for variable in container.env:
                if variable.name == "MYSQL_ROOT_PASSWORD" and variable.value:
                    return variable.value
    raise DemoError(f"the manifest gives no MYSQL_ROOT_PASSWORD: compare it with {MANIFEST}")


def _deploy(path: Path, content: str, mode: int, record: Record, say: Callable[[str], None]) -> None:
    if path.exists():
        if path.read_text(encoding="utf-8", errors="replace") != content:
            say(f"{path} was changed since it was deployed: it stays as it is")
        return
    record.add(files=(path,))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # The agent leaves names with a leading dot alone, so it sees the whole file or none.
    whole_files.write(path, content.encode(), mode=mode, durable=True)
    say(f"{path}")
