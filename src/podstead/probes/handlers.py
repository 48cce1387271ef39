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
        return await exec_probe.probe(exec_sync, target.container_id, probe.exec, target.env, target.hidden, timeout)
    network = probe.http_get or probe.tcp_socket
    host = (network.host if network is not None else None) or target.host
    if not host:
        # An empty name would resolve to this machine: some other server would answer for the pod.
        return Attempt(Result.ERROR, "the pod has no address yet")
    if probe.grpc is not None:
        return await grpc.probe(probe.grpc, host, timeout)
    if network is None:
        return Attempt(Result.ERROR, "the probe names no handler: write one of exec, httpGet, tcpSocket, grpc")
    port = resolve_port(network.port, target.ports)
    if port is None:
        said = f"the container has no port named {network.port!r}: name it under ports, or write its number"
        return Attempt(Result.ERROR, said)
    if probe.http_get is not None:
        return await http.probe(probe.http_get, host, port, timeout)
    return await tcp.probe(host, port, timeout)


def resolve_port(port: int | str, named: Mapping[str, int]) -> int | None:
    """Return the number of a port given by number, by one of the container's port names, or by a numeric text."""
    if isinstance(port, str):
        text = port
        port = named.get(text, int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0)
    return port if 1 <= port <= 65535 else None
