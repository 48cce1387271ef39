"""Whether a pod may go back to an earlier revision: by today's keys and today's policy, and above the index's floor.

That a content was admitted once is no reason to run it now: whoever may ask for a rollback, or make an update fail, could else
bring back what was signed by a key that was revoked since, or what a newer index has put behind it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from podstead.manifest.reading import ManifestPod, Reading, foremost
from podstead.state.sources import ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.gates import Judge
    from podstead.state.provenance import Provenance
    from podstead.state.records import Revision


class RollbackGate:
    """Asks what stood for a revision, and the judge of manifests about its content.

    `against` says why what stood for a content does not let it in today; empty: it does, as on a node without signatures.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.against: Callable[[Provenance | None], str] = lambda _: ""

    async def refusal(self, revision: Revision) -> str:
        """Return why a pod does not go back to a revision, one clause without a full stop; empty: it may."""
        if why := self.against(revision.provenance):
            return why
        file = ManifestFile(
            name=revision.file,
            path=revision.file,
            data=revision.data,
            digest=sha256(revision.data).hexdigest(),
            size=len(revision.data),
            owner=revision.owner,
            provenance=revision.provenance,
        )
        content = ManifestPod(
            key=revision.key, revision=revision.id, pod=revision.pod, data=revision.data, document=revision.document
        )
        look = SourceSnapshot(path="", files=(file,), certain=False)
        judged = (await self._judge.judge(look, {file.name: Reading(pods=(content,))}))[file.name]
        if judged.accepted:
            return ""
        said = next((message.placed for message in foremost(judged.messages)), "it is refused today")
        return f"{judged.reason}: {said}"
