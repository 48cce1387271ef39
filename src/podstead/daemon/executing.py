"""The parts that act on a pod, by the steps of its plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.agent.executor import Executor
from podstead.agent.hooks import Hooks
from podstead.agent.means import Means
from podstead.agent.preparer import Preparer
from podstead.agent.promotion import Promotions
from podstead.agent.requests import RequestBuilder
from podstead.agent.resizer import Resizer
from podstead.agent.room import slot_rank
from podstead.agent.slots import StartSlots
from podstead.agent.starter import Starter
from podstead.agent.stopper import Stopper
from podstead.config.images import DOCKER_CONFIG
from podstead.daemon.image_needs import noting_pull
from podstead.daemon.keeping import StoreBooks
from podstead.daemon.node_facts import request_facts
from podstead.images.credentials import Credentials
from podstead.images.puller import Puller

if TYPE_CHECKING:
    from podstead.agent.pleg import Pleg
    from podstead.agent.rollback_gate import RollbackGate
    from podstead.daemon.ground import Ground
    from podstead.daemon.image_needs import ImageLedger
    from podstead.daemon.objects import Configuration
    from podstead.daemon.tending import Upkeep
    from podstead.volumes.home import PodVolumes

SLOTS_PER_CPU = 2
"""Best throughput of starts (spec/cri.md 2)."""


def build_puller(ground: Ground, ledger: ImageLedger) -> Puller:
    """Return what pulls images for pods; what it pulls stands in the ledger."""
    settings, client = ground.settings, ground.connection.client
    given = settings.images.credentials_file
    files = [Path(given)] if given else [settings.paths.root / "config.json", DOCKER_CONFIG]
    credentials = Credentials(files=files, warn=lambda text: ground.log.warning("%s", text))
    pull = noting_pull(ground, ledger)
    return Puller(pull, client.image, settings.images, credentials.find)


def build_executor(
    ground: Ground,
    puller: Puller,
    volumes: PodVolumes,
    pleg: Pleg,
    configured: Configuration,
    upkeep: Upkeep,
    rollbacks: RollbackGate,
) -> Executor:
    """Return what takes the steps of pods' plans."""
    recorder = ground.recorder
    means = Means(
        runtime=ground.connection.client,
        images=puller,
        home=upkeep.homes,
        books=StoreBooks(ground.stores.records, ground.stores.history, ground.clock),
        recorder=recorder,
        auditor=ground.auditor,
        clock=ground.clock,
        objects=configured.present,
        made=upkeep.made,
    )
    slots = StartSlots(SLOTS_PER_CPU * ground.machine.cpus)
    requests = RequestBuilder(
        request_facts(ground, configured), volumes, recorder, pleg.view, configured.inputs, upkeep.naming
    )
    starter = Starter(means, requests, pleg, lambda session: slots.held(slot_rank(session)))
    hooks = Hooks(means, pleg.view, lambda: ground.state.address)
    return Executor(
        Preparer(means), Promotions(means, rollbacks), starter, hooks, Stopper(means, hooks), Resizer(means), recorder
    )
