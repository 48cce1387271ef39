"""What this node's kernel and runtime can do for pods, as of the last look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.abilities import Abilities
from podstead.state.runtime import HandlerFeatures
from podstead.state.runtime_classes import RuntimeClasses, with_handlers

if TYPE_CHECKING:
    from podstead.daemon.ground import Ground


def abilities(ground: Ground) -> Abilities:
    """Return what the node can. A handler of the runtime is a class of its own name, unless it is configured otherwise."""
    info = ground.state.last_runtime
    handlers = handlers_of(ground)
    configured = RuntimeClasses(classes=ground.settings.runtime.classes, default_handler=ground.connection.handler)
    return Abilities(
        apparmor=ground.machine.apparmor,
        strict_groups=info is not None and info.strict_groups,
        classes=with_handlers(configured, tuple(one.name for one in handlers if one.name)),
        handlers=handlers,
        missing_controllers=ground.machine.missing_controllers,
    )


def handlers_of(ground: Ground) -> tuple[HandlerFeatures, ...]:
    """Return the runtime's handlers; of a private containerd that does not tell, those it was started with."""
    last = ground.state.last_runtime
    told = last.handlers if last is not None else ()
    if told or ground.connection.running is None:
        return told
    return tuple(HandlerFeatures(name=name) for name in ground.connection.running.probe.handlers)
