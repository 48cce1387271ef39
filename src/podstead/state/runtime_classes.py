"""The runtime classes of this node: which handler a pod's sandbox is made by, and what it takes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from podstead.config.runtime import RuntimeClass

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeClasses:
    """Classes by name. `default_handler` makes the pods that name none; empty leaves it to the runtime."""

    classes: tuple[RuntimeClass, ...] = ()
    default_handler: str = ""

    def find(self, name: str) -> RuntimeClass | None:
        """Return the class of this name."""
        return next((one for one in self.classes if one.name == name), None)

    def handler(self, spec: v1.PodSpec) -> str | None:
        """Return the handler that a pod asks for; None when this node has no such class."""
        if not spec.runtime_class_name:
            return self.default_handler
        found = self.find(spec.runtime_class_name)
        return found.handler if found is not None else None

    def with_overhead(self, pod: v1.Pod) -> v1.Pod:
        """Return the pod with the overhead of its class, unless its manifest states one."""
        found = self.find(pod.spec.runtime_class_name or "")
        if found is None or not found.overhead or pod.spec.overhead:
            return pod
        return replace(pod, spec=replace(pod.spec, overhead=dict(found.overhead)))


def with_handlers(configured: RuntimeClasses, handlers: tuple[str, ...]) -> RuntimeClasses:
    """Return the classes with one more for each of these handlers, of the handler's name where that is free."""
    own = [RuntimeClass(name=name, handler=name) for name in handlers if configured.find(name) is None]
    return RuntimeClasses(classes=(*configured.classes, *own), default_handler=configured.default_handler)
