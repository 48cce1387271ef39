"""One problem of one field, as defaulting and validation report it: before it has a line and a column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from podstead.manifest.reading import Severity


class ProblemKind(StrEnum):
    """Kubernetes' kinds of field errors (spec/kubelet-static-pods.md 2.5); the value is how a message begins."""

    REQUIRED = "Required value"
    INVALID = "Invalid value"
    NOT_SUPPORTED = "Unsupported value"
    FORBIDDEN = "Forbidden"
    DUPLICATE = "Duplicate value"
    TOO_LONG = "Too long"
    NOT_FOUND = "Not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field of a Pod.

    `field` is the path with JSON names, list indexes and quoted-free map keys: `spec.containers[0].ports[1].hostPort`,
    `metadata.labels[key]`. It may name a field that is absent from the file (a required one).
    `message` is a sentence without the kind; it never holds a value of env, command, args or a Secret (foundation 24).
    """

    field: str
    kind: ProblemKind
    message: str
    severity: Severity = Severity.ERROR
