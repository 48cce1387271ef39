"""Under which names a pod with a network of its own finds the pods of its node (docs/adr/0006). Pure.

`NAME` is a pod of the same namespace by the name in its manifest, `NAME.NAMESPACE` one of any; both also with the node's
suffix, as the API shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_LINE = 500
"""musl reads lines of 511 bytes (name_from_hosts); a longer one would be two, the second without an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A pod that can be reached: `name` as in its manifest, `full` with the node's suffix."""

    namespace: str
    name: str
    full: str
    ips: tuple[str, ...]


class Names:
    """What pods of one namespace call the pods of their node. Rendered once, for all files that hold it."""

    __slots__ = ("_groups", "_lines", "_place")

    def __init__(self, namespace: str, pods: Sequence[Neighbour]) -> None:
        near = [pod for pod in pods if pod.namespace == namespace]
        won: dict[str, Neighbour] = {}
        # What is named shorter is meant sooner: a pod `a.b` of this namespace goes before pod `a` of namespace `b`.
        for spelt in (
            ((pod.name, pod) for pod in near),
            ((pod.full, pod) for pod in near),
            ((f"{pod.name}.{pod.namespace}", pod) for pod in pods),
            ((f"{pod.full}.{pod.namespace}", pod) for pod in pods),
        ):
            for name, pod in spelt:
                won.setdefault(name, pod)
        groups: dict[Neighbour, list[str]] = {}
        for name, pod in won.items():
            groups.setdefault(pod, []).append(name)
        self._groups = sorted(groups.items(), key=lambda one: (one[0].namespace, one[0].name))
        self._lines = [_rendered(pod, names) for pod, names in self._groups]
        self._place = {name: index for index, (_, names) in enumerate(self._groups) for name in names}

    def lines(self, taken: Collection[str]) -> str:
        """Return hosts(5) lines without the names that mean something else to the pod that reads them."""
        lines = self._lines
        concerned = {self._place[name] for name in taken if name in self._place}
        if concerned:
            lines = list(lines)
            for index in concerned:
                pod, names = self._groups[index]
                lines[index] = _rendered(pod, [name for name in names if name not in taken])
        return "".join(lines)


class Neighbourhood:
    """The pods that can be reached, seen from each namespace."""

    def __init__(self, pods: Sequence[Neighbour] = ()) -> None:
        self.pods = tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name)))
        self._seen: dict[str, Names] = {}

    def seen_from(self, namespace: str) -> Names:
        """Return the names as pods of a namespace use them."""
        found = self._seen.get(namespace)
        if found is None:
            found = self._seen[namespace] = Names(namespace, self.pods)
        return found


def _rendered(pod: Neighbour, names: Sequence[str]) -> str:
    if not names:
        return ""
    every = "\t".join(names)
    return "".join(
        f"{ip}\t{every}\n" if len(ip) + len(every) < MAX_LINE else "".join(f"{ip}\t{name}\n" for name in names)
        for ip in pod.ips
    )
