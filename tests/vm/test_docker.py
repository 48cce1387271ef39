"""A machine that runs Docker already: Podstead comes, works, survives a boot and goes, and Docker notices nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.manifests import is_running, manifest
from tests.support.vm.node import install_podstead
from tests.support.vm.recipe import Recipe

if TYPE_CHECKING:
    from tests.support.vm.machine import Machine
    from tests.vm.conftest import MakeMachine

PACKAGES = {"bookworm": ("docker.io",), "trixie": ("docker.io", "docker-cli")}
PORT, DOCKERS_PORT = 18081, 18080
IMAGE = """
set -e
mkdir -p /tmp/r/bin /tmp/r/www && cp /usr/bin/busybox /tmp/r/bin/busybox && ln -s busybox /tmp/r/bin/sh
echo docker >/tmp/r/www/index.html
tar -C /tmp/r -c . | docker import - tiny:1
"""
RUN = f"docker run -d --name before --restart=always -p {DOCKERS_PORT}:80 tiny:1 /bin/busybox httpd -f -p 80 -h /www"
FETCH = "busybox wget -q -T 20 -O - http://127.0.0.1:{port}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """What a user of Docker's would see changed."""

    containers: str
    images: str
    networks: str
    rules: tuple[str, ...]
    """Those of iptables that are Docker's, and the policy that it sets, in their order."""
    services: str
    """When docker and containerd were started, and as which processes: a restart shows."""
    files: str
    """Digests of their configuration."""
    holdings: str
    """What containerd holds, by namespace."""


def look(machine: Machine) -> Docker:
    """Look at everything of Docker's."""
    saved = machine.do("iptables-save; ip6tables-save")
    services = (
        "systemctl show -p Id,MainPID,ActiveEnterTimestampMonotonic,UnitFileState docker containerd docker.socket"
    )
    return Docker(
        containers=machine.do("docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}} {{.Ports}}'"),
        images=machine.do("docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'"),
        networks=machine.do("docker network ls --no-trunc; ip -o link show docker0"),
        rules=tuple(
            line for line in without_counters(saved) if "docker" in line.lower() or line.startswith(":FORWARD")
        ),
        services=machine.do(services),
        files=machine.do("find /etc/docker /etc/containerd /etc/default/docker -type f | sort | xargs -r sha256sum"),
        holdings=machine.do("for n in $(ctr namespaces ls -q); do echo $n; ctr -n $n c ls; ctr -n $n i ls -q; done"),
    )


def without_counters(saved: str) -> list[str]:
    """Return rules and chains as they were written: without comments' times and the packets that chains have counted."""
    return [line.partition(" [")[0] for line in saved.splitlines() if not line.startswith("#")]


@pytest.mark.newest
def test_docker_that_was_there_before(make_machine: MakeMachine, release: str) -> None:
    machine = make_machine(Recipe(release=release, more_packages=PACKAGES[release]))
    machine.start()
    machine.do(IMAGE)
    machine.do(RUN)
    machine.wait(FETCH.format(port=DOCKERS_PORT), until=lambda told: told == "docker\n")
    before = look(machine)

    node = install_podstead(machine)
    serving = {
        "command": ["httpd", "-f", "-p", "8080", "-h", "/www"],
        "ports": [{"containerPort": 8080, "hostPort": PORT}],
    }
    node.deploy("web", manifest("web", hostNetwork=False, container=serving))
    node.wait_pod("web", is_running)
    # Docker's policy drops what is forwarded; both are reached all the same.
    machine.wait(FETCH.format(port=PORT), until=lambda told: told == "podstead test\n")
    assert machine.do(FETCH.format(port=DOCKERS_PORT)) == "docker\n"
    assert look(machine) == before

    machine.reboot()
    node.wait_ready()
    node.wait_pod("web", is_running)
    machine.wait(FETCH.format(port=PORT), until=lambda told: told == "podstead test\n")
    machine.wait(FETCH.format(port=DOCKERS_PORT), until=lambda told: told == "docker\n")
    booted = look(machine)
    assert (booted.images, booted.files) == (before.images, before.files)

    node.clear()
    node.podstead("stop-all --yes")
    assert machine.do(FETCH.format(port=DOCKERS_PORT)) == "docker\n"
    assert look(machine) == booted
    left = [
        line for line in without_counters(machine.do("iptables-save; ip6tables-save")) if "podstead" in line.lower()
    ]
    assert left == []
