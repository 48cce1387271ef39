"""Rules of probes."""

from __future__ import annotations

import pytest

from .rules import FORBIDDEN, INVALID, LP, REQUIRED, UNSUPPORTED, C, Case, Edit, L, case, check, init, only, title


def probe(**more: object) -> Edit:
    return (L, {"tcpSocket": {"port": 3311}, **more})


def hook(**action: object) -> Edit:
    return (f"{C}.lifecycle.preStop", action)


PROBES: list[Case] = [
    ([], [only(periodSeconds=1)], LP, REQUIRED),
    ([], [only(tcpSocket={"port": 1}, grpc={"port": 1})], f"{LP}.grpc", FORBIDDEN),
    ([only(exec={"command": ["true"]})], [only(exec={})], f"{LP}.exec.command", REQUIRED),
    ([only(httpGet={"port": 80})], [only(httpGet={"port": 0})], f"{LP}.httpGet.port", INVALID),
    (
        [only(httpGet={"port": 80, "scheme": "HTTPS"})],
        [only(httpGet={"port": 80, "scheme": "https"})],
        f"{LP}.httpGet.scheme",
        UNSUPPORTED,
    ),
    (
        [only(httpGet={"port": 80, "httpHeaders": [{"name": "X-A", "value": "v"}]})],
        [only(httpGet={"port": 80, "httpHeaders": [{"name": "X A", "value": "v"}]})],
        f"{LP}.httpGet.httpHeaders[0].name",
        INVALID,
    ),
    ([only(tcpSocket={"port": "mysql"})], [only(tcpSocket={"port": "80"})], f"{LP}.tcpSocket.port", INVALID),
    ([], [only(tcpSocket={"port": "My_Port"})], f"{LP}.tcpSocket.port", INVALID),
    ([only(grpc={"port": 1})], [only(grpc={"port": 65536})], f"{LP}.grpc.port", INVALID),
    *[
        case([probe(**{name: 1})], [probe(**{name: -1})], f"{LP}.{name}", INVALID)
        for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold")
    ],
    ([probe(successThreshold=1)], [probe(successThreshold=2)], f"{LP}.successThreshold", INVALID),
    (
        [(f"{C}.readinessProbe", {"tcpSocket": {"port": 1}, "successThreshold": 2})],
        [(f"{C}.startupProbe", {"tcpSocket": {"port": 1}, "successThreshold": 2})],
        "spec.containers[0].startupProbe.successThreshold",
        INVALID,
    ),
    (
        [probe(terminationGracePeriodSeconds=1)],
        [probe(terminationGracePeriodSeconds=0)],
        f"{LP}.terminationGracePeriodSeconds",
        INVALID,
    ),
    (
        [],
        [(f"{C}.readinessProbe", {"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 5})],
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds",
        INVALID,
    ),
    ([hook(exec={"command": ["x"]})], [hook()], "spec.containers[0].lifecycle.preStop", REQUIRED),
    (
        [],
        [hook(exec={"command": ["x"]}, sleep={"seconds": 1})],
        "spec.containers[0].lifecycle.preStop.sleep",
        FORBIDDEN,
    ),
    (
        [hook(sleep={"seconds": 30})],
        [hook(sleep={"seconds": 31})],
        "spec.containers[0].lifecycle.preStop.sleep.seconds",
        INVALID,
    ),
    (
        [("spec.os", {"name": "linux"}), (f"{C}.lifecycle", {"stopSignal": "SIGRTMIN+3"})],
        [(f"{C}.lifecycle", {"stopSignal": "SIGTERM"})],
        "spec.containers[0].lifecycle.stopSignal",
        FORBIDDEN,
    ),
    (
        [],
        [("spec.os", {"name": "linux"}), (f"{C}.lifecycle", {"stopSignal": "TERM"})],
        "spec.containers[0].lifecycle.stopSignal",
        UNSUPPORTED,
    ),
    *[
        case(
            [init(restartPolicy="Always", **{name: given})],
            [init(**{name: given})],
            f"spec.initContainers[0].{name}",
            FORBIDDEN,
        )
        for name, given in (
            ("lifecycle", {"preStop": {"exec": {"command": ["x"]}}}),
            ("livenessProbe", {"tcpSocket": {"port": 1}}),
            ("readinessProbe", {"tcpSocket": {"port": 1}}),
            ("startupProbe", {"tcpSocket": {"port": 1}}),
        )
    ],
]


@pytest.mark.parametrize("one", PROBES, ids=title)
def test_a_rule_of_probes(one: Case) -> None:
    check(one)
