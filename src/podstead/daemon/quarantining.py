"""The quarantine of a node, where one is asked for: which names stay, where files go, what is written beside them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podstead.agent.quarantine import CellFault, Quarantine
from podstead.sources.quarantine import Quarantined, QuarantineFault, cell_of, take
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.quarantine import Refused
    from podstead.agent.table import PodTable
    from podstead.config.sources import SourceSettings
    from podstead.daemon.gates import NodeGates
    from podstead.daemon.ground import Ground


class _Cell:
    """Moves files on a thread, and notes what is known of them."""

    def __init__(self, ground: Ground, settings: SourceSettings) -> None:
        self._ground = ground
        self._settings = settings

    async def take(self, refused: Refused) -> str:
        """Move one and return what it is called there; raises CellFault where it stays."""
        file, now = refused.file, self._ground.clock.now().wall
        what = Quarantined(
            id=f"{datetime.fromtimestamp(now, UTC):%Y%m%d%H%M%S}-{file.digest[:8]}",
            name=file.name,
            path=file.path,
            digest=file.digest,
            size=file.size,
            owner=file.owner,
            moved_at=rfc3339(now),
            reason=refused.reason,
            message=refused.message,
            writer=self._ground.writers.sentence(file.name),
        )
        try:
            await asyncio.to_thread(take, self._settings, cell_of(self._ground.settings.paths.root), what)
        except QuarantineFault as fault:
            raise CellFault(str(fault)) from fault
        return what.id


def with_quarantine(ground: Ground, gates: NodeGates, table: Callable[[], PodTable]) -> NodeGates:
    """Return the gates with a quarantine behind them where one is asked for."""
    source = ground.settings.source
    if source is None or not ground.settings.security.quarantine:
        return gates

    def stays(name: str) -> str:
        if held := [str(key) for key, r in table().records().items() if r.claim.file == name and not r.terminating]:
            return f"it holds {', '.join(sorted(held))}, which goes on"
        standing = gates.signatures.standing if gates.signatures is not None else None
        if standing is not None and standing.index is not None and name in standing.index.files:
            return "the index in force lists it"
        if standing is not None and standing.due and standing.index is None:
            return "this node goes by an index, and none is in force that could say whether it lists it"
        return ""

    quarantine = Quarantine(
        gates.manifests, _Cell(ground, source), stays, ground.recorder, ground.auditor, ground.clock
    )
    return replace(gates, manifests=quarantine.gates, quarantine=quarantine)
