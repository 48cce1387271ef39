"""What a machine may have wrong at its boot: the time, and its own name. Neither keeps a pod from running."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.manifests import container_status, is_running, manifest
from tests.support.vm.qemu import Hardware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.vm.node import GuestNode

LEASED = "named-by-lease"


def problems(node: GuestNode) -> dict[str, str]:
    """Return what `podstead status` says is wrong: reason to message."""
    return {one["reason"]: one["message"] for one in json.loads(node.podstead("status -o json"))["problems"]}


@contextlib.contextmanager
def booted_with(node: GuestNode, hardware: Hardware) -> Iterator[None]:
    """Cut the machine's power, start it with other hardware, and wait for the agent; the next start is a usual one."""
    node.machine.do("sync")
    node.machine.cut_power()
    node.machine.hardware = hardware
    try:
        node.machine.start()
        node.wait_ready()
        yield
    finally:
        node.machine.hardware = Hardware()


@pytest.mark.newest
def test_a_boot_in_1970(node: GuestNode) -> None:
    """A board without a battery, before anybody has told it the time."""
    machine = node.machine
    node.deploy("timeless", manifest("timeless"))
    before = node.wait_pod("timeless", is_running)
    now = datetime.now(UTC)
    with booted_with(node, Hardware(clock="1970-01-02T00:00:00")):
        try:
            # systemd itself puts a clock that is older than its own build to that date.
            guess = datetime.fromtimestamp(int(machine.do("date +%s")), UTC)
            assert guess < now - timedelta(days=1)
            after = node.wait_pod("timeless", is_running)
            assert container_status(after)["restartCount"] == 1
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            assert f"{guess:%Y-}" in problems(node)["ClockBehind"]
            assert "ClockBehind" in node.podstead("status") or "clock says" in node.podstead("status")
            node.deploy("new", manifest("new"))
            node.wait_pod("new", is_running)
        finally:
            machine.do(f"date -s @{int(time.time())}")  # noqa: TID251 - as an NTP client would
        node.wait(lambda: "ClockBehind" not in problems(node), "the node still says that the clock is behind")
        assert node.pod("timeless")["status"]["containerStatuses"] == after["status"]["containerStatuses"]
        node.deploy("later", manifest("later"))
        started = container_status(node.wait_pod("later", is_running))["state"]["running"]["startedAt"]
        assert datetime.fromisoformat(started) > now


@pytest.mark.newest
def test_a_lease_brings_another_host_name(node: GuestNode) -> None:
    """As on clouds: the image has no name of its own, and DHCP gives one while the machine boots."""
    machine = node.machine
    node.deploy("named", manifest("named"))
    before = node.wait_pod("named", is_running)
    name = machine.do("hostname").strip()
    machine.do("mv /etc/hostname /etc/hostname.kept")
    with booted_with(node, Hardware(lease_hostname=LEASED)):
        try:
            machine.wait("hostname", until=lambda told: told.strip() == LEASED)
            after = node.wait_pod("named", is_running)
            assert after["metadata"]["name"] == before["metadata"]["name"] == f"named-{name}"
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            assert container_status(after)["restartCount"] == 1
            node.wait(lambda: "NodeNameChanged" in problems(node), "the node does not say that it was renamed")
            said = problems(node)["NodeNameChanged"]
            assert LEASED in said
            assert name in said
            # The same again by hand, while pods run: nothing restarts, nothing is there twice.
            machine.do("hostname another-name")
            node.wait(lambda: "another-name" in problems(node).get("NodeNameChanged", ""), "the node does not see it")
            machine.do("systemctl restart podstead.service")
            node.wait_ready()
            assert [pod["metadata"]["name"] for pod in node.pods()] == [f"named-{name}"]
            assert container_status(node.wait_pod("named", is_running)) == container_status(after)
        finally:
            machine.do(f"mv /etc/hostname.kept /etc/hostname; hostname {name}; hostnamectl hostname {name}")
    node.wait(lambda: "NodeNameChanged" not in problems(node), "the node still says that it was renamed")
