"""Image references in docker's notation: parsed, checked and normalised. Pure.

Grammar of the distribution project: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`; what names no host is on docker.io.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
MAX_NAME = 255
"""Characters of host and path together."""

_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_IMAGE_ID = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """A valid reference. `host` and `path` are full (`docker.io`, `library/mysql`); `tag` or `digest` may be empty."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.path}{tag}{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidReference:
    """Why a text is no reference: the end of a sentence that begins with the text."""

    text: str
    why: str


def parse(text: str) -> ImageReference | InvalidReference:
    """Return the full reference that a manifest's `image` means, or why it is none."""

    def invalid(why: str) -> InvalidReference:
        return InvalidReference(text=text, why=why)

    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return invalid("has no valid digest after '@': write @sha256: and 64 hex digits")
    algorithm, _, digits = digest.partition(":")
    if at and len(digits) != _DIGEST_LENGTHS.get(algorithm, len(digits)):
        return invalid(f"has {len(digits)} digits after {algorithm}: where {_DIGEST_LENGTHS[algorithm]} are due")
    tag = ""
    last = name.rpartition("/")[2]
    if ":" in last and ("/" in name or last.count(":") == 1):
        name, _, tag = name.rpartition(":")
        if not _TAG.fullmatch(tag):
            return invalid(f"has no valid tag: {tag!r} must be at most 128 letters, digits, '_', '.', '-'")
    if not name:
        return invalid("has no name: write the repository, for example docker.io/library/mysql:8.0")
    if _IMAGE_ID.fullmatch(name):
        return invalid("is an image id: write the repository's name")
    host, path = _split(name)
    if not _HOST.fullmatch(host):
        return invalid(f"names no valid registry: {host!r}")
    if not _PATH.fullmatch(path):
        hint = ": repository names are lower case" if path != path.lower() else ""
        return invalid(f"has no valid repository name: {path!r}{hint}")
    if len(host) + 1 + len(path) > MAX_NAME:
        return invalid(f"is longer than {MAX_NAME} characters")
    return ImageReference(host=host, path=path, tag=tag or ("" if at else DEFAULT_TAG), digest=digest)


def _split(name: str) -> tuple[str, str]:
    """Return host and path: the first part is a host when it looks like one, else the name is on Docker Hub."""
    first, slash, rest = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        host, path = DOCKER_HUB, name
    else:
        host, path = first, rest
    if host == "index.docker.io":
        host = DOCKER_HUB
    return host, f"library/{path}" if host == DOCKER_HUB and "/" not in path else path
