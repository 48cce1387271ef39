"""Discovery documents, made of the table of resources: aggregated for kubectl, legacy for the Python clients. Pure.

Source: spec/kubectl.md 1.1; apidiscovery.k8s.io/v2 (KEP-3352).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.server.resources import RESOURCES, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

Document = dict[str, object]
"""A JSON object on its way out; discovery has a dozen shapes that nobody reads back."""

OWN_GROUP = "podstead.io"
OWN_VERSION = "v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnResource:
    """A kind of ours that can be listed like Kubernetes' own."""

    name: str
    singular: str
    kind: str
    namespaced: bool = False
    short_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("get", "list")


FILES = OwnResource(name="files", singular="file", kind="File")
IMAGES = OwnResource(name="images", singular="image", kind="Image", verbs=("delete", "list"))
CONFIG_MAPS = OwnResource(
    name="configmaps", singular="configmap", kind="ConfigMap", namespaced=True, short_names=("cm",)
)
SECRETS = OwnResource(name="secrets", singular="secret", kind="Secret", namespaced=True)
"""Not core/v1's: without its data an object is none, and must not be taken for one by a backup."""
OWN_RESOURCES = (CONFIG_MAPS, FILES, IMAGES, SECRETS)

_SERVICES: Document = {
    # kubectl cluster-info asks for services by name; the list is always empty
    "resource": "services",
    "responseKind": {"group": "", "version": "v1", "kind": "Service"},
    "scope": "Namespaced",
    "singularResource": "service",
    "shortNames": ["svc"],
    "verbs": ["get", "list"],
}


def _aggregated(resource: Resource) -> Document:
    document: Document = {
        "resource": resource.name,
        "responseKind": {"group": "", "version": "v1", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "shortNames": list(resource.short_names),
        "verbs": list(resource.verbs),
    }
    if resource.categories:
        document["categories"] = list(resource.categories)
    if resource.subresources:
        document["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": "", "version": "v1", "kind": sub.kind},
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources
        ]
    return document


def _own_aggregated(resource: OwnResource) -> Document:
    document: Document = {
        "resource": resource.name,
        "responseKind": {"group": OWN_GROUP, "version": OWN_VERSION, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    return document | {"shortNames": list(resource.short_names)} if resource.short_names else document


def _group_list(groups: Sequence[Document], version: str) -> Document:
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": list(groups),
    }


def aggregated_core(version: str) -> Document:
    """Return the aggregated answer to /api."""
    resources = [*map(_aggregated, RESOURCES), _SERVICES]
    group: Document = {"metadata": {}, "versions": [{"version": "v1", "freshness": "Current", "resources": resources}]}
    return _group_list([group], version)


def aggregated_groups(version: str) -> Document:
    """Return the aggregated answer to /apis."""
    resources = [_own_aggregated(resource) for resource in OWN_RESOURCES]
    versions = [{"version": OWN_VERSION, "freshness": "Current", "resources": resources}]
    return _group_list([{"metadata": {"name": OWN_GROUP}, "versions": versions}], version)


def legacy_versions() -> Document:
    """Return the legacy answer to /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def own_group() -> Document:
    """Return the answer to /apis/podstead.io."""
    version = {"groupVersion": f"{OWN_GROUP}/{OWN_VERSION}", "version": OWN_VERSION}
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": OWN_GROUP,
        "versions": [version],
        "preferredVersion": version,
    }


def legacy_groups() -> Document:
    """Return the legacy answer to /apis."""
    group = {key: value for key, value in own_group().items() if key not in {"kind", "apiVersion"}}
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}


def _entry(name: str, kind: str, verbs: Sequence[str], *, singular: str = "", namespaced: bool = False) -> Document:
    return {"name": name, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": list(verbs)}


def legacy_core_resources() -> Document:
    """Return the answer to /api/v1."""
    entries: list[Document] = []
    for resource in RESOURCES:
        entry = _entry(
            resource.name, resource.kind, resource.verbs, singular=resource.singular, namespaced=resource.namespaced
        )
        entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        entries.append(entry)
        entries += [
            _entry(f"{resource.name}/{sub.name}", sub.kind, sub.verbs, namespaced=resource.namespaced)
            for sub in resource.subresources
        ]
    services = _entry("services", "Service", ("get", "list"), singular="service", namespaced=True)
    entries.append(services | {"shortNames": ["svc"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": entries}


def legacy_own_resources() -> Document:
    """Return the answer to /apis/podstead.io/v1alpha1."""
    entries = [
        _entry(own.name, own.kind, own.verbs, singular=own.singular, namespaced=own.namespaced)
        | ({"shortNames": list(own.short_names)} if own.short_names else {})
        for own in OWN_RESOURCES
    ]
    group_version = f"{OWN_GROUP}/{OWN_VERSION}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}
