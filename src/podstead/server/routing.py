"""Matching a request's path against a table of routes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from podstead.server.faults import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from podstead.server.access import Access
    from podstead.server.messages import Reply, Request

PathValues = dict[str, str]
"""The parts of a path by the names of the pattern, percent-decoded."""


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table: `{name}` in the path stands for one segment."""

    verb: str
    path: str
    handler: Callable[[Request, PathValues], Awaitable[Reply]]
    access: Access
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.path.strip("/").split("/")))

    def match(self, segments: Sequence[str]) -> PathValues | None:
        """Return the path's values, None when the path is another one."""
        if len(segments) != len(self.segments):
            return None
        values: PathValues = {}
        for pattern, segment in zip(self.segments, segments, strict=True):
            if pattern.startswith("{"):
                if not segment:
                    return None
                values[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return values


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request and its path's values."""

    route: Route
    values: PathValues


def split_path(path: str) -> tuple[str, ...]:
    """Return a path's segments, each percent-decoded by itself so that `%2F` stays in one; raises `ApiError` 400.

    One trailing slash is tolerated: kr8s asks for `/api/` and follows no redirects.
    """
    try:
        segments = tuple(unquote(segment, errors="strict") for segment in path.removesuffix("/").split("/")[1:])
    except UnicodeDecodeError:
        raise ApiError(400, "cannot read the path: it is not UTF-8") from None
    if any("\0" in segment for segment in segments):
        raise ApiError(400, "cannot read the path: it holds a NUL")
    return segments


def find_route(routes: Sequence[Route], verb: str, path: str) -> Match:
    """Return the first route for this verb and path; raises `ApiError` 404, or 405 when only the verb is wrong."""
    segments = split_path(path)
    verbs: Mapping[str, None] = {}
    for route in routes:
        values = route.match(segments)
        if values is None:
            continue
        if route.verb == verb:
            return Match(route, values)
        verbs = {**verbs, route.verb: None}
    if verbs:
        allowed = ", ".join(verbs)
        raise ApiError(405, f"the server does not allow {verb} here, only {allowed}", headers=(("allow", allowed),))
    raise ApiError(404, "the server could not find the requested resource")
