"""What `podstead get` and `describe` know: names, short names and paths of the API's resources."""

from __future__ import annotations

from dataclasses import dataclass

from podstead.cli.client import OWN, segment
from podstead.cli.options import UsageError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object: its plural and singular, what else it is called, and whether it lies in a namespace."""

    name: str
    singular: str
    short: tuple[str, ...]
    namespaced: bool = False
    own: bool = False
    """Of our API group: reports rather than Kubernetes objects, and no watch."""

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of one object, or of all; an empty namespace means every one."""
        head = OWN if self.own else "/api/v1"
        if self.namespaced and namespace:
            head += f"/namespaces/{segment(namespace)}"
        return f"{head}/{self.name}" + (f"/{segment(name)}" if name else "")


PODS = Resource(name="pods", singular="pod", short=("po", "all"), namespaced=True)
NODES = Resource(name="nodes", singular="node", short=("no",))
EVENTS = Resource(name="events", singular="event", short=("ev",), namespaced=True)
NAMESPACES = Resource(name="namespaces", singular="namespace", short=("ns",))
FILES = Resource(name="files", singular="file", short=(), own=True)
IMAGES = Resource(name="images", singular="image", short=(), own=True)
CONFIG_MAPS = Resource(name="configmaps", singular="configmap", short=("cm",), namespaced=True, own=True)
SECRETS = Resource(name="secrets", singular="secret", short=(), namespaced=True, own=True)
RESOURCES = (PODS, NODES, EVENTS, NAMESPACES, FILES, CONFIG_MAPS, SECRETS)


ELSEWHERE = {
    "allowances": "podstead allow list",
    "foreign": "podstead status, where ForeignInRuntime names what the agent did not make",
    "images": "podstead image list",
    "index": "podstead trust",
    "keys": "podstead keys",
    "policy": "podstead describe node",
    "quarantine": "podstead quarantine list",
    "revisions": "podstead history POD",
    "signers": "podstead keys",
}
"""What is asked for as if it were a resource, and which command shows it."""


def resource_named(word: str) -> Resource:
    """Return the resource of this name, singular or short name; raises UsageError."""
    names = {name: resource for resource in RESOURCES for name in (resource.name, resource.singular, *resource.short)}
    found = names.get(word.lower())
    if found is None:
        if elsewhere := ELSEWHERE.get(word.lower()):
            raise UsageError(f"{word.lower()} is not a resource: see {elsewhere}")
        near = nearest(word, names)
        known = ", ".join(resource.name for resource in RESOURCES)
        raise UsageError(
            f"there is no resource {word!r} here: " + (f"did you mean {near}?" if near else f"take {known}")
        )
    return found


def split_target(words: tuple[str, ...]) -> tuple[Resource, tuple[str, ...]]:
    """Return the resource and names of `pods a b` or `pod/a`; raises UsageError."""
    first, *names = words
    kind, slash, name = first.partition("/")
    if slash and not names:
        return resource_named(kind), (name,) if name else ()
    return resource_named(first), tuple(names)


def pod_name(word: str) -> str:
    """Return the name in `NAME`, `pod/NAME` or `po/NAME`; raises UsageError for another kind."""
    kind, slash, name = word.partition("/")
    if not slash:
        return word
    if resource_named(kind) is not PODS or not name:
        raise UsageError(f"{word!r} is not a pod: write its name, or pod/NAME")
    return name
