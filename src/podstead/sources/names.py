"""Which names of a directory entry may hold a manifest; pure.

The kubelet reads every entry that does not start with a dot, so that `pod.yaml.bak` overrides `pod.yaml`
(kubernetes/kubernetes 136962). We read three suffixes and say of every other entry why it is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
SIGNATURE_SUFFIX = ".sig"
INDEX_NAME = "podstead.index"
INDEX_PAIR = (INDEX_NAME, INDEX_NAME + SIGNATURE_SUFFIX)
"""The signed index of the whole set and its signature. Neither is a manifest's name."""
MAX_INDEX_BYTES = 1 << 20
"""2000 files (`SourceSettings.max_files`) of 500 bytes of JSON each."""
MAX_SIGNATURE_BYTES = 64 << 10
"""An armoured SSH signature by the largest RSA key has 4 KiB."""

_BACKUP_SUFFIXES = ("~", ".bak", ".backup", ".old", ".orig", ".save", ".rej", ".tmp", ".swp", ".swo")
_BACKUP_SUFFIXES_OF_PACKAGERS = (".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".ucf-old")


def is_manifest_name(name: str) -> bool:
    """Return whether an entry of this name is meant to be a manifest: `*.yaml`, `*.yml`, `*.json`, UTF-8, not hidden."""
    return name.endswith(MANIFEST_SUFFIXES) and not name.startswith(".") and _is_text(name)


def companion_of(name: str) -> str:
    """Return the name under which the signature of this file lies."""
    return name + SIGNATURE_SUFFIX


def signed_name(name: str) -> str | None:
    """Return the manifest's name whose signature this is; None for any other name."""
    base = name.removesuffix(SIGNATURE_SUFFIX)
    return base if base != name and is_manifest_name(base) else None


def is_companion_name(name: str) -> bool:
    """Return whether an entry of this name says something about manifests: a signature, the index, or its signature."""
    return name in INDEX_PAIR or signed_name(name) is not None


def most_bytes(name: str, of_manifest: int) -> int:
    """Return how large a file of this name may be."""
    if name == INDEX_NAME:
        return MAX_INDEX_BYTES
    return MAX_SIGNATURE_BYTES if is_companion_name(name) else of_manifest


def along_with(names: Collection[str]) -> frozenset[str]:
    """Return these names and those that mean something only together with them: signatures, the other one of the pair."""
    along = {companion_of(name) for name in names if is_manifest_name(name)}
    if not set(INDEX_PAIR).isdisjoint(names):
        along.update(INDEX_PAIR)
    return frozenset(along.union(names))


def why_ignored(name: str, *, is_directory: bool) -> tuple[str, str]:
    """Return the CamelCase reason and the sentence for an entry whose name is not a manifest's."""
    if name.startswith("."):
        return "HiddenFile", "its name starts with a dot: such entries are never read as manifests"
    if not _is_text(name):
        return "NameNotText", "its name is not UTF-8: rename it"
    if not is_directory and (name in INDEX_PAIR or name.endswith(SIGNATURE_SUFFIX)):
        return _why_not_asked(name)
    if is_directory:
        return "Subdirectory", "it is a directory: only files directly in the manifest directory are read; move them up"
    if name.endswith(_BACKUP_SUFFIXES + _BACKUP_SUFFIXES_OF_PACKAGERS) or (name[0] == name[-1] == "#"):
        return "BackupFile", "it is named like a backup: rename it to end in .yaml, .yml or .json if it is to run"
    if name.lower().endswith(MANIFEST_SUFFIXES):
        return "NotAManifestName", "its suffix has capital letters: rename it to end in .yaml, .yml or .json"
    return "NotAManifestName", "its name does not end in .yaml, .yml or .json: rename it if it is to run"


def _why_not_asked(name: str) -> tuple[str, str]:
    if name in INDEX_PAIR:
        return "SignaturesOff", "it signs the set, and signatures are off here (--signature-mode)"
    base = signed_name(name)
    if base is None:
        return "NotAManifestName", "it is the signature of nothing that could be a manifest here"
    return "SignatureOnly", f"it signs {base}: that is not here, or signatures are off (--signature-mode)"


def printable(name: str) -> str:
    """Return the name as valid Unicode: bytes that are none become backslash escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_text(name: str) -> bool:
    """Return whether the name's bytes are UTF-8, so that it can stand in an answer and in a record."""
    return printable(name) == name
