"""Registry credentials from docker's config.json, a file's or a Secret's, matched by host and path.

Nothing read here is ever part of a message (foundation 24).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from podstead.k8s.image_reference import DOCKER_HUB, ImageReference
from podstead.state.runtime import RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20
"""A config.json of a few hundred registries has some 100 KB."""
_HUB_NAMES = frozenset({"index.docker.io", "registry-1.docker.io", "docker.io"})


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(msgspec.Struct, frozen=True):
    auths: dict[str, _Auth | None] = {}
    creds_store: str = msgspec.field(default="", name="credsStore")
    cred_helpers: dict[str, str] = msgspec.field(default_factory=dict, name="credHelpers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `auths` entry: a host, which may hold `*` in its labels, and a path prefix."""

    host: str
    path: str
    auth: RegistryAuth

    def matches(self, reference: ImageReference) -> bool:
        """Return whether these credentials are meant for the repository."""
        if not _host_matches(self.host, reference.host):
            return False
        return not self.path or reference.path == self.path or reference.path.startswith(f"{self.path}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFile:
    """What a config.json holds; `warnings` are whole sentences for the operator."""

    entries: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()

    def find(self, reference: ImageReference) -> RegistryAuth | None:
        """Return the most specific credentials for a repository, None when it has none."""
        return next((e.auth for e in self.entries if e.matches(reference)), None)


def decode(data: bytes, name: str) -> CredentialFile:
    """Return the credentials in a config.json; what cannot be used is left out with a warning."""
    try:
        config = msgspec.json.decode(data, type=_DockerConfig)
    except msgspec.DecodeError as error:
        return CredentialFile(warnings=(f"cannot read registry credentials from {name}: {_no_content(error)}",))
    entries, warnings = [], []
    for key, auth in config.auths.items():
        entry = _entry(key, auth) if auth is not None else None
        if entry is not None:
            entries.append(entry)
        elif auth is not None and auth != _Auth():
            warnings.append(f"cannot use the credentials of {key} in {name}: auth must be base64 of USER:PASSWORD")
    if config.creds_store or config.cred_helpers:
        warnings.append(
            f"{name} names a credential helper, and helpers are not run: "
            "log in without one, so that auths holds the credentials"
        )
    entries.sort(key=lambda e: (-len(e.path), "*" in e.host, -len(e.host)))
    return CredentialFile(entries=tuple(entries), warnings=tuple(warnings))


def decode_secret(data: bytes, name: str, *, legacy: bool) -> CredentialFile:
    """Return the credentials in a pull Secret; `legacy` ones (`.dockercfg`) are the bare `auths` of a config.json."""
    return decode(b'{"auths":' + data + b"}" if legacy else data, name)


def _entry(key: str, auth: _Auth) -> Entry | None:
    username, password = auth.username, auth.password
    if auth.auth:
        try:
            text = base64.b64decode(auth.auth, validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        username, colon, password = text.partition(":")
        if not colon:
            return None
        password = password.rstrip("\0")
    if not (username or auth.identitytoken):
        return None
    parts = urlsplit(key if "://" in key else f"//{key}")
    path = parts.path.strip("/")
    if path in {"v1", "v2"} or path.startswith(("v1/", "v2/")):
        path = path[3:]
    host = DOCKER_HUB if parts.netloc in _HUB_NAMES else parts.netloc
    token = RegistryAuth(username=username, password=password, identity_token=auth.identitytoken)
    return Entry(host=host, path=path, auth=token)


def _host_matches(pattern: str, host: str) -> bool:
    """Compare label by label: `*` stands for one label or a part of one, never for a dot."""
    ours, theirs = pattern.lower().split("."), host.lower().split(".")
    return len(ours) == len(theirs) and all(fnmatch.fnmatchcase(t, o) for o, t in zip(ours, theirs, strict=True))


def _no_content(error: msgspec.DecodeError) -> str:
    # A decoder's message may hold pieces of the input; its JSON path never does.
    where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else ""
    return f"{where} is not as docker writes it" if where else "it is not the JSON that docker login writes"


@dataclass(slots=True)
class _Seen:
    stamp: tuple[int, int, int]
    content: CredentialFile


@dataclass(slots=True)
class Credentials:
    """The first of `files` that exists, read again whenever it changed. `warn` gets each new sentence once."""

    files: Sequence[Path]
    warn: Callable[[str], None] = field(default=lambda _: None)
    _seen: dict[Path, _Seen] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    async def find(self, reference: ImageReference) -> RegistryAuth | None:
        """Return the credentials for a repository, None where there are none."""
        content = await asyncio.to_thread(self._current)
        for sentence in content.warnings:
            if sentence not in self._said:
                self._said.add(sentence)
                self.warn(sentence)
        return content.find(reference)

    def _current(self) -> CredentialFile:
        for path in self.files:
            try:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                seen = self._seen.get(path)
                if seen is None or seen.stamp != stamp:
                    content = self._read(path, seen)
                    self._seen[path] = seen = _Seen(stamp, content)
            except FileNotFoundError:
                continue
            except OSError as error:
                return CredentialFile(warnings=(f"cannot read registry credentials from {path}: {error.strerror}",))
            return seen.content
        return CredentialFile()

    @staticmethod
    def _read(path: Path, before: _Seen | None) -> CredentialFile:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            return CredentialFile(warnings=(f"cannot read registry credentials from {path}: larger than 1 MiB",))
        content = decode(data, str(path))
        if before is not None and not content.entries and content.warnings:
            # Half written, most likely: what worked a moment ago is better than nothing.
            return CredentialFile(entries=before.content.entries, warnings=content.warnings)
        return content
