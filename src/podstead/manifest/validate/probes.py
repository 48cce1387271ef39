"""Rules for probes and lifecycle hooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.problems import ProblemKind
from podstead.manifest.validate.findings import quoted
from podstead.manifest.validate.ports import PORT_MAX

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

GRACE_MAX = (2**63 - 1) // 10**9
"""Seconds of a grace period, 292 years: runtimes count it as nanoseconds of 64 bits, where more becomes none at all."""
SCHEMES = ("HTTP", "HTTPS")
INT32_MAX = 2**31 - 1
_HEADER = re.compile(r"[-A-Za-z0-9]+")
_SIGNALS = [
    "ABRT",
    "ALRM",
    "BUS",
    "CHLD",
    "CLD",
    "CONT",
    "FPE",
    "HUP",
    "ILL",
    "INT",
    "IO",
    "IOT",
    "KILL",
    "PIPE",
    "POLL",
    "PROF",
    "PWR",
    "QUIT",
    "SEGV",
    "STKFLT",
    "STOP",
    "SYS",
    "TERM",
    "TRAP",
    "TSTP",
    "TTIN",
    "TTOU",
    "URG",
    "USR1",
    "USR2",
    "VTALRM",
    "WINCH",
    "XCPU",
    "XFSZ",
]
LINUX_SIGNALS = frozenset(
    {f"SIG{name}" for name in _SIGNALS}
    | {"SIGRTMIN", "SIGRTMAX"}
    | {f"SIGRTMIN+{n}" for n in range(1, 16)}
    | {f"SIGRTMAX-{n}" for n in range(1, 15)}
)
WINDOWS_SIGNALS = frozenset({"SIGKILL", "SIGTERM"})

Handler = v1.Probe | v1.LifecycleHandler


def validate_probes(container: v1.Container, path: str, found: Findings) -> None:
    """Judge the three probes of a container that may have them."""
    for name, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is None:
            continue
        here = f"{path}.{name}"
        _validate_handler(probe, here, container, found)
        for field, number in (
            ("initialDelaySeconds", probe.initial_delay_seconds),
            ("timeoutSeconds", probe.timeout_seconds),
            ("periodSeconds", probe.period_seconds),
            ("successThreshold", probe.success_threshold),
            ("failureThreshold", probe.failure_threshold),
        ):
            found.within(f"{here}.{field}", number, 0, INT32_MAX)
        if name != "readinessProbe" and probe.success_threshold not in {None, 0, 1}:
            found.invalid(f"{here}.successThreshold", f"got {probe.success_threshold}, must be 1 for a {name}")
        _validate_grace(probe, name, here, found)


def _validate_grace(probe: v1.Probe, name: str, path: str, found: Findings) -> None:
    grace = probe.termination_grace_period_seconds
    if grace is None:
        return
    here = f"{path}.terminationGracePeriodSeconds"
    if name == "readinessProbe":
        found.invalid(here, "not allowed here: a readinessProbe stops nothing; remove it")
    elif grace <= 0:
        found.invalid(here, f"got {grace}, expected more than 0")
    else:
        found.within(here, grace, 1, GRACE_MAX)


def validate_lifecycle(container: v1.Container, path: str, pod: v1.Pod, found: Findings) -> None:
    """Judge the hooks and the stop signal of a container that may have them."""
    lifecycle = container.lifecycle
    if lifecycle is None:
        return
    for name, hook in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if hook is None:
            continue
        here = f"{path}.lifecycle.{name}"
        _validate_handler(hook, here, container, found)
        grace = max(0, pod.spec.termination_grace_period_seconds or 0)
        if hook.sleep is not None and not 0 <= hook.sleep.seconds <= grace:
            found.invalid(
                f"{here}.sleep.seconds",
                f"got {hook.sleep.seconds}, expected 0 to terminationGracePeriodSeconds ({grace})",
            )
    if lifecycle.stop_signal is not None:
        here = f"{path}.lifecycle.stopSignal"
        if pod.spec.os is None:
            found.forbidden(here, "it needs spec.os.name: add os: {name: linux}")
        elif lifecycle.stop_signal not in (WINDOWS_SIGNALS if pod.spec.os.name == "windows" else LINUX_SIGNALS):
            found.one_of(here, lifecycle.stop_signal, ("SIGTERM", "SIGINT", "SIGQUIT", "another signal of the system"))


def refuse_on_init(container: v1.Container, path: str, found: Findings) -> None:
    """Refuse probes and hooks of an init container that ends before the others start."""
    for name, given in (
        ("lifecycle", container.lifecycle),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if given is not None:
            found.forbidden(
                f"{path}.{name}", "not allowed for an init container; restartPolicy: Always makes it a sidecar"
            )


def _validate_handler(handler: Handler, path: str, container: v1.Container, found: Findings) -> None:
    """Judge the one action of a probe or hook."""
    given = [
        name
        for name, action in (
            ("exec", handler.exec),
            ("httpGet", handler.http_get),
            ("tcpSocket", handler.tcp_socket),
            ("grpc", handler.grpc if isinstance(handler, v1.Probe) else None),
            ("sleep", handler.sleep if isinstance(handler, v1.LifecycleHandler) else None),
        )
        if action is not None
    ]
    if not given:
        known = "exec, httpGet, tcpSocket and grpc" if isinstance(handler, v1.Probe) else "exec, httpGet and sleep"
        found.required(path, f"expected one of {known}")
    for extra in given[1:]:
        found.forbidden(f"{path}.{extra}", f"{given[0]} is given already; keep one of the two")
    if handler.exec is not None and not handler.exec.command:
        found.required(f"{path}.exec.command", "expected a program and its arguments")
    if handler.http_get is not None:
        _validate_http_get(handler.http_get, f"{path}.httpGet", container, found)
    if handler.tcp_socket is not None:
        _validate_port(handler.tcp_socket.port, f"{path}.tcpSocket.port", container, found)
    if isinstance(handler, v1.Probe) and handler.grpc is not None:
        found.within(f"{path}.grpc.port", handler.grpc.port, 1, PORT_MAX)


def _validate_http_get(action: v1.HTTPGetAction, path: str, container: v1.Container, found: Findings) -> None:
    if not action.path:
        found.required(f"{path}.path", "expected a path such as /healthz")
    _validate_port(action.port, f"{path}.port", container, found)
    found.one_of(f"{path}.scheme", action.scheme, SCHEMES)
    for index, header in enumerate(action.http_headers):
        fault = None if _HEADER.fullmatch(header.name) else "must be letters, digits and '-'"
        found.named(f"{path}.httpHeaders[{index}].name", header.name, fault)


def _validate_port(port: int | str, path: str, container: v1.Container, found: Findings) -> None:
    if isinstance(port, int):
        found.within(path, port, 1, PORT_MAX)
        return
    if port.isdecimal():
        found.invalid(path, f"got the text {quoted(port)}, write the number without quotes")
        return
    fault = names.port_name(port)
    found.named(path, port, fault)
    if fault is None and all(known.name != port for known in container.ports):
        found.warn(ProblemKind.NOT_FOUND, path, f"the container has no port named {quoted(port)}: this can only fail")
