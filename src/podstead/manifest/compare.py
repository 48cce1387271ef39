"""What an edit disturbs: two revisions of a pod compared by the restart table (foundation 12-14).

Both pods have been decoded and defaulted by the same code; neither hash nor stored verdict takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.k8s import apparmor, qos, resources
from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import find_container, is_sidecar, standing_containers
from podstead.k8s.volumes import uses
from podstead.manifest.differences import Difference, differences
from podstead.manifest.resizing import resize_effect
from podstead.manifest.restart_table import Effect, effect_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

_HOSTS_FILE = "/etc/hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One changed field for display. `path` names list items by key; values are never shown (foundation 24).

    `effect` is what the change asks for in these two pods, `containers` whom it concerns if that is CONTAINER.
    """

    path: str
    effect: Effect
    containers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to happen so that the running pod agrees with the new revision.

    `pod`: the whole pod restarts, and the other sets are for display. `containers`: names to start anew or, those in
    `added`, for the first time; `removed`: names to stop for good. `prober`: there are new probes to take.
    `resize`: names of containers whose resources change in place. `fields` is every change, also those with no effect.
    """

    pod: bool = False
    containers: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    prober: bool = False
    resize: frozenset[str] = frozenset()
    fields: tuple[FieldChange, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the running pod already agrees with the new revision."""
        return not (self.pod or self.containers or self.removed or self.prober or self.resize)

    @property
    def disturbs(self) -> bool:
        """Whether something that may be running has to stop."""
        return self.pod or bool(self.containers - self.added) or bool(self.removed)

    @property
    def summary(self) -> str:
        """What restarts, in a few words for people."""
        if self.pod:
            return "the whole pod"
        started, stopped = sorted(self.containers - self.added), sorted(self.removed)
        parts = [f"container {name}" for name in started]
        parts += [f"container {name} (for the first time)" for name in sorted(self.containers & self.added)]
        parts += [f"container {name} (for good)" for name in stopped]
        return ", ".join(parts) or "nothing"


def compare(old: v1.Pod, new: v1.Pod) -> Changes:
    """Return what the edit from one defaulted pod to another disturbs.

    Beyond the table's rows:

    - a change of a sidecar's own is that of any container: it runs beside the others, and nothing waits for it any more
      that has begun. A change of an init container that has done its work lets it be done again, in a new sandbox.
    - a changed volume restarts the containers that mount it. It restarts the pod when an init container mounts it,
      because the new volume must be initialised again, and when each of several containers does, so that no two of
      them ever run with the old and the new volume side by side. A single container is just restarted, for there is
      nobody to disagree with: its sandbox, address and other volumes live on. An unmounted volume restarts nothing.
    - an emptyDir of another medium or mode must be fresh, and a pod gets fresh ones as a whole.
    - an env entry that names a changed label or annotation, or a changed resource, restarts its container. A subPathExpr
      sees such values only through env.
    - requests and limits of cpu and memory change in place where `resizing` says so.
    - host ports concern the sandbox, but not with hostNetwork.
    - another QoS class restarts the pod, which moves to another cgroup; another OOM protection restarts every
      container, for the score is given to a process when it starts.
    """
    found = [*_field_changes(old, new), *_consequences(old, new)]
    before, after = _names(old), _names(new)
    return Changes(
        pod=any(change.effect in {Effect.POD, Effect.REFUSED} for change in found),
        containers=(started := _concerned_by(found, Effect.CONTAINER, Effect.POD) & after),
        added=after - before,
        removed=before - after,
        prober=any(change.effect is Effect.PROBER for change in found),
        resize=(_concerned_by(found, Effect.RESIZE) & before & after) - started,
        fields=tuple(found),
    )


def _concerned_by(found: Iterable[FieldChange], *effects: Effect) -> frozenset[str]:
    return frozenset().union(*(change.containers for change in found if change.effect in effects))


def _names(pod: v1.Pod) -> frozenset[str]:
    """Return the containers that can be restarted by themselves."""
    return frozenset(container.name for container in standing_containers(pod.spec))


def _field_changes(old: v1.Pod, new: v1.Pod) -> Iterator[FieldChange]:
    """Yield one change for each differing field, by its row and the narrowing that the row tells of."""
    host_network = bool(old.spec.host_network) and bool(new.spec.host_network)
    for found in differences(old, new):
        difference = _as_of_any_container(found, old, new)
        effect = effect_of(difference.pattern)
        concerned: frozenset[str] = frozenset()
        if difference.pattern.endswith((".ports[].hostPort", ".ports[].hostIP")):
            effect = Effect.NOTHING if host_network else effect
        elif difference.pattern.startswith("spec.volumes[].emptyDir.") and effect is Effect.POD:
            effect, concerned = _another_empty_dir(difference.keys[0], old, new)
        elif effect in {Effect.CONTAINER, Effect.RESIZE}:
            effect, concerned = _concerned(difference, old, new, host_network=host_network)
        elif difference.pattern == "spec.priorityClassName" and qos.is_oom_protected(old) != qos.is_oom_protected(new):
            effect, concerned = Effect.CONTAINER, _names(old) & _names(new)
        elif difference.path.startswith(f"metadata.annotations[{apparmor.ANNOTATION}"):
            name = difference.path.removesuffix("]").rpartition("/")[2]
            concerned = frozenset({name}) & _names(old) & _names(new)
            plain = any(init.name == name for init in new.spec.init_containers) and not concerned
            effect = Effect.CONTAINER if concerned else Effect.POD if plain else effect
        yield FieldChange(path=difference.path, effect=effect, containers=concerned)


