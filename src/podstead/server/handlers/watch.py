"""WATCH: changes of a kind as a stream of JSON lines (spec/kubectl.md 4)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.server.faults import ApiError, status_of
from podstead.server.messages import JSON, Reply, Request, StreamingResponse
from podstead.server.negotiation import Representation, include_object, representation
from podstead.server.parameters import flag, whole_number
from podstead.server.resources import Resource, Selection, meta_of, typed
from podstead.server.tables import Include, PartialObject, render
from podstead.store.changes import Change, ChangeType, Expired

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from podstead.clock import Clock
    from podstead.server.field_selectors import ApiObject
    from podstead.store.objects import ObjectStore

BOOKMARK_SECONDS = 60.0
"""How often a client that allows bookmarks gets one: kube-apiserver's period."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: str
    object: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What one watch sends. `since` None: all objects first."""

    resource: Resource
    asked: Selection
    shape: Representation
    include: Include
    since: int | None
    timeout_seconds: int | None
    bookmarks: bool
    initial_end: bool


def select(change: Change[ApiObject], asked: Selection) -> tuple[ChangeType, ApiObject] | None:
    """Return what a change is to a client that sees only its selection: an object may enter or leave it. Pure."""
    before = change.previous
    was = before is not None and asked.matches(before)
    if change.type is ChangeType.DELETED:
        return (ChangeType.DELETED, change.object) if was or asked.matches(change.object) else None
    if asked.matches(change.object):
        return (ChangeType.MODIFIED if was else ChangeType.ADDED), change.object
    return (ChangeType.DELETED, change.object) if was else None


class WatchHandler:
    """Answers WATCH requests from the store."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def watch(self, resource: Resource, request: Request, asked: Selection) -> Reply:
        """Return the stream; raises `ApiError` 410 when the version is not known, 422 for contradictory wishes."""
        plan = self._plan(resource, request, asked)
        try:
            with self._store.watch(resource.store_kind, plan.since):
                pass  # only to answer 410 while there is still a status line to say it in
        except Expired as error:
            raise ApiError(410, str(error)) from error
        return StreamingResponse(headers=(("content-type", JSON),), chunks=self._lines(plan))

    def _plan(self, resource: Resource, request: Request, asked: Selection) -> _Plan:
        shape = representation(request)
        match_rule = request.parameter("resourceVersionMatch") or ""
        initial = flag(request, "sendInitialEvents")
        bookmarks = flag(request, "allowWatchBookmarks")
        if initial and (match_rule != "NotOlderThan" or shape.kind == "Table"):
            # A Table has no place for the annotation that ends the initial events; clients fall back to a list.
            raise ApiError(422, "sendInitialEvents: Forbidden: needs resourceVersionMatch=NotOlderThan and no Table")
        if match_rule and not initial:
            raise ApiError(422, "resourceVersionMatch: Forbidden: may be set for a watch only with sendInitialEvents")
        return _Plan(
            resource=resource,
            asked=asked,
            shape=shape,
            include=include_object(request) if shape.kind == "Table" else Include.OBJECT,
            since=None if initial else whole_number(request, "resourceVersion", least=0) or None,
            timeout_seconds=whole_number(request, "timeoutSeconds", least=0) or None,
            bookmarks=bookmarks,
            initial_end=initial,
        )

    async def _lines(self, plan: _Plan) -> AsyncGenerator[bytes]:
        """Yield the events; ends at the client's timeout, at the store's end, or with an ERROR when too far behind."""
        loop = asyncio.get_running_loop()
        end = loop.time() + plan.timeout_seconds if plan.timeout_seconds else None
        version = plan.since
        try:
            if version is None:
                listing = self._store.list(plan.resource.store_kind)
                version = listing.resource_version
                watch = self._store.watch(plan.resource.store_kind, version)
                first = [item for item in listing.items if plan.asked.matches(item)]
            else:
                watch, first = self._store.watch(plan.resource.store_kind, version), []
            with watch:
                for item in first:
                    yield self._line(plan, ChangeType.ADDED, item)
                if plan.initial_end:
                    yield self._bookmark(plan, version, initial_end=True)
                while True:
                    wake = loop.time() + BOOKMARK_SECONDS if plan.bookmarks else None
                    wake = min((moment for moment in (wake, end) if moment is not None), default=None)
                    change: Change[ApiObject] | None = None
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout_at(wake):
                            change = await anext(watch, None)
                            if change is None:
                                return
                    if change is not None:
                        version = change.resource_version
                        if (seen := select(change, plan.asked)) is not None:
                            yield self._line(plan, *seen)
                    elif end is not None and loop.time() >= end:
                        return
                    else:
                        yield self._bookmark(plan, version)
        except Expired as error:
            yield msgspec.json.encode(WatchEvent("ERROR", status_of(ApiError(410, str(error))))) + b"\n"

    def _line(self, plan: _Plan, kind: ChangeType, item: ApiObject) -> bytes:
        item = typed(item)
        carried: object = item
        if plan.shape.kind == "Table":
            carried = render(
                plan.resource.printer,
                [item],
                now=self._clock.now().wall,
                include=plan.include,
                resource_version=meta_of(item).resource_version or "",
                api_version=plan.shape.api_version,
            )
        elif plan.shape.kind:
            carried = PartialObject(api_version=plan.shape.api_version, metadata=meta_of(item))
        return msgspec.json.encode(WatchEvent(kind.value, carried)) + b"\n"

    @staticmethod
    def _bookmark(plan: _Plan, version: int, *, initial_end: bool = False) -> bytes:
        """Return a bookmark at the last version this client was told; never a later one, a change may be waiting."""
        meta = v1.ObjectMeta(
            resource_version=str(version), annotations={INITIAL_EVENTS_END: "true"} if initial_end else {}
        )
        if plan.shape.kind == "Table":
            printer = plan.resource.printer
            carried: object = render(
                printer, [], now=0, resource_version=str(version), api_version=plan.shape.api_version
            )
        else:
            kind, group = (plan.shape.kind, plan.shape.api_version) if plan.shape.kind else (plan.resource.kind, "v1")
            carried = PartialObject(kind=kind, api_version=group, metadata=meta)
        return msgspec.json.encode(WatchEvent("BOOKMARK", carried)) + b"\n"
