"""Podstead in a guest, as its service: manifests, pods, and what the command line says."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.vm.machine import PAYLOAD, bring_checkout
from tests.supported.environment import FACTS, parse_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.vm.machine import Machine

MANIFESTS = "/etc/podstead/manifests"
POD_SECONDS = 180.0
"""An emulated processor takes 5 s for what takes a real one half a second."""
START_SECONDS = 300.0
"""A first start tries the OCI runtimes and starts containerd."""
_LOOK_SECONDS = 1.0
_ASK = shlex.quote(r"""
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Peer => "/run/podstead/podstead.sock") or die "nobody listens: $!\n";
print $socket "GET $ARGV[0] HTTP/1.0\r\nHost: node\r\n\r\n";
local $/;
my ($head, $body) = split /\r\n\r\n/, <$socket>, 2;
$head =~ m(^HTTP/1.\d 200 ) or die "$head\n$body\n";
print $body;
""")
"""What waiting asks with: every Debian has this perl, which starts in a tenth of the time of our command. On an emulated
processor the asking would else take most of what is waited for."""


@dataclass(frozen=True, kw_only=True)
class GuestNode:
    """Podstead on a machine that is up."""

    machine: Machine

    def podstead(self, words: str, *, seconds: float = POD_SECONDS) -> str:
        """Run a command of the command line that must succeed, and return what it printed."""
        return self.machine.do(f"podstead {words}", seconds=seconds)

    def deploy(self, name: str, manifest: str) -> None:
        """Put a manifest into the directory, whole; another of the same name is replaced."""
        self.machine.put(f"{MANIFESTS}/{name}.yaml", manifest)

    def withdraw(self, name: str) -> None:
        """Take a manifest away, and wait until its pod is gone."""
        self.machine.do(f"rm -f {MANIFESTS}/{name}.yaml")
        self.wait(lambda: all(not is_named(pod, name) for pod in self.pods()), f"{name} is still there")

    def pods(self) -> list[dict[str, Any]]:
        """Return every pod as the API has it."""
        items: list[dict[str, Any]] = json.loads(self.machine.do(asking("/api/v1/pods")))["items"]
        return items

    def pod(self, name: str) -> dict[str, Any]:
        """Return a pod by its manifest's name."""
        found = [pod for pod in self.pods() if is_named(pod, name)]
        assert len(found) == 1, f"pods of {name}: {[pod['metadata']['name'] for pod in found]}"
        return found[0]

    def wait_pod(
        self, name: str, condition: Callable[[dict[str, Any]], bool], *, seconds: float = POD_SECONDS
    ) -> dict[str, Any]:
        """Wait until a pod, by its manifest's name, is as wanted; return it."""
        last: list[dict[str, Any]] = []

        def fits() -> bool:
            last[:] = [pod for pod in self.pods() if is_named(pod, name)]
            return len(last) == 1 and condition(last[0])

        try:
            self.wait(fits, f"{name} is not as wanted", seconds=seconds)
        except AssertionError as error:
            told = self.machine.run("podstead get pods -A; podstead get files; podstead get events -A | tail -n 20")
            raise AssertionError(f"{error}:\n{told.stdout}{told.stderr}\n{json.dumps(last, indent=1)}") from error
        return last[0]

    def wait(self, condition: Callable[[], bool], complaint: str, *, seconds: float = POD_SECONDS) -> None:
        """Wait until a condition holds, or fail."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{complaint} after {seconds:.0f} s"
            time.sleep(_LOOK_SECONDS)

    def wait_ready(self, *, seconds: float = POD_SECONDS) -> None:
        """Wait until the agent has looked at its directory and its runtime answers."""
        told = self.machine.wait(
            asking("/apis/podstead.io/v1alpha1/status"),
            seconds=seconds,
            until=lambda status: bool(json.loads(status)["ready"]),
        )
        self.machine.facts = self.machine.facts or self.machine.do(FACTS)
        self.machine.covered.add(parse_facts(self.machine.facts, oci=json.loads(told)["runtime"]["ociRuntime"]))

    def clear(self) -> None:
        """Take every manifest away and wait until no pod is left."""
        self.machine.do(f"rm -rf {MANIFESTS}/*")
        self.wait(lambda: not self.pods(), "pods are still there")


def asking(path: str) -> str:
    """Return the command that prints what the agent answers at a path; it fails where nobody answers."""
    return f"perl -e {_ASK} {shlex.quote(path)}"


def is_named(pod: dict[str, Any], name: str) -> bool:
    """Return whether a pod is that of a manifest's name: its own has the node's at its end."""
    node: str = pod["spec"]["nodeName"]
    named: str = pod["metadata"]["name"]
    return named == f"{name}-{node}"


def install_podstead(machine: Machine) -> GuestNode:
    """Install this checkout on a machine that is up, as a service that starts with it, with the busybox image."""
    bring_checkout(machine)
    machine.do("podstead install --now", seconds=START_SECONDS)
    node = GuestNode(machine=machine)
    node.wait_ready()
    node.podstead(f"image import {PAYLOAD}/busybox.tar")
    return node