def _as_of_any_container(difference: Difference, old: v1.Pod, new: v1.Pod) -> Difference:
    """Return a difference within a sidecar as the one of a regular container that it amounts to."""
    inside = difference.pattern.removeprefix("spec.initContainers[]")
    if not inside.startswith("."):
        return difference
    both = (find_container(pod.spec, difference.keys[0]) for pod in (old, new))
    if not all(one is not None and is_sidecar(one) for one in both):
        return difference
    return replace(difference, pattern=f"spec.containers[]{inside}")


def _concerned(
    difference: Difference, old: v1.Pod, new: v1.Pod, *, host_network: bool
) -> tuple[Effect, frozenset[str]]:
    """Return effect and containers of a change whose row says CONTAINER or RESIZE."""
    if difference.pattern.startswith("spec.volumes[]"):
        return _volume_effect(difference.keys[0], old, new)
    if difference.pattern.startswith("spec.hostAliases"):
        standing = (c for pod in (old, new) for c in standing_containers(pod.spec))
        names = frozenset(c.name for c in standing if not _has_own_hosts_file(c))
        return (Effect.CONTAINER, names) if names else (Effect.NOTHING, names)
    if effect_of(difference.pattern) is Effect.RESIZE:
        before, after = (find_container(pod.spec, difference.keys[0]) for pod in (old, new))
        effect = resize_effect(difference, before, after) if before and after else Effect.CONTAINER
        return effect, frozenset({difference.keys[0]} if effect is not Effect.NOTHING else ())
    whole = difference.old or difference.new
    if isinstance(whole, v1.Container) and not host_network and any(port.host_port for port in whole.ports):
        return Effect.POD, frozenset()
    return Effect.CONTAINER, frozenset({difference.keys[0]})


def _volume_effect(volume: str, old: v1.Pod, new: v1.Pod) -> tuple[Effect, frozenset[str]]:
    """Return what a changed volume restarts; `compare` tells the reasons."""
    init = (c for pod in (old, new) for c in pod.spec.init_containers if not is_sidecar(c))
    if any(uses(container, volume) for container in init):
        return Effect.POD, frozenset()
    users = frozenset(c.name for pod in (old, new) for c in standing_containers(pod.spec) if uses(c, volume))
    if not users:
        return Effect.NOTHING, users
    if len(users) > 1 and users >= _names(old) | _names(new):
        return Effect.POD, users
    return Effect.CONTAINER, users


def _another_empty_dir(volume: str, old: v1.Pod, new: v1.Pod) -> tuple[Effect, frozenset[str]]:
    """Return what another medium or mode restarts: the pod, unless the volume was or becomes another kind."""
    effect, users = _volume_effect(volume, old, new)
    both = all(v.empty_dir is not None for pod in (old, new) for v in pod.spec.volumes if v.name == volume)
    return (Effect.POD, users) if both and effect is not Effect.NOTHING else (effect, users)


def _has_own_hosts_file(container: v1.Container) -> bool:
    return any(mount.mount_path.rstrip("/") == _HOSTS_FILE for mount in container.volume_mounts)


def _consequences(old: v1.Pod, new: v1.Pod) -> Iterator[FieldChange]:
    """Yield what follows from several fields together and has no row of its own."""
    old_class, new_class = qos.qos_class(old), qos.qos_class(new)
    if old_class != new_class:
        yield FieldChange(path="status.qosClass", effect=Effect.POD)
    for kind, containers in (("containers", new.spec.containers), ("initContainers", new.spec.init_containers)):
        for container in containers:
            if find_container(old.spec, container.name) is None:
                continue
            alone = container.name in _names(old) & _names(new)
            for place in _stale_env(old, new, container):
                yield FieldChange(
                    path=f"spec.{kind}[{container.name}].{place}",
                    effect=Effect.CONTAINER if alone else Effect.POD,
                    containers=frozenset({container.name} if alone else ()),
                )


def _stale_env(old: v1.Pod, new: v1.Pod, container: v1.Container) -> Iterator[str]:
    """Yield the references in env, by their path below the container, whose meaning differs between the pods."""
    for entry in container.env:
        source = entry.value_from or v1.EnvVarSource()
        if source.field_ref is not None:
            field_path = source.field_ref.field_path
            if _field(old, field_path) != _field(new, field_path):
                yield f"env[{entry.name}].valueFrom.fieldRef"
        reference = source.resource_field_ref
        if reference is not None:
            name, resource = reference.container_name or container.name, reference.resource
            if _resource(old, name, resource) != _resource(new, name, resource):
                yield f"env[{entry.name}].valueFrom.resourceFieldRef"


def _field(pod: v1.Pod, field_path: str) -> str:
    """Return a label or annotation that a fieldRef names; every other fieldRef keeps its value over an edit."""
    for prefix, values in (
        ("metadata.labels['", pod.metadata.labels),
        ("metadata.annotations['", pod.metadata.annotations),
    ):
        if field_path.startswith(prefix):
            return values.get(field_path.removeprefix(prefix).removesuffix("']"), "")
    return ""


def _resource(pod: v1.Pod, container: str, resource: str) -> Fraction | None:
    """Return the amount of a container's `limits.cpu` and the like."""
    kind, _, name = resource.partition(".")
    found = find_container(pod.spec, container)
    if found is None or found.resources is None:
        return None
    lists = {"limits": found.resources.limits, "requests": found.resources.requests}
    return resources.amounts(lists.get(kind, {})).get(name)
