"""The Debian package on machines that boot: installed it runs pods, upgraded it restarts none, removed it leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.manifests import OBEYING, container_status, is_running, manifest
from tests.support.package import build_package
from tests.support.vm.machine import PAYLOAD
from tests.support.vm.node import GuestNode
from tests.support.vm.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.vm.machine import Machine
    from tests.vm.conftest import MakeMachine

APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q"
APT_SECONDS = 900.0
"""An emulated processor compiles the libraries for half a minute."""
PLACE = "/root"
"""Of the packages: /tmp is in memory since Debian 13, and this machine reboots."""
KEPT: dict[str, Any] = {
    "volumes": [{"name": "data", "hostPath": {"path": "/srv/kept", "type": "DirectoryOrCreate"}}],
    "container": {
        "command": ["sh", "-c", f"echo started >>/data/starts; {OBEYING}"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    },
}
OF_OURS = (
    r"find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /tmp \) -prune -o -name '*podstead*' -print"
)
PROCESSES = "ps -eo args | grep -E '[c]ontainerd-shim|[p]odstead' || true"


def main_pid(machine: Machine, unit: str) -> str:
    return machine.do(f"systemctl show -P MainPID {unit}").strip()


def container(node: GuestNode) -> tuple[str, int]:
    """Return the container that runs and how often it was restarted."""
    status = container_status(node.wait_pod("kept", is_running))
    return status["containerID"], status["restartCount"]


def test_the_package_from_its_installation_to_its_end(release: str, make_machine: MakeMachine, tmp_path: Path) -> None:
    machine = make_machine(Recipe(release=release))
    machine.start()
    node = GuestNode(machine=machine)
    for name, version in (("old", ""), ("new", "0.1.1~test")):
        machine.put(f"{PLACE}/{name}.deb", build_package(tmp_path, version).read_bytes())

    machine.do(f"{APT} install {PLACE}/old.deb", seconds=APT_SECONDS)
    node.wait_ready()
    assert machine.do("systemctl is-enabled podstead; systemctl is-active podstead").split() == ["enabled", "active"]
    node.podstead(f"image import {PAYLOAD}/busybox.tar")
    node.deploy("kept", manifest("kept", **KEPT))
    first = container(node)
    agent, runtime = main_pid(machine, "podstead"), main_pid(machine, "podstead-containerd")

    machine.do(f"{APT} install {PLACE}/new.deb", seconds=APT_SECONDS)
    node.wait_ready()
    assert container(node) == first
    assert main_pid(machine, "podstead") not in {agent, "0"}
    assert main_pid(machine, "podstead-containerd") == runtime != "0"
    assert machine.do("cat /srv/kept/starts") == "started\n"

    machine.reboot()
    node.wait_ready()
    after = container(node)
    assert (after[0] != first[0], after[1]) == (True, 1)

    # A service that the administrator has disabled stays so over an upgrade (here: the same version again).
    machine.do("systemctl disable --now podstead")
    machine.do(f"dpkg -i {PLACE}/new.deb", seconds=APT_SECONDS)
    assert machine.run("systemctl is-enabled podstead; systemctl is-active podstead").stdout.split() == [
        "disabled",
        "inactive",
    ]
    machine.do("systemctl enable --now podstead")
    node.wait_ready()

    machine.do(f"{APT} remove podstead", seconds=APT_SECONDS)
    assert machine.do(PROCESSES) == ""
    assert machine.do("grep -c podstead /proc/self/mountinfo || true").strip() == "0"
    assert machine.do("ls /etc/podstead/manifests").split() == ["kept.yaml"]

    machine.do(f"{APT} purge podstead", seconds=APT_SECONDS)
    assert machine.do(OF_OURS) == ""
    assert (
        machine.do("find /sys/fs/cgroup -name '*podstead*'; systemctl list-units --all --no-legend '*podstead*'") == ""
    )
    assert machine.do("ls /var/log/pods 2>/dev/null || true") == ""
    assert machine.do("cat /srv/kept/starts") == "started\nstarted\n"
