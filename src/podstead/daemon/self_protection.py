"""What of this node no pod may reach, by any path: with it a container could make itself root (docs/self-protection.md).

What is secret may not be read either. The agent's program, its units and where profiles lie may be read.
"""

from __future__ import annotations

import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import podstead
from podstead.config.images import DOCKER_CONFIG
from podstead.cri.transport import socket_path
from podstead.systemd.units import AGENT_UNIT, CONTAINERD_UNIT, UNIT_DIRECTORIES
from podstead.volumes.protection import Protected, resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.security import SecuritySettings
    from podstead.config.settings import Settings

ETC = Path("/etc/podstead")
SHARED_DIRECTORIES = frozenset(
    Path("/", name) for name in ("", "etc", "home", "opt", "root", "run", "srv", "tmp", "usr", "var")
)
"""Directories of everybody: a secret file that lies in one of them is protected by itself, not with its directory."""


def protected(settings: Settings) -> tuple[Protected, ...]:
    """Return everything that belongs to the agent."""
    return (*_house(settings), *_programs())


def named(settings: Settings) -> tuple[Protected, ...]:
    """Return the same by every name that is known of it: as it is written, as it is, and each link on the way."""
    found = []
    for one in protected(settings):
        real, links = resolved(one.path)
        found += [replace(one, path=path) for path in dict.fromkeys((one.path, real))]
        found += [replace(one, path=link, readable=True) for link in links]
    return tuple(found)


def _house(settings: Settings) -> Iterator[Protected]:
    paths, endpoint = settings.paths, settings.runtime.endpoint
    if settings.source is not None:
        yield Protected(path=settings.source.path, noun="the manifests")
    if settings.objects is not None:
        yield Protected(path=settings.objects.path, noun="the objects directory")
    yield Protected(path=paths.root, noun="the agent's root directory")
    if paths.run != paths.root:
        yield Protected(path=paths.run, noun="the agent's sockets")
    yield Protected(path=ETC, noun="the agent's configuration")
    yield _with_directory(paths.socket, "the agent's socket")
    if endpoint:
        yield _with_directory(Path(socket_path(endpoint)), "the runtime's socket")
    yield _with_directory(Path(settings.images.credentials_file or DOCKER_CONFIG), "registry credentials")
    for file in settings.files:
        yield Protected(path=file, noun="the agent's configuration", readable=True)
    yield from _trusted(settings.security)
    if settings.runtime.seccomp_root is not None:
        yield Protected(path=settings.runtime.seccomp_root, noun="seccomp profiles", readable=True)


def _trusted(security: SecuritySettings) -> Iterator[Protected]:
    """Yield every file that decides who may say what runs, whichever settings there are, and what the audit log needs."""
    for field in fields(security):
        if isinstance(path := getattr(security, field.name), Path):
            yield Protected(path=path, noun="the trust store", readable=True)
    if security.audit.checkpoint_file is not None:
        yield Protected(path=security.audit.checkpoint_file, noun="the audit log's checkpoints", readable=True)
    if security.audit.webhook is not None and security.audit.webhook.token_file is not None:
        yield _with_directory(security.audit.webhook.token_file, "the webhook's token")


def _programs() -> Iterator[Protected]:
    """Yield what runs as root when the agent starts again."""
    libraries = {Path(os.__file__).parent, Path(msgspec.__file__).parents[1], Path(podstead.__file__).parent}
    for path in sorted({*libraries, Path(sys.executable), Path(sys.prefix) / "pyvenv.cfg"}):
        yield Protected(path=path, noun="the agent's program", readable=True)
    for directory in UNIT_DIRECTORIES:
        for unit in (AGENT_UNIT, CONTAINERD_UNIT):
            yield Protected(path=directory / unit, noun="the agent's unit", readable=True)
            yield Protected(path=directory / f"{unit}.d", noun="the agent's unit", readable=True)


def _with_directory(file: Path, noun: str) -> Protected:
    """Return a secret file with the directory that is its own: it may be made anew, and only a directory can be hidden."""
    shared = file.parent in SHARED_DIRECTORIES or file.parent.resolve() in SHARED_DIRECTORIES
    return Protected(path=file if shared else file.parent, noun=noun)
