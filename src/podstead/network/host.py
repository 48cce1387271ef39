"""What the pod network needs of the host: looked at, changed only where it must be, and every change said.

Pods with an address of their own need forwarding (`net.ipv4.ip_forward`) and a FORWARD chain that lets them through.
`route_localnet`, which host ports on 127.0.0.1 need, is set by the portmap plugin on our own bridge only.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.network.link import delete_link

if TYPE_CHECKING:
    from podstead.network.conflist import PodNetwork

IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
COMMAND_SECONDS = 20
"""iptables waits for its lock (-w) while other programs, such as docker, hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """Something of the host that was changed, in a sentence for the operator and the log."""

    message: str


def forward_rules(network: PodNetwork) -> tuple[tuple[str, ...], ...]:
    """Return the FORWARD rules (without -A or -D) that let the pods of a network through."""
    mark = ("-m", "comment", "--comment", f"{network.name} pods")
    return (
        ("-i", network.bridge, *mark, "-j", "ACCEPT"),
        ("-o", network.bridge, *mark, "-j", "ACCEPT"),
    )


class HostNetwork:
    """Prepares and restores the host side; blocking, call it in a thread of the node's network namespace."""

    def __init__(self, network: PodNetwork, iptables: Path) -> None:
        self._network = network
        self._iptables = str(iptables)

    def prepare(self) -> tuple[HostChange, ...]:
        """Change what stands in the way of pods; return what was changed, nothing on a second call.

        Raises:
            OperatorError: forwarding cannot be switched on, or iptables fails.
        """
        changes = []
        if self._switch_forwarding_on():
            changes.append(HostChange(message="set net.ipv4.ip_forward=1 (was 0): pods with own addresses need it"))
        if self._forward_policy() == "DROP":
            for rule in forward_rules(self._network):
                if not self._has(rule):
                    self._iptables_run("-I", "FORWARD", "1", *rule)
                    changes.append(
                        HostChange(
                            message="added an iptables rule, as the FORWARD chain's policy is DROP: FORWARD "
                            + " ".join(rule)
                        )
                    )
        return tuple(changes)

    def restore(self) -> None:
        """Remove our FORWARD rules and the bridge; for `stop-all`, when no pod is left. Safe to repeat.

        `ip_forward` stays on: others may rely on it by now.

        Raises:
            OperatorError: iptables or the kernel refuses.
        """
        for rule in forward_rules(self._network):
            while self._has(rule):
                self._iptables_run("-D", "FORWARD", *rule)
        delete_link(self._network.bridge)

    @staticmethod
    def _switch_forwarding_on() -> bool:
        """Return whether it was off."""
        try:
            if IP_FORWARD.read_text(encoding="ascii").strip() != "0":
                return False
            IP_FORWARD.write_text("1\n", encoding="ascii")
        except OSError as error:
            raise OperatorError(
                f"cannot give pods a network: net.ipv4.ip_forward cannot be switched on ({error.strerror}); "
                "do it with: sysctl -w net.ipv4.ip_forward=1"
            ) from error
        return True

    def _forward_policy(self) -> str:
        listed = self._iptables_run("-S", "FORWARD").split()
        return listed[2] if listed[:2] == ["-P", "FORWARD"] else ""

    def _has(self, rule: tuple[str, ...]) -> bool:
        done = subprocess.run(
            [self._iptables, "-w", "-C", "FORWARD", *rule],
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode == 0

    def _iptables_run(self, *arguments: str) -> str:
        return _run([self._iptables, "-w", *arguments])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=COMMAND_SECONDS, check=True, stdin=subprocess.DEVNULL, text=True
        )
    except subprocess.CalledProcessError as error:
        raise OperatorError(f"cannot run {' '.join(command)!r}: {error.stderr.strip()[:400]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"cannot run {' '.join(command)!r}: {error}") from error
    return done.stdout
