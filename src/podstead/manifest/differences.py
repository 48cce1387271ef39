"""Where two Pods differ, field by field, and nothing about what follows from it.

List items are paired by the key that Kubernetes merges them by, so that an order means nothing where it means
nothing to the pod. A value that says nothing (absent, false, 0, empty) equals another one, but for the few fields
whose type knows more than that. Quantities are compared as amounts (foundation 13).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.structs import fields

from podstead.k8s import core_v1 as v1
from podstead.k8s import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MERGE_KEYS: dict[type[Struct], tuple[str, ...]] = {
    v1.Container: ("name",),
    v1.EphemeralContainer: ("name",),
    v1.Volume: ("name",),
    v1.VolumeMount: ("mount_path",),
    v1.VolumeDevice: ("device_path",),
    v1.ContainerPort: ("container_port", "protocol"),
    v1.EnvVar: ("name",),
    v1.HostAlias: ("ip",),
    v1.Sysctl: ("name",),
    v1.PodDNSConfigOption: ("name",),
    v1.HTTPHeader: ("name",),
    v1.LocalObjectReference: ("name",),
    v1.PodResourceClaim: ("name",),
    v1.ResourceClaim: ("name",),
    v1.DownwardAPIVolumeFile: ("path",),
    v1.KeyToPath: ("key",),
}
"""The merge keys of Kubernetes' list types, by attribute name; items of other types are paired by position."""

WHOLE_ITEMS: tuple[type[Struct], ...] = (v1.Container, v1.Volume)
"""Items that come or go as one difference instead of one for each of their fields."""

TELLING_ZEROS = frozenset(
    {
        "runAsUser", "runAsGroup", "fsGroup", "runAsNonRoot", "allowPrivilegeEscalation", "hostUsers",
        "terminationGracePeriodSeconds",
    }
)  # fmt: skip
"""Fields in which absent and zero are two things: a pointer in Kubernetes' types, and no default makes them one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One differing field. `path` names list items by key (`spec.containers[mysql].image`), `pattern` by `[]`.

    `keys` are the item keys along the path. `old` or `new` is None where the field, or the whole item, is absent.
    """

    path: str
    pattern: str
    keys: tuple[str, ...]
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class _Place:
    path: str = ""
    pattern: str = ""
    keys: tuple[str, ...] = ()

    def field(self, name: str) -> _Place:
        dot = "." if self.path else ""
        return replace(self, path=f"{self.path}{dot}{name}", pattern=f"{self.pattern}{dot}{name}")

    def item(self, key: str) -> _Place:
        return _Place(f"{self.path}[{key}]", f"{self.pattern}[]", (*self.keys, key))

    def entry(self, key: str) -> _Place:
        """Return the place of a map's entry: the pattern stays that of the map."""
        return replace(self, path=f"{self.path}[{key}]")

    def differs(self, old: object, new: object) -> Difference:
        return Difference(path=self.path, pattern=self.pattern, keys=self.keys, old=old, new=new)


def differences(old: v1.Pod, new: v1.Pod) -> tuple[Difference, ...]:
    """Return every field in which two defaulted Pods differ, in the order of the schema."""
    return tuple(_structs(old, new, _Place()))


def _structs(old: Struct | None, new: Struct | None, place: _Place) -> Iterator[Difference]:
    kind = type(old if old is not None else new)
    if old == new or not issubclass(kind, Struct):
        return
    for attribute, name, is_quantity in _members(kind):
        before = None if old is None else getattr(old, attribute)
        after = None if new is None else getattr(new, attribute)
        if before != after:
            yield from _values(before, after, place.field(name), is_quantity=is_quantity)


def _values(old: object, new: object, place: _Place, *, is_quantity: bool) -> Iterator[Difference]:
    sample = old if _says_something(old) else new
    if isinstance(sample, Struct):
        yield from _structs(_struct_or_none(old), _struct_or_none(new), place)
    elif isinstance(sample, dict):
        yield from _maps(_map_or_empty(old), _map_or_empty(new), place, is_quantity=is_quantity)
    elif isinstance(sample, tuple) and sample and isinstance(sample[0], Struct):
        yield from _lists(_items(old), _items(new), place)
    elif not _same(old, new, place, is_quantity=is_quantity):
        yield place.differs(old, new)


def _same(old: object, new: object, place: _Place, *, is_quantity: bool) -> bool:
    if old == new:
        return True
    if is_quantity and isinstance(old, str) and isinstance(new, str):
        return _same_amount(old, new)
    if place.pattern.rpartition(".")[2] in TELLING_ZEROS:
        return False
    return not _says_something(old) and not _says_something(new)


def _same_amount(old: str, new: str) -> bool:
    try:
        return quantity.parse(old) == quantity.parse(new)
    except quantity.QuantityError:
        return False


def _says_something(value: object) -> bool:
    """Return whether a value is more than Go's zero value; a struct, which has no truth value, always is."""
    return bool(value)


def _maps(
    old: Mapping[str, object], new: Mapping[str, object], place: _Place, *, is_quantity: bool
) -> Iterator[Difference]:
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after or (
            is_quantity and isinstance(before, str) and isinstance(after, str) and _same_amount(before, after)
        ):
            continue
        yield place.entry(key).differs(before, after)


def _lists(old: Sequence[Struct], new: Sequence[Struct], place: _Place) -> Iterator[Difference]:
    before, after = _keyed(old), _keyed(new)
    for key in {**before, **after}:
        one, other = before.get(key), after.get(key)
        here = place.item(key)
        if (one is None or other is None) and isinstance(one or other, WHOLE_ITEMS):
            yield here.differs(one, other)
        else:
            yield from _structs(one, other, here)
    if _order_counts(place, (*old, *new)) and [k for k in before if k in after] != [k for k in after if k in before]:
        yield place.differs(old, new)


def _order_counts(place: _Place, items: Sequence[Struct]) -> bool:
    """Return whether moving items means something: init containers run in order, `$(NAME)` looks upwards."""
    if place.pattern == "spec.initContainers":
        return True
    return any(isinstance(item, v1.EnvVar) and "$(" in (item.value or "") for item in items)


def _keyed(items: Sequence[Struct]) -> dict[str, Struct]:
    """Return the items by merge key, in their order; a repeated key is told apart by its count."""
    found: dict[str, Struct] = {}
    seen: dict[str, int] = {}
    for position, item in enumerate(items):
        names = MERGE_KEYS.get(type(item))
        key = str(position) if names is None else "/".join(str(getattr(item, name) or "") for name in names)
        count = seen[key] = seen.get(key, 0) + 1
        found[key if count == 1 else f"{key}#{count}"] = item
    return found


def _struct_or_none(value: object) -> Struct | None:
    return value if isinstance(value, Struct) else None


def _map_or_empty(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> tuple[Struct, ...]:
    return value if isinstance(value, tuple) else ()


@cache
def _members(kind: type[Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Return attribute name, JSON name and whether it holds quantities, for each field of a model type."""
    return tuple((f.name, f.encode_name, _holds_quantity(f.type)) for f in fields(kind))


def _holds_quantity(annotation: object) -> bool:
    if get_origin(annotation) is Annotated:
        metas = (extra for extra in get_args(annotation)[1:] if isinstance(extra, Meta))
        return any((meta.extra or {}).get("format") == "quantity" for meta in metas)
    return any(_holds_quantity(inner) for inner in get_args(annotation))
