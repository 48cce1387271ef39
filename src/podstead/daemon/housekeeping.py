"""What is looked at now and then: the node's own state, which the API shows and systemd may ask for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.daemon.node import NodeView, node_object
from podstead.errors import RuntimeFault
from podstead.network.node_ip import find_node_ip
from podstead.server.port import Problem
from podstead.status.times import rfc3339
from podstead.store.changes import NODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.agent.pleg import Pleg
    from podstead.agent.syncloop import SyncLoop
    from podstead.clock import Clock
    from podstead.config import Settings
    from podstead.daemon.agent import Stores
    from podstead.daemon.front import NodeState
    from podstead.daemon.node import Machine
    from podstead.daemon.reporting import Board
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.state.runtime import RuntimeInfo
    from podstead.store.instance import Instance

# The kubelet's nodeStatusUpdateFrequency.
PERIOD_SECONDS = 10.0
# Until the first look is done the state changes fast.
STARTING_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class Housekeeping:
    """Refreshes the node's object and its problems."""

    settings: Settings
    instance: Instance
    machine: Machine
    labels: Mapping[str, str]
    connection: RuntimeConnection
    stores: Stores
    state: NodeState
    board: Board
    pleg: Pleg
    clock: Clock
    _shown: tuple[tuple[str, str], ...] = ()
    _changed: float = field(default=0.0)

    async def run(self, sync: SyncLoop | None) -> None:
        """Refresh for ever."""
        while True:
            await self._refresh(sync)
            await self.clock.sleep(PERIOD_SECONDS if self.state.ready else STARTING_SECONDS)

    async def _refresh(self, sync: SyncLoop | None) -> None:
        info: RuntimeInfo | None = None
        try:
            info = await self.connection.client.info()
        except RuntimeFault:
            self.pleg.lost("it does not answer")
        else:
            if not self.pleg.connected:
                await self.pleg.relist()
        if not self.settings.node.ip:
            self.state.address = (await asyncio.to_thread(find_node_ip)).ip
        problems = list(self._problems(info))
        self.state.runtime = info
        self.state.problems = tuple(problems)
        self.state.ready = info is not None and info.ready and (sync is None or sync.looked)
        pairs = tuple((p.reason, p.message) for p in problems)
        if pairs != self._shown or not self._changed:
            self._shown, self._changed = pairs, self.clock.now().wall
        mends = self.connection.mends
        view = NodeView(
            name=self.settings.node.name,
            ip=self.state.address,
            labels=self.labels,
            max_pods=self.settings.node.max_pods,
            since=rfc3339(self.instance.created_at),
            annotations={"podstead.io/mends": "; ".join(mends.described())} if mends and mends.described() else {},
        )
        self.stores.objects.put(NODES, node_object(view, self.machine, info, pairs, rfc3339(self._changed)))

    def _problems(self, info: RuntimeInfo | None) -> list[Problem]:
        found = []
        if info is None or not info.ready:
            why = info.message if info else "the runtime does not answer"
            found.append(Problem(reason="RuntimeNotReady", message=why, advice="podstead status"))
        if self.board.degraded:
            advice = "mount or restore the directory, or: podstead accept-directory"
            found.append(Problem(reason="ManifestDirectoryDegraded", message=self.board.degraded, advice=advice))
        if self.board.problem:
            found.append(Problem(reason="StateNotWritable", message=self.board.problem, advice="free disk space"))
        if self.board.overflow:
            text = f"{self.board.overflow} files beyond the budget of the manifest directory are not read"
            found.append(Problem(reason="TooManyFiles", message=text, advice="remove files that are no manifests"))
        if (trouble := self.stores.database.problem) is not None:
            found.append(Problem(reason="HistoryNotWritable", message=trouble, advice="free disk space"))
        if rejected := self.board.counts().get("Rejected"):
            text = f"{rejected} manifest files are rejected"
            found.append(Problem(reason="ManifestsRejected", message=text, advice="podstead get files"))
        mends = self.connection.mends
        sentences = mends.described() if mends else ()
        return [*found, *(Problem(reason="MachineMended", message=text) for text in sentences)]
