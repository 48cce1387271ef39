"""Builds the upkeep of the node: its loops, and what they can do about a shortage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from podstead.agent.evictions import Evictions
from podstead.agent.home import PodHomes
from podstead.agent.made import Made
from podstead.agent.naming import PodNaming
from podstead.daemon.foreign import ForeignWatch
from podstead.daemon.image_needs import NeededImages
from podstead.daemon.keeping import StoreBooks
from podstead.daemon.node_pods import CgroupMeter, LoggingPods, RoomPods
from podstead.daemon.own_house import OwnHouse
from podstead.daemon.volumes import mount_abilities
from podstead.errors import RuntimeFault
from podstead.state.runtime_classes import RuntimeClasses
from podstead.upkeep.images import ImageKeeper
from podstead.upkeep.limits import LimitKeeper
from podstead.upkeep.logs import LogKeeper
from podstead.upkeep.meter import PodMeter
from podstead.upkeep.pressure import PressureKeeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from podstead.agent.pleg import Pleg
    from podstead.agent.table import PodTable
    from podstead.daemon.ground import Ground
    from podstead.identity import PodUID
    from podstead.volumes.home import PodVolumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What keeps the node fit for its pods, and what pods have on it."""

    homes: PodHomes
    logs: LogKeeper
    images: ImageKeeper
    needs: NeededImages
    naming: PodNaming
    pressure: PressureKeeper
    limits: LimitKeeper
    house: OwnHouse
    made: Made
    foreign: ForeignWatch

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The loops by name."""
        return {
            "logs": self.logs.run,
            "images": self.images.run,
            "names": self.naming.run,
            "pressure": self.pressure.run,
            "limits": self.limits.run,
            "own-house": self.house.run,
            "foreign": self.foreign.run,
        }

    def changed(self, uid: PodUID) -> None:
        """Note that the view of a pod has changed."""
        self.logs.changed(uid)
        self.naming.changed()


def build_upkeep(ground: Ground, table: Callable[[], PodTable], pleg: Pleg, volumes: PodVolumes) -> Upkeep:
    """Build the loops; nothing runs yet."""
    settings, client, clock, recorder = ground.settings, ground.connection.client, ground.clock, ground.recorder
    eviction, pods, use = settings.upkeep.eviction, RoomPods(table, pleg), CgroupMeter(ground.cgroups)
    logs = LogKeeper(LoggingPods(table, pleg), client, settings.paths, settings.upkeep.logs, clock)
    needs = NeededImages(ground, table, pleg)
    images = ImageKeeper(client, needs, ground.signals, settings.upkeep.images, recorder, clock)
    meter = PodMeter(volumes, client, settings.paths, use.memory, use.processes)
    books = StoreBooks(ground.stores.records, ground.stores.history, clock)
    evictions = Evictions(table, books, recorder, clock)
    made = Made()
    foreign = ForeignWatch(ground, table, made, needs)
    pleg.on_listed = foreign.listed
    reclaim = Reclaim(ground, pods, pleg, images, logs)
    return Upkeep(
        homes=_homes(ground, volumes, logs),
        logs=logs,
        images=images,
        needs=needs,
        naming=PodNaming(
            lambda: table().sessions(),
            pleg.view,
            lambda: (settings.node.name, ground.state.address),
            volumes,
            clock,
            serving=settings.node.pod_names,
        ),
        pressure=PressureKeeper(ground.signals, pods, meter, evictions, reclaim.run, eviction, recorder, clock),
        limits=LimitKeeper(pods, meter, evictions, recorder, eviction, clock),
        house=OwnHouse(settings, recorder, ground.auditor, clock),
        made=made,
        foreign=foreign,
    )


def _homes(ground: Ground, volumes: PodVolumes, logs: LogKeeper) -> PodHomes:
    whole = RuntimeClasses(classes=ground.settings.runtime.classes).with_overhead
    able, pids_limit = partial(mount_abilities, ground), ground.settings.node.pids_limit
    return PodHomes(volumes, ground.cgroups, whole, able, logs.forget, pids_limit)


class Reclaim:
    """Gives disk space back that costs nobody anything: images and records without use, logs of what has ended."""

    def __init__(self, ground: Ground, pods: RoomPods, pleg: Pleg, images: ImageKeeper, logs: LogKeeper) -> None:
        self._ground = ground
        self._pods = pods
        self._pleg = pleg
        self._images = images
        self._logs = logs

    async def run(self) -> None:
        """Do all of it; what fails is told to the log, and the rest is done."""
        for give in (self._remove_records, self._images.free_all):
            try:
                await give()
            except RuntimeFault as fault:
                self._ground.log.warning("cannot give disk space back: %s", fault)
        await self._logs.reclaim()

    async def _remove_records(self) -> None:
        """Remove the records of earlier attempts. Raises RuntimeFault."""
        for uid, container in self._pods.earlier_records():
            await self._ground.connection.client.remove_container(container)
            await self._pleg.refresh(uid)
