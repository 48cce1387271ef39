"""Which names of a directory entry may hold a manifest; pure.

The kubelet reads every entry that does not start with a dot, so that `pod.yaml.bak` overrides `pod.yaml`
(kubernetes/kubernetes 136962). We read three suffixes and say of every other entry why it is left alone.
"""

from __future__ import annotations

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")

_BACKUP_SUFFIXES = ("~", ".bak", ".backup", ".old", ".orig", ".save", ".rej", ".tmp", ".swp", ".swo")
_BACKUP_SUFFIXES_OF_PACKAGERS = (".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".ucf-old")


def is_manifest_name(name: str) -> bool:
    """Return whether an entry of this name is meant to be a manifest: `*.yaml`, `*.yml`, `*.json`, UTF-8, not hidden."""
    return name.endswith(MANIFEST_SUFFIXES) and not name.startswith(".") and _is_text(name)


def why_ignored(name: str, *, is_directory: bool) -> tuple[str, str]:
    """Return the CamelCase reason and the sentence for an entry whose name is not a manifest's."""
    if name.startswith("."):
        return "HiddenFile", "its name starts with a dot: such entries are never read as manifests"
    if not _is_text(name):
        return "NameNotText", "its name is not UTF-8: rename it"
    if is_directory:
        return "Subdirectory", "it is a directory: only files directly in the manifest directory are read; move them up"
    if name.endswith(_BACKUP_SUFFIXES + _BACKUP_SUFFIXES_OF_PACKAGERS) or (name[0] == name[-1] == "#"):
        return "BackupFile", "it is named like a backup: rename it to end in .yaml, .yml or .json if it is to run"
    if name.lower().endswith(MANIFEST_SUFFIXES):
        return "NotAManifestName", "its suffix has capital letters: rename it to end in .yaml, .yml or .json"
    return "NotAManifestName", "its name does not end in .yaml, .yml or .json: rename it if it is to run"


def printable(name: str) -> str:
    """Return the name as valid Unicode: bytes that are none become backslash escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_text(name: str) -> bool:
    """Return whether the name's bytes are UTF-8, so that it can stand in an answer and in a record."""
    return printable(name) == name
