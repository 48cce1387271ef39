"""Which representation a client accepts: plain JSON, a Table, or an object's metadata alone. Pure.

Source: spec/kubectl.md 1.1, 1.2 and 1.5. Protobuf is never made: clients that prefer it accept JSON as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.server.faults import ApiError
from podstead.server.tables import Include

if TYPE_CHECKING:
    from podstead.server.messages import Request

_JSON_TYPES = frozenset({"application/json", "application/*", "*/*"})
_META_VERSIONS = frozenset({"v1", "v1beta1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What to make. `kind` is empty for the object itself, `Table`, `PartialObjectMetadata` or its list."""

    kind: str = ""
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class _Offer:
    media_type: str
    parameters: dict[str, str]


def _offers(accept: str) -> list[_Offer]:
    """Return the media types of an Accept header, best first (by q, then by order)."""
    offers: list[tuple[float, _Offer]] = []
    for part in accept.split(","):
        media_type, *raw = (piece.strip() for piece in part.split(";"))
        parameters = {name.strip().lower(): value.strip() for name, _, value in (p.partition("=") for p in raw)}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        if media_type and quality > 0:
            offers.append((quality, _Offer(media_type.lower(), parameters)))
    return [offer for _, offer in sorted(offers, key=lambda pair: -pair[0])]


def representation(request: Request) -> Representation:
    """Return what the client wants of objects; raises `ApiError` 406 when nothing it accepts can be made."""
    accept = request.header("accept")
    if not accept.strip():
        return Representation()
    for offer in _offers(accept):
        if offer.media_type not in _JSON_TYPES:
            continue
        kind = offer.parameters.get("as", "")
        if not kind:
            return Representation()
        group, version = offer.parameters.get("g", ""), offer.parameters.get("v", "")
        known = kind in {"Table", "PartialObjectMetadata", "PartialObjectMetadataList"}
        if known and group == "meta.k8s.io" and version in _META_VERSIONS:
            return Representation(kind=kind, api_version=f"{group}/{version}")
    raise ApiError(406, "only the following media types can be made: application/json, and its as=Table form")


def accepts_aggregated_discovery(request: Request) -> str | None:
    """Return the version (`v2` or `v2beta1`) of aggregated discovery that the client takes, None for the legacy form."""
    for offer in _offers(request.header("accept")):
        parameters = offer.parameters
        if offer.media_type != "application/json":
            continue
        if not parameters.get("as"):
            return None
        asked = (parameters.get("g"), parameters.get("as"), parameters.get("v"))
        if asked in {("apidiscovery.k8s.io", "APIGroupDiscoveryList", version) for version in ("v2", "v2beta1")}:
            return parameters["v"]
    return None


def include_object(request: Request) -> Include:
    """Return the `includeObject` parameter; raises `ApiError` 400 for another word."""
    word = request.parameter("includeObject") or Include.METADATA
    try:
        return Include(word)
    except ValueError:
        raise ApiError(400, f"invalid includeObject {word!r}: write None, Metadata or Object") from None
