"""Rules of containers."""

from __future__ import annotations

from typing import Any

import pytest

from .pods import REMOVE
from .rules import DUPLICATE, FORBIDDEN, INVALID, REQUIRED, TOO_LONG, UNSUPPORTED, C, Case, Edit, check, init, title


def rule(**more: object) -> list[Edit]:
    one: dict[str, Any] = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}, **more}
    return [(f"{C}.restartPolicy", "Never"), (f"{C}.restartPolicyRules", [one])]


CONTAINERS: list[Case] = [
    ([], [("spec.containers", [])], "spec.containers", REQUIRED),
    ([], [(f"{C}.name", "")], "spec.containers[0].name", REQUIRED),
    ([(f"{C}.name", "a" * 63)], [(f"{C}.name", "a" * 64)], "spec.containers[0].name", INVALID),
    ([init()], [init(name="mysql")], "spec.containers[0].name", DUPLICATE),
    ([], [(f"{C}.image", REMOVE)], "spec.containers[0].image", REQUIRED),
    ([], [(f"{C}.image", " mysql:5")], "spec.containers[0].image", INVALID),
    (
        [(f"{C}.imagePullPolicy", "Never")],
        [(f"{C}.imagePullPolicy", "never")],
        "spec.containers[0].imagePullPolicy",
        UNSUPPORTED,
    ),
    (
        [(f"{C}.terminationMessagePolicy", "FallbackToLogsOnError")],
        [(f"{C}.terminationMessagePolicy", "Logs")],
        "spec.containers[0].terminationMessagePolicy",
        UNSUPPORTED,
    ),
    (
        [],
        [("spec.ephemeralContainers", [{"name": "debug", "image": "busybox"}])],
        "spec.ephemeralContainers",
        FORBIDDEN,
    ),
    (
        [(f"{C}.restartPolicy", "OnFailure")],
        [(f"{C}.restartPolicy", "Sometimes")],
        "spec.containers[0].restartPolicy",
        UNSUPPORTED,
    ),
    (rule(), rule()[1:], "spec.containers[0].restartPolicy", REQUIRED),
    (
        rule(action="RestartAllContainers"),
        rule(action="Stop"),
        "spec.containers[0].restartPolicyRules[0].action",
        UNSUPPORTED,
    ),
    (rule(), rule(exitCodes=None), "spec.containers[0].restartPolicyRules[0].exitCodes", REQUIRED),
    (
        rule(exitCodes={"operator": "NotIn", "values": [0]}),
        rule(exitCodes={"operator": "Of", "values": [0]}),
        "spec.containers[0].restartPolicyRules[0].exitCodes.operator",
        UNSUPPORTED,
    ),
    (
        rule(),
        rule(exitCodes={"operator": "In"}),
        "spec.containers[0].restartPolicyRules[0].exitCodes.values",
        REQUIRED,
    ),
    (
        rule(exitCodes={"operator": "In", "values": list(range(255))}),
        rule(exitCodes={"operator": "In", "values": list(range(256))}),
        "spec.containers[0].restartPolicyRules[0].exitCodes.values",
        TOO_LONG,
    ),
    (
        [rule()[0], (f"{C}.restartPolicyRules", [rule()[1][1][0]] * 20)],  # type: ignore[index] # the rule in rule()
        [rule()[0], (f"{C}.restartPolicyRules", [rule()[1][1][0]] * 21)],  # type: ignore[index] # the rule in rule()
        "spec.containers[0].restartPolicyRules",
        TOO_LONG,
    ),
]


def port(**more: object) -> Edit:
    return (f"{C}.ports", [{"containerPort": 80, **more}])


def two_ports(one: dict[str, Any], other: dict[str, Any]) -> Edit:
    return (f"{C}.ports", [{"containerPort": 80, **one}, {"containerPort": 81, **other}])


PORTS: list[Case] = [
    ([], [port(containerPort=0)], "spec.containers[0].ports[0].containerPort", REQUIRED),
    (
        [port(containerPort=65535)],
        [port(containerPort=65536)],
        "spec.containers[0].ports[0].containerPort",
        INVALID,
    ),
    ([port(hostPort=0)], [port(hostPort=70000)], "spec.containers[0].ports[0].hostPort", INVALID),
    ([port(protocol="SCTP")], [port(protocol="tcp")], "spec.containers[0].ports[0].protocol", UNSUPPORTED),
    ([port(hostIP="::1")], [port(hostIP="localhost")], "spec.containers[0].ports[0].hostIP", INVALID),
    ([port(name="a-1")], [port(name="sixteen-letters-")], "spec.containers[0].ports[0].name", INVALID),
    (
        [two_ports({"name": "a"}, {"name": "b"})],
        [two_ports({"name": "a"}, {"name": "a"})],
        "spec.containers[0].ports[1].name",
        DUPLICATE,
    ),
    (
        [two_ports({"hostPort": 53}, {"hostPort": 53, "protocol": "UDP"})],
        [two_ports({"hostPort": 53}, {"hostPort": 53})],
        "spec.containers[0].ports[1].hostPort",
        DUPLICATE,
    ),
    (
        [("spec.hostNetwork", True), port(hostPort=80)],
        [("spec.hostNetwork", True), port(hostPort=81)],
        "spec.containers[0].ports[0].hostPort",
        INVALID,
    ),
]


@pytest.mark.parametrize("one", [*CONTAINERS, *PORTS], ids=title)
def test_a_rule_of_containers(one: Case) -> None:
    check(one)
