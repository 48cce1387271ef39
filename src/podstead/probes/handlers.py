"""Carries out one attempt of a probe by the handler that its definition names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.probes import exec as exec_probe
from podstead.probes import grpc, http, tcp
from podstead.probes.attempt import Attempt, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.state.probes import ProbeTarget


async def attempt(target: ProbeTarget, exec_sync: exec_probe.ExecSync, timeout: float) -> Attempt:  # noqa: ASYNC109 - a probe's own setting
    """Ask once; `timeout` in seconds. Every trouble is in the returned value."""
    probe = target.probe
    if probe.exec is not None:
        return await exec_probe.probe(exec_sync, target.container_id, probe.exec, target.env, timeout)
    if probe.grpc is not None:
        return await grpc.probe(probe.grpc, target.host, timeout)
    if probe.http_get is not None:
        port = resolve_port(probe.http_get.port, target.ports)
        if port is None:
            return _no_port(probe.http_get.port)
        return await http.probe(probe.http_get, probe.http_get.host or target.host, port, timeout)
    if probe.tcp_socket is not None:
        port = resolve_port(probe.tcp_socket.port, target.ports)
        if port is None:
            return _no_port(probe.tcp_socket.port)
        return await tcp.probe(probe.tcp_socket.host or target.host, port, timeout)
    return Attempt(Result.ERROR, "the probe names no handler: write one of exec, httpGet, tcpSocket, grpc")


def resolve_port(port: int | str, named: Mapping[str, int]) -> int | None:
    """Return the number of a port given by number, by one of the container's port names, or by a numeric text."""
    if isinstance(port, str):
        text = port
        port = named.get(text, int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0)
    return port if 1 <= port <= 65535 else None


def _no_port(port: int | str) -> Attempt:
    return Attempt(Result.ERROR, f"the container has no port named {port!r}: name it under ports, or write its number")
