"""Field selectors: the fields an API server lets clients filter by, and how they are compared. Pure.

Source of the field names: spec/kubectl.md 2 (`--field-selector`) for pods, the core/v1 registry for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.server.selectors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Mapping


POD_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    }
)
NODE_FIELDS = frozenset({"metadata.name", "spec.unschedulable"})
NAMESPACE_FIELDS = frozenset({"metadata.name", "status.phase"})
EVENT_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    }
)

ApiObject = v1.Pod | v1.Node | v1.Event | v1.Namespace
"""What the API serves as objects."""


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One term: the field equals `value`, or differs from it when `equal` is False."""

    field: str
    value: str
    equal: bool = True

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Return whether an object with these field values satisfies the term."""
        return (fields.get(self.field, "") == self.value) is self.equal


def _split(text: str, separator: str) -> list[str]:
    r"""Split at an unescaped separator; `\,`, `\=` and `\\` stand for the character itself and stay escaped here."""
    parts, current, escaped = [], "", False
    for character in text:
        if character == separator and not escaped:
            parts.append(current)
            current = ""
            continue
        escaped = character == "\\" and not escaped
        current += character
    parts.append(current)
    return parts


def _unescape(text: str) -> str:
    out, escaped = "", False
    for character in text:
        if character == "\\" and not escaped:
            escaped = True
            continue
        out += character
        escaped = False
    return out


def parse_field_selector(text: str, allowed: frozenset[str]) -> tuple[FieldTerm, ...]:
    """Return the terms of a field selector; raise `SelectorError` for bad syntax or a field not in `allowed`."""
    terms: list[FieldTerm] = []
    for part in _split(text, ","):
        if not part.strip():
            continue
        name, *rest = _split(part, "=")
        if not rest:
            raise SelectorError(f"invalid field selector {text!r}: cannot understand {part!r}, write field=value")
        equal = not name.endswith("!")
        if len(rest) > 1 and rest[0] == "":
            rest = rest[1:]  # the second sign of `==`
        field = name.removesuffix("!").strip()
        if field not in allowed:
            raise SelectorError(f"field label not supported: {field}")
        terms.append(FieldTerm(field, _unescape("=".join(rest)), equal))
    return tuple(terms)


def _flag(value: bool | None) -> str:
    return "true" if value else "false"


def fields_of(item: ApiObject) -> Mapping[str, str]:
    """Return the values of every selectable field of an object; an unset field is the empty string."""
    meta = item.metadata or v1.ObjectMeta()
    fields = {"metadata.name": meta.name or "", "metadata.namespace": meta.namespace or ""}
    match item:
        case v1.Pod(spec=spec, status=status):
            status = status or v1.PodStatus()
            fields |= {
                "spec.nodeName": spec.node_name or "",
                "spec.restartPolicy": spec.restart_policy or "",
                "spec.schedulerName": spec.scheduler_name or "",
                "spec.serviceAccountName": spec.service_account_name or "",
                "spec.hostNetwork": _flag(spec.host_network),
                "status.phase": status.phase or "",
                "status.podIP": status.pod_ip or "",
                "status.nominatedNodeName": status.nominated_node_name or "",
            }
        case v1.Node(spec=node_spec):
            fields["spec.unschedulable"] = _flag(node_spec.unschedulable if node_spec else None)
        case v1.Namespace(status=namespace_status):
            fields["status.phase"] = (namespace_status.phase or "") if namespace_status else ""
        case v1.Event(involved_object=about):
            fields |= {
                "involvedObject.kind": about.kind or "",
                "involvedObject.namespace": about.namespace or "",
                "involvedObject.name": about.name or "",
                "involvedObject.uid": about.uid or "",
                "involvedObject.apiVersion": about.api_version or "",
                "involvedObject.resourceVersion": about.resource_version or "",
                "involvedObject.fieldPath": about.field_path or "",
                "reason": item.reason or "",
                "reportingComponent": item.reporting_component or "",
                "source": (item.source.component or "") if item.source else item.reporting_component or "",
                "type": item.type or "",
            }
    return fields
