"""Version, health and discovery."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import msgspec

from podstead.server import discovery
from podstead.server.handlers.objects import json_reply
from podstead.server.messages import Reply, Request, Response
from podstead.server.negotiation import accepts_aggregated_discovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.server.discovery import Document
    from podstead.server.port import AgentPort
    from podstead.server.routing import PathValues

KUBERNETES_MINOR = 36
"""The Kubernetes whose API this is; kubectl warns when it is more than one minor away."""


def _text(status: int, text: str) -> Response:
    return Response(status=status, headers=(("content-type", "text/plain; charset=utf-8"),), body=text.encode())


class SystemHandlers:
    """Answers what is not about any object."""

    def __init__(self, agent: AgentPort) -> None:
        self._agent = agent

    async def version(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /version."""
        return json_reply(
            {
                "major": "1",
                "minor": str(KUBERNETES_MINOR),
                "gitVersion": f"v1.{KUBERNETES_MINOR}.0+podstead-{self._agent.status().version}",
                "gitTreeState": "clean",
                "platform": f"linux/{platform.machine()}",
            }
        )

    async def alive(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /healthz and /livez: this loop turns."""
        return _text(200, "ok")

    async def ready(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /readyz: the directory was read and the runtime answers."""
        status = self._agent.status()
        if status.ready:
            return _text(200, "ok")
        reasons = ", ".join(problem.reason for problem in status.problems) or "Starting"
        return _text(503, f"not ready: {reasons}")

    async def core_versions(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /api."""
        return _discovery(request, discovery.aggregated_core, discovery.legacy_versions)

    async def groups(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /apis."""
        return _discovery(request, discovery.aggregated_groups, discovery.legacy_groups)

    async def core_resources(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /api/v1."""
        return json_reply(discovery.legacy_core_resources())

    async def own_group(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /apis/podstead.io."""
        return json_reply(discovery.own_group())

    async def own_resources(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer /apis/podstead.io/v1alpha1."""
        return json_reply(discovery.legacy_own_resources())


def _discovery(request: Request, aggregated: Callable[[str], Document], legacy: Callable[[], Document]) -> Reply:
    """Return the form the client takes; kubectl reads the aggregated one only under its own media type."""
    version = accepts_aggregated_discovery(request)
    if version is None:
        return json_reply(legacy())
    content_type = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    body = msgspec.json.encode(aggregated(version)) + b"\n"
    return Response(headers=(("content-type", content_type),), body=body)
