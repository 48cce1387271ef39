"""From a request to a reply: the door, the table of routes, the handler, and every error as a Status."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError
from podstead.server.faults import ApiError, reply_to
from podstead.server.handlers.agent import AgentHandlers
from podstead.server.handlers.containers import ContainerHandlers
from podstead.server.handlers.objects import ObjectHandlers
from podstead.server.handlers.operations import OperationHandlers
from podstead.server.handlers.system import SystemHandlers
from podstead.server.handlers.trust import TrustHandlers
from podstead.server.handlers.watch import WatchHandler
from podstead.server.http import HttpServer, Limits
from podstead.server.routes import build_routes
from podstead.server.routing import find_route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.clock import Clock
    from podstead.server.access import Access
    from podstead.server.messages import Caller, Headers, Reply, Request, Response
    from podstead.server.operations import OperationsPort
    from podstead.server.port import AgentPort
    from podstead.server.routing import Route
    from podstead.server.trust import TrustPort
    from podstead.store.objects import ObjectStore

COMMON_HEADERS: Headers = (("cache-control", "no-cache, private"), ("x-content-type-options", "nosniff"))
"""On every reply: nothing is kept by caches, and no browser takes a text from a container for a page."""

_log = logging.getLogger(__name__)


def local_access(caller: Caller, access: Access) -> bool:  # noqa: ARG001 - one table of roles will stand here
    """Return whether the local socket's caller may use a route: whoever passed the door is root and may."""
    return not caller.refusal


class ApiServer:
    """Answers requests; never raises."""

    def __init__(self, routes: Sequence[Route], authorize: Callable[[Caller, Access], bool]) -> None:
        self._routes = routes
        self._authorize = authorize

    async def respond(self, request: Request) -> Reply:
        """Return the reply to a request; an error of ours is logged under an id that the reply names."""
        try:
            reply = await self._answer(request)
        except PodsteadError as error:
            reply = reply_to(error)
        except Exception:  # noqa: BLE001 - a handler's mistake ends one request, never the agent
            incident = secrets.token_hex(4)
            _log.exception("Request failed: incident %s, %s %s", incident, request.method, request.path)
            message = f"the agent made a mistake; its log has the details under {incident}"
            reply = reply_to(ApiError(500, message))
        return dataclasses.replace(reply, headers=(*reply.headers, *COMMON_HEADERS))

    def refuse(self, code: int, message: str) -> Response:
        """Return the reply to what was not even a request."""
        return reply_to(ApiError(code, message))

    async def _answer(self, request: Request) -> Reply:
        if request.caller.refusal:
            raise ApiError(403, request.caller.refusal)
        match = find_route(self._routes, request.method, request.path)
        if not self._authorize(request.caller, match.route.access):
            raise ApiError(403, f'user "{request.caller.user}" may not {match.route.access} here')
        return await match.route.handler(request, match.values)


def build_api(
    agent: AgentPort, operations: OperationsPort, trust: TrustPort, store: ObjectStore, clock: Clock, node_name: str
) -> ApiServer:
    """Return the API of an agent with all its handlers; `node_name` is the suffix of its pods' names."""
    objects = ObjectHandlers(store, clock, node_name, WatchHandler(store, clock))
    routes = build_routes(
        SystemHandlers(agent),
        objects,
        ContainerHandlers(agent, objects, clock),
        AgentHandlers(agent, store, clock),
        OperationHandlers(operations, objects, clock),
        TrustHandlers(trust),
    )
    return ApiServer(routes, local_access)


def build_http(api: ApiServer, limits: Limits | None = None) -> HttpServer:
    """Return the HTTP server that carries an API."""
    return HttpServer(api, limits)
