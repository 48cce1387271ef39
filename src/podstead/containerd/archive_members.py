"""The members of a tar that is untrusted input: looked up by name, read within limits, never unpacked."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, TypeVar

import msgspec

from podstead.errors import OperatorError

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator
    from pathlib import Path

MAX_DOCUMENT_BYTES = 4 << 20
"""Largest manifest, index or configuration; registries refuse larger manifests as well (4 MiB)."""
MAX_MEMBERS = 20_000
"""An image has at most 127 layers; an archive of many images has some hundred members."""
MAX_LINKS = 4
"""`docker save` links an equal layer once; longer chains are no image."""
_CHUNK_BYTES = 1 << 20

_Document = TypeVar("_Document")

_UNPACKERS = {b"\x1f\x8b": "gunzip", b"\x28\xb5": "unzstd", b"BZ": "bunzip2", b"\xfd7": "unxz"}
"""First two bytes of compressed files to the program that unpacks them."""


def unreadable(path: Path, error: Exception) -> OperatorError:
    """Return the error that says what to do about a file that is no readable tar."""
    if isinstance(error, OSError) and error.strerror:
        return OperatorError(f"cannot import {path}: {error.strerror}")
    try:
        with path.open("rb") as stream:
            magic = stream.read(2)
    except OSError:
        magic = b""
    if (unpacker := _UNPACKERS.get(magic)) is not None:
        return OperatorError(f"cannot import {path}: it is compressed; unpack it first, with: {unpacker} {path.name}")
    return OperatorError(
        f"cannot import {path}: it is not a complete tar archive; write one with 'docker save' or 'skopeo copy'"
    )


class ArchiveMembers:
    """One open tar by member names; every error is an OperatorError that names the file."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self.path = path
        self._tar = tar
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in tar:
            if len(self._members) >= MAX_MEMBERS:
                raise self.refusal(f"it has more than {MAX_MEMBERS} members")
            self._members[posixpath.normpath(member.name)] = member

    def refusal(self, why: str) -> OperatorError:
        """Return an error for this archive."""
        return OperatorError(f"cannot import {self.path}: {why}")

    def has(self, name: str) -> bool:
        """Tell whether there is such a member."""
        return name in self._members

    def file(self, name: str) -> tarfile.TarInfo:
        """Return the regular file of that name, links followed.

        Raises:
            OperatorError: it is missing or not a file.
        """
        for _ in range(MAX_LINKS):
            member = self._members.get(name)
            if member is None:
                raise self.refusal(f"{name} is missing in it; write the archive again")
            if member.isreg():
                return member
            if member.issym():
                name = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
            elif member.islnk():
                name = posixpath.normpath(member.linkname)
            else:
                break
        raise self.refusal(f"{name} is not a file")

    def chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the content of a file.

        Raises:
            OperatorError: the archive ends before it.
        """
        stream = self._tar.extractfile(member)
        if stream is None:
            raise self.refusal(f"{member.name} is not a file")
        with stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk

    def document(self, name: str) -> bytes:
        """Return the content of a small file.

        Raises:
            OperatorError: it is missing or too large.
        """
        member = self.file(name)
        if member.size > MAX_DOCUMENT_BYTES:
            raise self.refusal(f"{name} is larger than {MAX_DOCUMENT_BYTES} bytes")
        return b"".join(self.chunks(member))

    def decode(self, name: str, content: bytes, kind: type[_Document]) -> _Document:
        """Decode a JSON document.

        Raises:
            OperatorError: it is not of this kind.
        """
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self.refusal(f"{name} in it is damaged ({error})") from error
