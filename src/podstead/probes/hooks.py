"""Carries out the exec and httpGet handlers of a lifecycle hook (spec/kubelet-static-pods.md 3.11).

They differ from those of a probe: a command is run as it is written, any HTTP status is a success, and a server that
answers HTTPS in plain HTTP is asked again. No message repeats what a command printed: it may be a password.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from podstead.k8s.expansion import literal_environment
from podstead.probes import exec as exec_probe
from podstead.probes import http
from podstead.probes.attempt import SUCCEEDED, Attempt, Result
from podstead.probes.handlers import resolve_port

if TYPE_CHECKING:
    from podstead.identity import ContainerID
    from podstead.k8s import core_v1 as v1

USER_AGENT = "kube-lifecycle/1.36"
"""The kubelet's name for itself in hooks."""
_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL calls a greeting that was answered in plain text, by its versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTarget:
    """The container that has the hook; `host` is where an httpGet without a host goes, empty where nobody knows.

    `hidden` are values, each with its label, that no message may show beside those of the container's own `env`.
    """

    spec: v1.Container
    container_id: ContainerID
    host: str
    hidden: tuple[tuple[str, str], ...] = field(default=(), repr=False)


async def run(
    handler: v1.LifecycleHandler,
    target: HookTarget,
    exec_sync: exec_probe.ExecSync,
    timeout: float,  # noqa: ASYNC109 - the hook's own bound
) -> Attempt:
    """Run the handler once; `timeout` in seconds. WARNING: an HTTPS request was answered over HTTP."""
    if handler.exec is not None:
        return await _exec(handler.exec, target, exec_sync, timeout)
    if handler.http_get is not None:
        return await _http_get(handler.http_get, target, timeout)
    return Attempt(Result.ERROR, "the hook names no handler that can be run: write one of exec, httpGet, sleep")


async def _exec(
    action: v1.ExecAction,
    target: HookTarget,
    exec_sync: exec_probe.ExecSync,
    timeout: float,  # noqa: ASYNC109 - the hook's own bound
) -> Attempt:
    env = literal_environment(target.spec)
    result = await exec_probe.run(exec_sync, target.container_id, action.command, env, target.hidden, timeout)
    if isinstance(result, Attempt):
        return result
    if result.exit_code == 0:
        return SUCCEEDED
    return Attempt(Result.FAILURE, f"the command ended with code {result.exit_code}")


async def _http_get(action: v1.HTTPGetAction, target: HookTarget, timeout: float) -> Attempt:  # noqa: ASYNC109 - the hook's own bound
    host = action.host or target.host
    if not host:
        return Attempt(Result.ERROR, "the pod has no address yet")
    port = resolve_port(action.port, {p.name: p.container_port for p in target.spec.ports if p.name})
    if port is None:
        said = f"the container has no port named {action.port!r}: name it under ports, or write its number"
        return Attempt(Result.ERROR, said)
    request = http.first_request(action, host, port, USER_AGENT)
    try:
        async with asyncio.timeout(timeout):
            try:
                await http.follow(request)
            except ssl.SSLError as error:
                if error.reason not in _PLAIN:
                    raise
                await http.follow(replace(request, secure=False))
                return Attempt(Result.WARNING, f"{host}:{port} was asked over HTTPS and answered over HTTP")
    except http.FAULTS as error:
        return http.told(error, host, port, timeout)
    return SUCCEEDED
