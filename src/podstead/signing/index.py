"""The index of a set: every file that a node may take, by digest, for which node, in which order and until when.

The document is JSON that people can read. It is signed as a whole, so what it says is what its bytes say: `write_index` makes
the same bytes of the same index, and `index_reader` takes nothing that could be read in two ways.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from podstead.signing.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX_FILE = "podstead.index"
"""The index's name in the manifest directory. It is no manifest's name, so an agent without signatures passes it over."""
API_VERSION = "podstead.io/v1"
KIND = "Index"
MAX_BYTES = 1 << 20
"""1 MiB, as of a manifest: some eight thousand entries of the length that names have."""
MAX_VERSION = (1 << 53) - 1
"""What every JSON reader keeps exactly (RFC 8259, section 6)."""
CLOCK_SKEW_SECONDS = 300.0
"""An index may be issued this much later than the node's clock says: machines without NTP are minutes apart."""


class Expiry(StrEnum):
    """What an index that has expired still lets start."""

    SOFT = "soft"
    """What was admitted by it starts again after a crash or a reboot; nothing new does."""
    HARD = "hard"
    """Nothing starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One content: its SHA-256 in hexadecimal digits, and its length in bytes."""

    sha256: str
    size: int

    def fault(self, data: bytes) -> str:
        """Return how bytes differ from those that were signed for; empty: they are these."""
        if len(data) != self.size:
            return f"it has {len(data)} bytes, and the index was signed for {self.size}"
        found = sha256(data).hexdigest()
        return "" if found == self.sha256 else f"its SHA-256 is {found[:12]}…, and the index has {self.sha256[:12]}…"


def entry_of(data: bytes) -> Entry:
    """Return the entry of some bytes."""
    return Entry(sha256=sha256(data).hexdigest(), size=len(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What was signed. Times are Unix seconds, whole ones.

    `nodes` are patterns as in `allowed_signers`. `floor` is the lowest version whose contents may still be gone back to.
    """

    nodes: tuple[str, ...]
    version: int
    issued: int
    expires: int
    expiry: Expiry = Expiry.SOFT
    floor: int = 0
    files: Mapping[str, Entry] = field(default_factory=dict)
    """Manifests, by their names in the manifest directory."""
    objects: Mapping[str, Entry] = field(default_factory=dict)
    """Files of ConfigMaps and Secrets, by their names in the objects directory."""
    policy: Entry | None = None
    profiles: Mapping[str, Entry] = field(default_factory=dict)
    """Profiles of type Localhost: seccomp's below their root as `localhostProfile` names them, others by absolute path."""
    urls: Mapping[str, Entry] = field(default_factory=dict)
    """Bodies of manifest URLs."""
    host_files: Mapping[str, Entry] = field(default_factory=dict)
    """Files of the node that `podstead.io/config-files` names, by absolute path."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Pins: an image reference as the manifests write it, and the digest that it has to have, `sha256:` before it."""

    def names(self, node: str) -> bool:
        """Return whether the index is for a node of this name."""
        return matches(node, ",".join(self.nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMark:
    """Which index it was: its version, and the SHA-256 of its bytes in hexadecimal digits."""

    version: int
    digest: str


def mark_of(index: Index, data: bytes) -> IndexMark:
    """Return the mark of an index that was read from these bytes."""
    return IndexMark(version=index.version, digest=sha256(data).hexdigest())


TABLES = {
    "files": "files",
    "objects": "objects",
    "profiles": "profiles",
    "urls": "urls",
    "hostFiles": "host_files",
}
"""The document's tables of contents, and the fields that hold them."""


def write_index(index: Index) -> bytes:
    """Return the document: keys in order, two blanks a level, as `jq -S` prints it. Empty tables are left out."""
    document: dict[str, object] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "node": list(index.nodes),
        "version": index.version,
        "issued": timestamp(index.issued),
        "expires": timestamp(index.expires),
        "expiry": str(index.expiry),
        "files": {},
    }
    if index.floor:
        document["floor"] = index.floor
    for key, field_name in TABLES.items():
        if table := getattr(index, field_name):
            document[key] = {name: _entry(entry) for name, entry in table.items()}
    if index.policy is not None:
        document["policy"] = _entry(index.policy)
    if index.images:
        document["images"] = dict(index.images)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _entry(entry: Entry) -> dict[str, object]:
    return {"sha256": entry.sha256, "size": entry.size}


def timestamp(seconds: float) -> str:
    """Return a time as the document writes it (RFC 3339, UTC, whole seconds)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
