"""What every part of a running agent stands on: settings, clock, stores, the runtime, the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from podstead.audit.log import AuditLog
    from podstead.cgroups.tree import CgroupTree
    from podstead.clock import Clock
    from podstead.config.settings import Settings
    from podstead.daemon.node import Machine
    from podstead.daemon.node_state import NodeState
    from podstead.daemon.reporting import EventRecorder
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.daemon.stores import Stores
    from podstead.daemon.writers import Writers
    from podstead.store.instance import Instance
    from podstead.upkeep.signals import SignalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Made once, when the runtime is there; the parts are built upon it."""

    settings: Settings
    instance: Instance
    clock: Clock
    stores: Stores
    connection: RuntimeConnection
    recorder: EventRecorder
    auditor: AuditLog
    machine: Machine
    cgroups: CgroupTree
    state: NodeState
    signals: SignalSource
    log: logging.Logger
    writers: Writers
