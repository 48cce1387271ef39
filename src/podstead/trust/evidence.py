"""What signatures say by themselves: the same whenever it is asked, and so kept. It is what costs time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from podstead.signing.index import INDEX_FILE, mark_of
from podstead.signing.index_reader import read_index
from podstead.signing.index_verify import IndexFault
from podstead.signing.provenance import INDEX, MANIFEST, Attested, Fault, Invalid, attest
from podstead.signing.wire import MalformedError
from podstead.trust.rules import Objection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from podstead.signing.index import Index, IndexMark
    from podstead.state.sources import ManifestFile, SourceSnapshot

SUFFIX = ".sig"
INDEX_SIGNATURE = INDEX_FILE + SUFFIX


class Pair(NamedTuple):
    """Which content, which signature, for which purpose: the digests of both, as the source has them."""

    content: str
    signature: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadIndex:
    """An index whose signature is a key's, as it can be read; whether the key and the index count is asked elsewhere."""

    attested: Attested
    index: Index
    mark: IndexMark
    data: bytes
    signature: bytes


Evidence = Attested | Invalid | ReadIndex | Objection


def pairs(snapshot: SourceSnapshot) -> Iterator[tuple[Pair, bytes, bytes]]:
    """Yield what there is to examine in a look: content and signature of each pair that is complete."""
    index, signed = snapshot.companions.get(INDEX_FILE), snapshot.companions.get(INDEX_SIGNATURE)
    if pair := pair_of(index, signed, INDEX):
        yield pair
    for file in snapshot.files:
        if pair := pair_of(file, snapshot.companions.get(file.name + SUFFIX), MANIFEST):
            yield pair


def pair_of(
    file: ManifestFile | None, signature: ManifestFile | None, namespace: str
) -> tuple[Pair, bytes, bytes] | None:
    """Return a pair with its bytes; None where a half of it is missing."""
    if file is None or signature is None or file.data is None or signature.data is None:
        return None
    return Pair(file.digest, signature.digest, namespace), file.data, signature.data


def examine(data: bytes, signature: bytes, namespace: str, keys: Collection[str]) -> Evidence:
    """Return what a pair says. Never raises.

    An index is read only if one of `keys`, the fingerprints of those that count, has signed it: nothing of what a stranger
    wrote is parsed. So whoever keeps this asks again when the keys change.
    """
    attested = attest(data, signature, namespace=namespace)
    if isinstance(attested, Invalid) or namespace != INDEX or attested.key.fingerprint not in keys:
        return attested
    try:
        index = read_index(data)
    except MalformedError as error:
        return Objection(reason=IndexFault.MALFORMED, message=f"the index cannot be read: {error}")
    return ReadIndex(attested=attested, index=index, mark=mark_of(index, data), data=data, signature=signature)


def of(evidence: Mapping[Pair, Evidence], pair: Pair) -> Evidence:
    """Return what is known of a pair; one that nobody examined does not count."""
    unknown = Invalid(fault=Fault.DAMAGED, message="the signature has not been examined")
    return evidence.get(pair, unknown)
