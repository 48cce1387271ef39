"""Joins the upkeep of the node to the pods: builds its loops, and gives them the pods as they want to see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.agent.naming import PodNaming
from podstead.daemon.image_needs import NeededImages
from podstead.k8s.containers import all_containers
from podstead.state.updates import in_use
from podstead.upkeep.images import ImageKeeper
from podstead.upkeep.logs import LogKeeper
from podstead.upkeep.ports import LoggingPod

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from podstead.agent.pleg import Pleg
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.daemon.parts import Ground
    from podstead.identity import PodUID
    from podstead.volumes.home import PodVolumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What keeps the node fit for its pods."""

    logs: LogKeeper
    images: ImageKeeper
    needs: NeededImages
    naming: PodNaming

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The loops by name."""
        return {"logs": self.logs.run, "images": self.images.run, "names": self.naming.run}

    def changed(self, uid: PodUID) -> None:
        """Note that the view of a pod has changed."""
        self.logs.changed(uid)
        self.naming.changed()


def build_upkeep(ground: Ground, table: Callable[[], PodTable], pleg: Pleg, volumes: PodVolumes) -> Upkeep:
    """Build the loops; nothing runs yet."""
    settings, client, clock = ground.settings, ground.connection.client, ground.clock
    needs = NeededImages(ground, table, pleg)
    return Upkeep(
        logs=LogKeeper(_LoggingPods(table, pleg), client, settings.paths, settings.upkeep.logs, clock),
        images=ImageKeeper(client, needs, ground.signals, settings.upkeep.images, ground.recorder, clock),
        needs=needs,
        naming=PodNaming(
            lambda: table().sessions(),
            pleg.view,
            lambda: (settings.node.name, ground.state.address),
            volumes,
            clock,
            serving=settings.node.pod_names,
        ),
    )


class _LoggingPods:
    """The pods of the table, for the keeper of logs."""

    def __init__(self, table: Callable[[], PodTable], pleg: Pleg) -> None:
        self._table = table
        self._pleg = pleg

    def all(self) -> Iterator[LoggingPod]:
        """Yield every incarnation that has not ended."""
        return (self._pod(session) for session in self._table().sessions())

    def one(self, uid: PodUID) -> LoggingPod | None:
        """Return an incarnation, None when it has ended."""
        session = self._table().by_uid(uid)
        return self._pod(session) if session is not None else None

    def _pod(self, session: PodSession) -> LoggingPod:
        view, record = self._pleg.view(session.uid), session.record
        may_run = [session.revision(identifier) for identifier in in_use(record)]
        names = frozenset(c.name for r in may_run if r is not None for c in all_containers(r.pod.spec))
        return LoggingPod(key=session.key, uid=session.uid, containers=view.containers, names=names, fresh=view.fresh)
