"""The README's first command on a machine like its reader's: the article's MySQL, and what becomes of it over a boot.

The guest has no network, so what `make run` would fetch is there already: Debian's packages (PACKAGES and setup_packages of
tests/support/vm/recipe.py), `.venv` (made with the disk, by the same commands as tools/setup) and the stand-in's archive
(built by the demo itself, on the machine that runs the tests). Everything else happens as the README says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.manifests import container_status, is_running
from tests.support.vm.machine import PAYLOAD, bring_checkout
from tests.support.vm.node import GuestNode
from tests.support.vm.recipe import GUEST_PROJECT, Recipe

if TYPE_CHECKING:
    from tests.vm.conftest import MakeMachine

MAKE_SECONDS = 900.0
ASK = "podstead exec -n kube-system mysql -- mysql -h127.0.0.1 -P3311 -uroot -p123456 -N -e"
"""The article's port and password."""


@pytest.mark.newest
def test_the_articles_mysql_from_nothing_and_over_a_reboot(make_machine: MakeMachine, release: str) -> None:
    machine = make_machine(Recipe(release=release))
    machine.start()
    bring_checkout(machine)
    machine.do(f"mkdir -p /var/cache && cp -a {PAYLOAD}/podstead-demo /var/cache/podstead-demo")
    told = machine.do(f"cd {GUEST_PROJECT} && make run", seconds=MAKE_SECONDS)
    assert "a client has logged in as root" in told, told
    assert "make service" in told, told
    assert told.splitlines()[-1].startswith("Remember, this is a STAND-IN: MySQL "), told
    node = GuestNode(machine=machine)
    before = node.wait_pod("mysql", is_running)
    # The article's probe gives a server a minute. Where an emulated processor is shared that may be short once.
    restarts = container_status(before, "mysql")["restartCount"]
    assert restarts <= 1
    machine.do(f"{ASK} 'CREATE DATABASE kept; CREATE TABLE kept.words (word TEXT); INSERT INTO kept.words VALUES (1)'")

    told = machine.do(f"cd {GUEST_PROJECT} && make service", seconds=MAKE_SECONDS)
    assert "podstead.service runs" in told, told
    node.wait_ready()
    taken = node.wait_pod("mysql", is_running)
    assert container_status(taken, "mysql") == container_status(before, "mysql"), "the service takes the pod as it runs"

    machine.reboot()
    node.wait_ready()
    after = node.wait_pod("mysql", is_running, seconds=MAKE_SECONDS)
    assert container_status(after, "mysql")["restartCount"] == restarts + 1
    # The article's pod is Ready as soon as it runs: it has no readiness probe.
    machine.wait(f"{ASK} 'SELECT word FROM kept.words'", seconds=MAKE_SECONDS, until=lambda told: told.strip() == "1")

    told = machine.do(f"cd {GUEST_PROJECT} && make uninstall", seconds=MAKE_SECONDS)
    assert "the agent is a service here" in told, told
    assert node.pods() == []
    machine.do("test ! -e /opt/mysql && podstead uninstall --purge --yes && test ! -e /var/lib/podstead")
