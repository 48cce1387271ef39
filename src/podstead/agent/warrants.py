"""Whether what stood for a content when it was admitted still does: asked before anything of it starts again or comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.signing.index import Expiry
from podstead.signing.index_verify import IndexFault
from podstead.state.provenance import Warrant

if TYPE_CHECKING:
    from podstead.agent.signatures import Signatures
    from podstead.clock import Clock
    from podstead.state.provenance import Provenance


class Warrants:
    """Holds what an admitted content goes by against today's keys, index and clock, where signatures are enforced."""

    def __init__(self, signatures: Signatures, clock: Clock) -> None:
        self._signatures = signatures
        self._clock = clock

    def withdrawn(self, provenance: Provenance) -> str:
        """Return why the key that stands for what runs counts no more; empty: it does, or nobody signed.

        What runs under such a key runs on, and is not started again.
        """
        keeper = self._signatures.keeper
        if keeper.mode is not SignatureMode.ENFORCE or not provenance.key or keeper.signers.unknown:
            return ""
        if provenance.key in keeper.signers.keys:
            return ""
        return f"the key {provenance.key} of {provenance.principals} is revoked, or no allowed signer's any more"

    def against(self, provenance: Provenance | None) -> str:
        """Return why what stood for an earlier content does not let it in today; empty: it does."""
        keeper, standing = self._signatures.keeper, self._signatures.standing
        if keeper.mode is not SignatureMode.ENFORCE:
            return ""
        if provenance is None or provenance.warrant is Warrant.NOTHING:
            return "nobody signed it"
        if provenance.warrant is Warrant.ALLOWED:
            is_allowed = provenance.digest in self._signatures.allowed()
            return "" if is_allowed else "what root allowed (podstead allow) has ended"
        if keeper.signers.unknown:
            return "it is not known whom to trust"
        if why := self.withdrawn(provenance):
            return why
        index = standing.index
        if index is not None and any(one.sha256 == provenance.digest for one in index.files.values()):
            return ""
        floor = keeper.past.floor or 0
        if provenance.index_version is None and standing.due:
            return "it was signed by itself, and this node goes by an index now"
        if provenance.index_version is not None and provenance.index_version < floor:
            return f"it came with index {provenance.index_version}, and {floor} is the lowest that counts"
        until = provenance.until if provenance.index_version is None else None
        if until is not None and until < self._clock.now().wall:
            return f"the key {provenance.key} that signed it is no longer valid"
        return ""

    def expired(self, provenance: Provenance) -> str:
        """Return why nothing of a content starts again: its index ended, and was signed to end so; empty: it may."""
        index, objection = self._signatures.standing.index, self._signatures.standing.objection
        if self._signatures.mode is not SignatureMode.ENFORCE or provenance.index_version is None or index is None:
            return ""
        if index.expiry is not Expiry.HARD or objection is None or objection.reason is not IndexFault.EXPIRED:
            return ""
        return f"{objection.message}; it was signed with expiry hard, so nothing starts again after it"
