"""Whether an index counts here and now: its signature, its node, its version and its time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.signing.index import CLOCK_SKEW_SECONDS, mark_of, timestamp
from podstead.signing.index_reader import read_index
from podstead.signing.provenance import INDEX, Invalid, verify
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from podstead.signing.index import Index, IndexMark
    from podstead.signing.keys import PublicKey
    from podstead.signing.provenance import Fault, Signed, Trust


class IndexFault(StrEnum):
    """Why an index whose signature counts does not, as a reason."""

    MALFORMED = "IndexMalformed"
    OTHER_NODE = "IndexForOtherNode"
    OLDER = "IndexOlder"
    """A version below the highest that was accepted: an old set is played again."""
    FORKED = "IndexForked"
    """The version that was accepted last, with other contents."""
    BELOW_FLOOR = "IndexBelowFloor"
    NO_RECORD = "IndexWithoutRecord"
    """No version was ever accepted here, and root gave no floor: it may be any old one."""
    NOT_YET = "IndexNotYetValid"
    EXPIRED = "IndexExpired"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedIndex:
    """The index counts. `mark` is what has to be remembered of it before anything comes of it."""

    index: Index
    mark: IndexMark
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedIndex:
    """The index does not count; `message` is one sentence without a full stop.

    `index` and `mark` are there where the signature counts and the document can be read.
    """

    fault: Fault | IndexFault
    message: str
    key: PublicKey | None = None
    index: Index | None = None
    mark: IndexMark | None = None


def verify_index(
    data: bytes, signature: bytes, trust: Trust, *, node: str, last: IndexMark | None, floor: int | None
) -> AcceptedIndex | RefusedIndex:
    """Return whether an index counts on a node. Never raises.

    `last` is the highest one that was accepted here, `floor` the lowest version that root or an index let count; of both None
    means that nothing is known. Nothing of the document is parsed before its signature counts.
    """
    signed = verify(data, signature, trust, namespace=INDEX)
    if isinstance(signed, Invalid):
        return RefusedIndex(fault=signed.fault, message=f"the index does not count: {signed.message}", key=signed.key)
    try:
        index = read_index(data)
    except MalformedError as error:
        text = f"the index cannot be read: {error}"
        return RefusedIndex(fault=IndexFault.MALFORMED, message=text, key=signed.key)
    mark = mark_of(index, data)
    fault = node_fault(index, node) or version_fault(mark, last=last, floor=floor) or time_fault(index, trust.now)
    if fault is not None:
        return RefusedIndex(fault=fault[0], message=fault[1], key=signed.key, index=index, mark=mark)
    return AcceptedIndex(index=index, mark=mark, signed=signed)


def node_fault(index: Index, node: str) -> tuple[IndexFault, str] | None:
    """Return why an index is not for this node; None: it is."""
    if index.names(node):
        return None
    names = ", ".join(index.nodes[:3]) + (", …" if len(index.nodes) > 3 else "")
    return IndexFault.OTHER_NODE, f"the index is for {names}, and this node is {node}"


def version_fault(mark: IndexMark, *, last: IndexMark | None, floor: int | None) -> tuple[IndexFault, str] | None:
    """Return why an index of this version comes too late; None: it does not."""
    if last is None and floor is None:
        text = (
            f"no version of an index is on record here, so this one, version {mark.version}, may be any old one: look up the"
            " lowest that counts in your own records"
        )
        return IndexFault.NO_RECORD, text
    if last is not None and mark.version < last.version:
        text = f"the index has version {mark.version}, and {last.version} was accepted already"
        return IndexFault.OLDER, text
    if last is not None and mark.version == last.version and mark.digest != last.digest:
        text = f"another index of version {mark.version} was accepted already: sign the set again with a higher one"
        return IndexFault.FORKED, text
    if floor is not None and mark.version < floor:
        return IndexFault.BELOW_FLOOR, f"the index has version {mark.version}, and {floor} is the lowest that counts"
    return None


def time_fault(index: Index, now: float) -> tuple[IndexFault, str] | None:
    """Return why an index does not count at a time; None: it does. `now` is Unix seconds."""
    if index.issued > now + CLOCK_SKEW_SECONDS:
        text = f"the index was issued at {timestamp(index.issued)}, which is still to come by this node's clock"
        return IndexFault.NOT_YET, text
    if now >= index.expires:
        return IndexFault.EXPIRED, f"the index expired at {timestamp(index.expires)}"
    return None
