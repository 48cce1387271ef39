"""A machine goes down: its pods end first and in their order, whoever began it; the times are those of the guest's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from podstead.k8s.annotations import START_AFTER
from tests.support.manifests import container_status, is_running, manifest

if TYPE_CHECKING:
    from tests.support.vm.node import GuestNode

KEPT = "/srv/shutdown"
"""Where pods write when they were told to end, and when they had."""
SENTINEL = f"""\
[Unit]
Description=Notes when systemd begins to stop what runs

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c 'cut -d" " -f1 /proc/uptime >{KEPT}/systemd'
"""
NAMES = ("web", "db", "mysql")
SECONDS = {"web": 1, "db": 4, "mysql": 2}
"""How long each takes to end once it is told; all have ten."""


def ending(name: str, **changes: Any) -> str:
    """A pod that writes down when it began, was told to end, and had ended."""
    say = f'say() {{ echo "$1 $(cut -d" " -f1 /proc/uptime)" >>/kept/{name}; }}'
    told = f"trap 'say told; sleep {SECONDS[name]}; say ended; exit 0' TERM"
    return manifest(
        name,
        container={
            "command": ["sh", "-c", f"{say}; {told}; say began; while :; do sleep 0.2; done"],
            "volumeMounts": [{"name": "kept", "mountPath": "/kept"}],
        },
        volumes=[{"name": "kept", "hostPath": {"path": KEPT, "type": "DirectoryOrCreate"}}],
        terminationGracePeriodSeconds=10,
        **changes,
    )


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a pod wrote in one boot, in seconds of uptime."""

    told: float
    ended: float


def lives(node: GuestNode) -> dict[str, Life]:
    """Return the first life of each pod; it ended by being told, and once."""
    found = {}
    for name in NAMES:
        node.wait_pod(name, is_running)  # its second life has begun
        lines = [line.split() for line in node.machine.do(f"cat {KEPT}/{name}").splitlines()]
        assert [word for word, _ in lines] == ["began", "told", "ended", "began"], (name, lines)
        found[name] = Life(told=float(lines[1][1]), ended=float(lines[2][1]))
    return found


def run_pods(node: GuestNode) -> None:
    node.machine.do(f"rm -rf {KEPT}; mkdir -p {KEPT}")
    node.deploy("mysql", ending("mysql", priorityClassName="system-node-critical"))
    node.deploy("web", ending("web", metadata={"annotations": {START_AFTER: "db"}}))
    node.deploy("db", ending("db"))
    for name in NAMES:
        node.wait_pod(name, is_running)
    node.machine.put("/run/systemd/system/sentinel.service", SENTINEL)
    node.machine.do("systemctl daemon-reload && systemctl start sentinel.service")


def check_order(found: dict[str, Life]) -> None:
    web, db, mysql = (found[name] for name in NAMES)
    assert web.told < web.ended <= db.told < db.ended <= mysql.told < mysql.ended, found


def check_back(node: GuestNode) -> None:
    for name in NAMES:
        pod = node.wait_pod(name, is_running)
        assert container_status(pod)["restartCount"] == 1


def test_logind_waits_until_the_pods_have_ended(node: GuestNode) -> None:
    run_pods(node)
    machine = node.machine
    machine.wait("systemd-inhibit --list --no-legend", until=lambda text: "podstead" in text)
    # Three stages of ten seconds, and five for each stop: 45, in steps of 30.
    ask = "busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    machine.wait(f"{ask} InhibitDelayMaxUSec", until=lambda text: int(text.split()[1]) >= 60_000_000)
    # logind finds locks and its configuration again, and the agent finds logind.
    machine.do("systemctl restart systemd-logind.service")
    machine.wait(f"{ask} InhibitDelayMaxUSec", until=lambda text: int(text.split()[1]) >= 60_000_000)
    machine.wait(
        "podstead status",
        until=lambda text: "logind waits until pods have ended in their order, 60 s at most" in text,
    )

    machine.reboot()

    node.wait_ready()
    found, stopping = lives(node), float(machine.do(f"cat {KEPT}/systemd"))
    print(f"{machine.recipe.name}: {found}, systemd began to stop what runs at {stopping}")
    check_order(found)
    assert found["mysql"].ended <= stopping
    # It did not wait for its time to be over either: what is between is the stop of the sandbox and the release, 12 s emulated.
    assert stopping < found["mysql"].ended + 20
    check_back(node)


@pytest.mark.newest
def test_pods_end_in_their_order_where_logind_is_not_asked(node: GuestNode) -> None:
    run_pods(node)
    node.machine.reboot("systemctl start --no-block reboot.target")
    node.wait_ready()
    found = lives(node)
    print(f"{node.machine.recipe.name}: {found}, systemd: {node.machine.do(f'cat {KEPT}/systemd').strip()}")
    check_order(found)
    check_back(node)
