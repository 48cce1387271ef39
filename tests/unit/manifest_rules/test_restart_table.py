"""The restart table against the generated model: no field without a row, no row without a field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from msgspec import Struct
from msgspec.structs import fields

from podstead.k8s import core_v1 as v1
from podstead.manifest.restart_table import RESTART_TABLE, Effect, as_markdown, effect_of, rule_of
from tests.support.edits import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Iterator


def struct_in(annotation: object) -> tuple[type[Struct], bool] | None:
    """Return the model type an annotation holds and whether it holds a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation, False
    for inner in get_args(annotation):
        found = struct_in(inner)
        if found is not None:
            return found[0], found[1] or getattr(annotation, "__origin__", None) is tuple
    return None


def patterns(kind: type[Struct], place: str = "") -> Iterator[str]:
    """Yield the pattern of each leaf and each list item below a model type."""
    for field in fields(kind):
        path = f"{place}.{field.encode_name}" if place else field.encode_name
        inner = struct_in(field.type)
        if inner is None:
            yield path
        elif inner[1]:
            yield f"{path}[]"
            yield from patterns(inner[0], f"{path}[]")
        else:
            yield from patterns(inner[0], path)


def test_the_walk_sees_the_whole_model() -> None:
    found = set(patterns(v1.Pod))
    assert len(found) > 1000
    assert {
        "spec.containers[].env[].valueFrom.secretKeyRef.key",
        "spec.volumes[].projected.sources[].downwardAPI.items[].path",
        "spec.containers[].resources.limits",
        "status.podIPs[].ip",
    } <= found


def test_every_field_has_a_row() -> None:
    items = ("spec.containers[].ports[]", "spec.initContainers[].ports[]")
    missing = [path for path in patterns(v1.Pod) if rule_of(path) is None and path not in items]
    assert missing == []


def test_every_row_is_of_a_field() -> None:
    known = set(patterns(v1.Pod))
    for rule in RESTART_TABLE:
        stem = rule.path.removesuffix(".**")
        assert any(path == stem or path.startswith((f"{stem}.", f"{stem}[].")) for path in known), rule.path


def test_no_field_has_two_rows() -> None:
    paths = [rule.path for rule in RESTART_TABLE]
    assert len(paths) == len(set(paths))


def test_an_unlisted_field_restarts_the_pod() -> None:
    assert rule_of("spec.fieldOfTheFuture") is None
    assert effect_of("spec.fieldOfTheFuture") is Effect.POD
    assert effect_of("spec.containers[].fieldOfTheFuture") is Effect.POD


def test_a_subtree_row_covers_lists_and_structs_below_it() -> None:
    assert effect_of("spec.containers[].livenessProbe.httpGet.httpHeaders[].name") is Effect.PROBER
    assert effect_of("spec.containers[].resources.limits") is Effect.RESIZE


def test_the_table_as_markdown() -> None:
    seen = {"spec.containers[].image": "container main", "spec.dnsPolicy": "pod", "spec.dnsPolicy (again)": "pod"}
    lines = as_markdown(seen).splitlines()
    assert len(lines) == 2 + len(RESTART_TABLE)
    assert all(line.count("|") == 5 for line in lines)
    assert "| `spec.containers[].image` | container | container main |  |" in lines
    assert "| `spec.dnsPolicy` | pod | pod; pod (again) | set when the sandbox is made |" in lines


def test_what_was_seen_is_of_the_table() -> None:
    """Every observation is of a row, and every effect that a row can have was seen."""
    seen = json.loads(OBSERVED.read_text(encoding="utf-8"))
    paths = {name.partition(" (")[0] for name in seen}
    assert paths <= {rule.path for rule in RESTART_TABLE}
    assert {effect_of(path) for path in paths} == set(Effect) - {Effect.REFUSED}
    assert len(paths) >= 40
