"""Query parameters as typed values; what is malformed is answered with one sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.faults import ApiError
from podstead.server.field_selectors import parse_field_selector
from podstead.server.resources import Selection
from podstead.server.selectors import parse_label_selector

if TYPE_CHECKING:
    from podstead.server.messages import Request
    from podstead.server.resources import Resource

_TRUE = frozenset({"true", "1", "t", "T", "TRUE", "True"})
_FALSE = frozenset({"false", "0", "f", "F", "FALSE", "False", ""})


def flag(request: Request, name: str) -> bool:
    """Return a boolean parameter as Go's strconv.ParseBool reads it, False when absent; raises `ApiError` 400."""
    word = request.parameter(name)
    if word is None or word in _FALSE:
        return False
    if word in _TRUE:
        return True
    raise ApiError(400, f"invalid value {word!r} of the parameter {name}: write true or false")


def whole_number(request: Request, name: str, *, least: int) -> int | None:
    """Return an integer parameter, None when absent; raises `ApiError` 400 or, below `least`, 422."""
    word = request.parameter(name)
    if word is None or word == "":
        return None
    try:
        number = int(word) if len(word) < 20 else None
    except ValueError:
        number = None
    if number is None:
        raise ApiError(400, f"invalid value {word!r} of the parameter {name}: write a whole number")
    if number < least:
        raise ApiError(422, f"{name}: Invalid value: {number}: must be greater than or equal to {least}")
    return number


def selection(request: Request, resource: Resource, namespace: str) -> Selection:
    """Return which objects a list or watch asks for; raises `SelectorError`."""
    return Selection(
        namespace=namespace,
        labels=parse_label_selector(request.parameter("labelSelector") or ""),
        fields=parse_field_selector(request.parameter("fieldSelector") or "", resource.fields),
    )
