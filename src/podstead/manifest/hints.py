"""What the author of an unknown field probably meant. Imported only when there is such a field."""

from __future__ import annotations

import difflib
from functools import cache

from podstead.manifest import schema
from podstead.manifest.findings import shown_key

_FOREIGN = {
    "replicas": "a field of a Deployment; a static pod runs once on its node",
    "selector": "a field of a Deployment or Service; a static pod has none",
    "template": "a field of a Deployment; write what stands under template.spec directly under spec",
    "strategy": "a field of a Deployment; a static pod has none",
    "environment": "docker compose's word; write env, a list of name and value",
    "restart": "docker compose's word; write spec.restartPolicy: Always, OnFailure or Never",
    "entrypoint": "docker's word; write command",
    "cmd": "docker's word; write args",
    "healthcheck": "docker compose's word; write livenessProbe",
    "network_mode": "docker compose's word; write spec.hostNetwork: true",
    "container_name": "docker compose's word; write name",
    "cap_add": "docker compose's word; write securityContext.capabilities.add",
}
_LONGEST_SLIP = 64
"""Characters: no field's name is longer, and comparing long texts takes its time."""
_SURE = 0.8
"""So similar a name (difflib's ratio) is a slip, even where the field exists elsewhere."""
_ELSEWHERE_MAX = 2
"""A name with more homes than this ("name", "type") says nothing about where it belongs."""
_USUAL = {"metadata", "spec", "spec.containers[]"}
_LEFT_OUT = {"status", "initContainers", "ephemeralContainers", "managedFields", "affinity", "ephemeral"}
"""Subtrees in which a field's home is never looked for: they repeat the others or are not written by hand."""


def unknown_field(name: str, known: list[str], model: schema.Shape) -> str:
    """Return a remark on an unknown field of a document of this model, with its hint.

    `known` are the names that the field's own object has; where else a field belongs is told of Pods only.
    """
    start = f"{shown_key(name)} is not read"
    by_case = {other.casefold(): other for other in known}
    if (other := by_case.get(name.casefold())) is not None:
        return f"{start}: write {other}, names are case-sensitive"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6) if len(name) <= _LONGEST_SLIP else []
    if near and difflib.SequenceMatcher(None, near[0], name).ratio() >= _SURE:
        return f"{start}: did you mean {near[0]}?"
    if model is schema.POD and 0 < len(homes := _homes_of(name)) <= _ELSEWHERE_MAX:
        return f"{start} here: it belongs to {' or '.join(homes)}"
    if model is schema.POD and (foreign := _FOREIGN.get(name)) is not None:
        return f"{start}: {foreign}"
    return f"{start}: did you mean {near[0]}?" if near else start


def _homes_of(name: str) -> tuple[str, ...]:
    """Return where a name belongs; beside its place in the pod or its containers no deeper one is meant."""
    homes = _homes().get(name.casefold(), ())
    near = tuple(home for home in homes if home.rpartition(".")[0] in _USUAL)
    return near or homes


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Return where each field name of the Pod model, in lower case, belongs: `spec.containers[].ports`."""
    homes: dict[str, list[str]] = {}

    def visit(shape: schema.Shape, path: str) -> None:
        if shape.form in {schema.Form.LIST, schema.Form.MAP} and shape.item is not None:
            visit(shape.item, path + "[]")
        elif shape.struct is not None:
            for field in schema.fields(shape.struct).values():
                if field.name not in _LEFT_OUT:
                    below = f"{path}.{field.name}" if path else field.name
                    homes.setdefault(field.name.casefold(), []).append(below)
                    visit(field.shape, below)

    visit(schema.POD, "")
    return {name: tuple(sorted(paths, key=len)) for name, paths in homes.items()}
