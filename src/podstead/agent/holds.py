"""Which pods are held: what runs of them runs on, and is not started again, as nobody stands for it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.desired import Held
from podstead.state.provenance import Warrant

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.ports import Auditor, Recorder
    from podstead.agent.session import PodSession
    from podstead.clock import Clock
    from podstead.state.allowances import Allowances
    from podstead.state.provenance import Provenance
    from podstead.state.records import Revision

KEY_REVOKED = "KeyRevoked"
ALLOWANCE_ENDED = "AllowanceEnded"
INDEX_EXPIRED = "IndexExpired"


class Holds:
    """Judges each pod whenever it is planned, and tells once of each that is held or let go.

    `withdrawn` says why the key that stands for a content counts no more, `expired` why nothing of it starts again after its
    index has ended; both empty where that is not so, as on a node without signatures. `enforced`: what nobody stands for is refused
    here, so that the end of root's leave says anything.
    """

    def __init__(
        self, allowances: Callable[[], Allowances], clock: Clock, recorder: Recorder, auditor: Auditor
    ) -> None:
        self._allowances = allowances
        self._clock = clock
        self._recorder = recorder
        self._auditor = auditor
        self.withdrawn: Callable[[Provenance], str] = lambda _: ""
        self.expired: Callable[[Provenance], str] = lambda _: ""
        self.enforced: Callable[[], bool] = lambda: False

    def of(self, revision: Revision | None) -> Held | None:
        """Return why nothing of a revision is started again; None: it is."""
        provenance = revision.provenance if revision is not None else None
        if provenance is None:
            return None
        if provenance.warrant is Warrant.ALLOWED:
            return self._allowed(provenance)
        if why := self.withdrawn(provenance):
            return Held(reason=KEY_REVOKED, message=f"{why}: sign it again with another key")
        if why := self.expired(provenance):
            return Held(reason=INDEX_EXPIRED, message=why)
        return None

    def _allowed(self, provenance: Provenance) -> Held | None:
        if not self.enforced() or self._allowances().for_digest(provenance.digest, self._clock.now()) is not None:
            return None
        text = "what root allowed (podstead allow) has ended: sign the manifest, or allow it again"
        return Held(reason=ALLOWANCE_ENDED, message=text)

    def judge(self, session: PodSession) -> Held | None:
        """Return why a pod is held; None: it is not. Told once of each change."""
        held = self.of(session.revision(session.record.effective))
        if held != session.held_told:
            session.held_told = held
            if held is not None:
                text = f"What runs of the pod runs on and is not started again: {held.message}"
                self._tell(session, held.reason, text, warning=True)
            else:
                self._tell(session, "Released", "The pod may start again")
        return held

    def _tell(self, session: PodSession, reason: str, text: str, *, warning: bool = False) -> None:
        event = "Held" if warning else reason
        self._recorder.event(session.key, session.uid, event, f"{reason}: {text}" if warning else text, warning=warning)
        facts = {Fact.POD_UID: session.uid, Fact.REVISION: session.record.effective or ""}
        self._auditor.note(AuditEntry(act=Act.HOLD, subject=str(session.key), reason=reason, message=text, facts=facts))
