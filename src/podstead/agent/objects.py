"""The ConfigMaps and Secrets that pods are given, and who is told when they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.references import environment_references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import HeldObject, LocalObject, ObjectKey


class LocalObjects:
    """The present objects, a `state.objects.ObjectLookup`. Nothing of their data leaves by a repr."""

    def __init__(self) -> None:
        self._held: Mapping[ObjectKey, HeldObject] = {}
        self._former: dict[ObjectKey, LocalObject] = {}
        """Of each object there is, the content before the present one: containers may still have it."""
        self._listeners: list[Callable[[frozenset[ObjectKey]], None]] = []

    @property
    def held(self) -> Mapping[ObjectKey, HeldObject]:
        """Every object with where it comes from."""
        return self._held

    def get(self, key: ObjectKey) -> LocalObject | None:
        """Return the object, None when no accepted file gave it."""
        one = self._held.get(key)
        return one.object if one is not None else None

    def on_change(self, listener: Callable[[frozenset[ObjectKey]], None]) -> None:
        """Call `listener` with the names of all objects that came, went or changed, each time when some did."""
        self._listeners.append(listener)

    def take(self, held: Mapping[ObjectKey, HeldObject]) -> frozenset[ObjectKey]:
        """Make these the present objects; returns the names of those whose content is another, or that are new or gone."""
        before, self._held = self._held, held
        changed = frozenset(key for key in before.keys() | held.keys() if _digest(before, key) != _digest(held, key))
        former = {**self._former, **{key: before[key].object for key in changed if key in before}}
        # One that is no more was named by no pod: nothing that runs has anything of it.
        self._former = {key: one for key, one in former.items() if key in held}
        if changed:
            for listener in self._listeners:
                listener(changed)
        return changed

    def hidden(self, container: v1.Container, namespace: str) -> Iterator[tuple[str, str]]:
        """Yield the values that a container's environment may hold, each with the label that may be shown instead.

        For `k8s.text.blotted`, on whatever quotes a command or an environment (foundation 24).
        """
        for key in sorted(environment_references(container, namespace), key=str):
            present = self._held.get(key)
            for one in (present.object if present is not None else None, self._former.get(key)):
                for name, value in one.data.items() if one is not None else ():
                    text = value.decode("utf-8", "replace")
                    # A runtime writes the line breaks of a value as escapes: so each line counts for itself too.
                    for part in dict.fromkeys((text, *text.splitlines())):
                        yield part, f"[{key.kind} {key.name} {name}]"


def _digest(held: Mapping[ObjectKey, HeldObject], key: ObjectKey) -> str | None:
    one = held.get(key)
    return one.object.digest if one is not None else None
