"""The table of routes, and how paths find their way."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from podstead.server.access import Access
from podstead.server.api import ApiServer, local_access
from podstead.server.faults import ApiError
from podstead.server.messages import Caller, Reply, Request, Response
from podstead.server.routing import PathValues, Route, find_route, split_path
from tests.support.api import ROOT, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Node

EXPECTED = {
    "GET /api/v1/namespaces/{namespace}/pods/{name}/exec": Access.EXEC,
    "GET /api/v1/namespaces/{namespace}/pods/{name}/log": Access.LOGS,
    "DELETE /api/v1/namespaces/{namespace}/pods/{name}": Access.ADMIN,
    "POST /apis/podstead.io/v1alpha1/stop-all": Access.ADMIN,
    "POST /apis/podstead.io/v1alpha1/images/pull": Access.ADMIN,
    "GET /api/v1/pods": Access.READ,
    "GET /healthz": Access.HEALTH,
}


async def test_no_route_lacks_an_access_and_none_stands_twice(node: Node) -> None:
    routes = node.api._routes
    assert len(routes) >= 38
    assert all(isinstance(route.access, Access) for route in routes)
    names = [f"{route.verb} {route.path}" for route in routes]
    assert len(set(names)) == len(names)
    access = dict(zip(names, (route.access for route in routes), strict=True))
    assert {name: access[name] for name in EXPECTED} == EXPECTED


async def test_what_changes_anything_needs_more_than_reading(node: Node) -> None:
    for route in node.api._routes:
        assert route.verb == "GET" or route.access is Access.ADMIN, route.path


def test_segments_are_decoded_one_by_one() -> None:
    assert split_path("/a/b%2Fc/d/") == ("a", "b/c", "d")
    for bad in ("/a/%ff", "/a/%00"):
        with pytest.raises(ApiError) as error:
            split_path(bad)
        assert error.value.code == 400


async def _answer(request: Request, path: PathValues) -> Reply:
    if path.get("name") == "bug":
        raise KeyError("secret-value")
    return Response(body=path.get("name", "").encode())


ROUTES = (Route("GET", "/things/{name}", _answer, Access.READ), Route("POST", "/things/{name}", _answer, Access.ADMIN))


def test_values_and_errors_of_a_match() -> None:
    assert find_route(ROUTES, "GET", "/things/docker.io%2Fbusybox:1").values == {"name": "docker.io/busybox:1"}
    for verb, path, code in (("DELETE", "/things/a", 405), ("GET", "/things", 404), ("GET", "/things//", 404)):
        with pytest.raises(ApiError) as error:
            find_route(ROUTES, verb, path)
        assert error.value.code == code


def _request(method: str, path: str, caller: Caller = ROOT) -> Request:
    return Request(method=method, path=path, caller=caller)


async def test_authorization_is_asked_with_the_routes_access() -> None:
    asked: list[Access] = []

    def only_reading(_: Caller, access: Access) -> bool:
        asked.append(access)
        return access is Access.READ

    api = ApiServer(ROUTES, only_reading)
    read = await api.respond(_request("GET", "/things/a"))
    write = await api.respond(_request("POST", "/things/a"))
    assert isinstance(read, Response)
    assert isinstance(write, Response)
    assert (read.status, write.status, asked) == (200, 403, [Access.READ, Access.ADMIN])


async def test_a_mistake_is_answered_without_a_traceback_and_logged_with_its_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = ApiServer(ROUTES, local_access)
    with caplog.at_level(logging.ERROR):
        reply = await api.respond(_request("GET", "/things/bug"))
    assert isinstance(reply, Response)
    assert reply.status == 500
    assert b"secret-value" not in reply.body
    assert b"Traceback" not in reply.body
    incident = caplog.records[0].getMessage().split("incident ")[1][:8]
    assert incident.encode() in reply.body


async def test_every_reply_forbids_caching_and_guessing(directory: Path) -> None:
    async with serving(directory) as node:
        for path in ("/healthz", "/nothing", "/api/v1/pods"):
            headers = (await node.get(path)).headers
            assert headers["cache-control"] == "no-cache, private"
            assert headers["x-content-type-options"] == "nosniff"
