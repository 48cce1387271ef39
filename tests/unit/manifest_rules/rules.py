"""How the rules are tested: for each one a Pod that keeps it and one that breaks it, with exact field and kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podstead.manifest.problems import ProblemKind
from podstead.manifest.reading import Severity
from podstead.manifest.validate.pod import validate_pod

from .pods import MYSQL, defaulted, edited

if TYPE_CHECKING:
    from podstead.manifest.problems import FieldProblem

REQUIRED, INVALID, UNSUPPORTED, FORBIDDEN, DUPLICATE, TOO_LONG, NOT_FOUND = ProblemKind

C = "spec.containers.0"
I0 = "spec.initContainers"
V = "spec.volumes.0"
SC = "spec.securityContext"

Edit = tuple[str, object]
Case = tuple[list[Edit], list[Edit], str, ProblemKind]
"""Edits of a good Pod that keep it good, edits that break it, and which field is then named with which kind."""


def problems(content: dict[str, Any], *edits: Edit) -> tuple[FieldProblem, ...]:
    return validate_pod(defaulted(edited(content, *edits)))


def env(source: dict[str, Any]) -> Edit:
    return (f"{C}.env", [{"name": "A", "valueFrom": source}])


def field(path: str) -> Edit:
    return env({"fieldRef": {"fieldPath": path}})


def init(**more: object) -> Edit:
    return (I0, [{"name": "init", "image": "busybox:1", **more}])


NAME = {"fieldRef": {"fieldPath": "metadata.name"}}
M0 = f"{C}.volumeMounts.0"
M = "spec.containers[0].volumeMounts[0]"
L = f"{C}.livenessProbe"
LP = "spec.containers[0].livenessProbe"


def case(accepted: list[Edit], refused: list[Edit], path: str, kind: ProblemKind) -> Case:
    return accepted, refused, path, kind


def only(**action: object) -> Edit:
    return (L, action)


def title(one: Case) -> str:
    return f"{one[2]}-{one[3].name}"


def check(one: Case) -> None:
    accepted, refused, path, kind = one
    assert problems(MYSQL, *accepted) == ()
    found = problems(MYSQL, *refused)
    assert (path, kind, Severity.ERROR) in {(p.field, p.kind, p.severity) for p in found}, found
