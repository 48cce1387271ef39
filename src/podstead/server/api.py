"""From a request to a reply: the door, the table of routes, the handler, and every error as a Status."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError
from podstead.server import acts
from podstead.server.faults import ApiError, reply_to
from podstead.server.handlers.agent import AgentHandlers
from podstead.server.handlers.containers import ContainerHandlers
from podstead.server.handlers.objects import ObjectHandlers
from podstead.server.handlers.operations import OperationHandlers
from podstead.server.handlers.system import SystemHandlers
from podstead.server.handlers.trust import TrustHandlers
from podstead.server.handlers.watch import WatchHandler
from podstead.server.http import HttpServer, Limits
from podstead.server.messages import Upgrade
from podstead.server.routes import build_routes
from podstead.server.routing import find_route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.clock import Clock
    from podstead.server.access import Access
    from podstead.server.messages import Caller, Headers, Reply, Request, Response
    from podstead.server.operations import OperationsPort
    from podstead.server.port import AgentPort
    from podstead.server.routing import Match, Route
    from podstead.server.trust import TrustPort
    from podstead.state.audit import AuditEntry
    from podstead.store.objects import ObjectStore

COMMON_HEADERS: Headers = (("cache-control", "no-cache, private"), ("x-content-type-options", "nosniff"))
"""On every reply: nothing is kept by caches, and no browser takes a text from a container for a page."""

_log = logging.getLogger(__name__)


def local_access(caller: Caller, access: Access) -> bool:  # noqa: ARG001 - one table of roles will stand here
    """Return whether the local socket's caller may use a route: whoever passed the door is root and may."""
    return not caller.refusal


class ApiServer:
    """Answers requests; never raises."""

    def __init__(
        self,
        routes: Sequence[Route],
        authorize: Callable[[Caller, Access], bool],
        note: Callable[[AuditEntry], None] = lambda _: None,
    ) -> None:
        self._routes = routes
        self._authorize = authorize
        self._note = note

    async def respond(self, request: Request) -> Reply:
        """Return the reply to a request; what it changes is noted, an error of ours logged under an id in the reply."""
        match: Match | None = None
        try:
            match = self._match(request)
            reply = await match.route.handler(request, match.values)
        except PodsteadError as error:
            reply = reply_to(error)
        except Exception:  # noqa: BLE001 - a handler's mistake ends one request, never the agent
            incident = secrets.token_hex(4)
            _log.exception("Request failed: incident %s, %s %s", incident, request.method, request.path)
            message = f"the agent made a mistake; its log has the details under {incident}"
            reply = reply_to(ApiError(500, message))
        if match is not None and (entry := acts.of_answer(request, match, _status(reply))) is not None:
            self._note(entry)
        return dataclasses.replace(reply, headers=(*reply.headers, *COMMON_HEADERS))

    def refuse(self, code: int, message: str) -> Response:
        """Return the reply to what was not even a request."""
        return reply_to(ApiError(code, message))

    def _match(self, request: Request) -> Match:
        """Return the route of a request that its caller may use. Raises ApiError."""
        if request.caller.refusal:
            self._note(acts.of_refusal(request.caller))
            raise ApiError(403, request.caller.refusal)
        match = find_route(self._routes, request.method, request.path)
        if not self._authorize(request.caller, match.route.access):
            raise ApiError(403, f'user "{request.caller.user}" may not {match.route.access} here')
        return match


def _status(reply: Reply) -> int:
    return acts.SWITCHING if isinstance(reply, Upgrade) else reply.status


def build_api(
    agent: AgentPort,
    operations: OperationsPort,
    trust: TrustPort,
    store: ObjectStore,
    clock: Clock,
    node_name: str,
    note: Callable[[AuditEntry], None] = lambda _: None,
) -> ApiServer:
    """Return the API of an agent with all its handlers; `node_name` is the suffix of its pods' names.

    `note` takes what the audit log is told.
    """
    objects = ObjectHandlers(store, clock, node_name, WatchHandler(store, clock))
    routes = build_routes(
        SystemHandlers(agent),
        objects,
        ContainerHandlers(agent, objects, clock),
        AgentHandlers(agent, store, clock),
        OperationHandlers(operations, objects, clock),
        TrustHandlers(trust),
    )
    return ApiServer(routes, local_access, note)


def build_http(api: ApiServer, limits: Limits | None = None) -> HttpServer:
    """Return the HTTP server that carries an API."""
    return HttpServer(api, limits)
