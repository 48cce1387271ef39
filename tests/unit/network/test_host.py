"""The host's preparation against an iptables that keeps its rules in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.errors import OperatorError
from podstead.network import host as host_module
from podstead.network.conflist import pod_network
from podstead.network.host import HostNetwork, forward_rules

if TYPE_CHECKING:
    from pathlib import Path

IPTABLES = """#!/bin/sh
# Rules of the FORWARD chain, one a line; the policy is in its own file. Arguments: -w COMMAND CHAIN ...
cd "$(dirname "$0")"
[ "$1" = -w ] || exit 2
command=$2; shift 3
case $command in
-S) echo "-P FORWARD $(cat policy)"; cat rules ;;
-C) grep -qxF -- "$*" rules ;;
-I) shift; { echo "$*"; cat rules; } > new; mv new rules ;;
-D) grep -nxF -- "$*" rules | head -1 | cut -d: -f1 | { read n; sed -i "${n}d" rules; } ;;
*) echo "unknown command" >&2; exit 2 ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "iptables").write_text(IPTABLES)
    (tmp_path / "iptables").chmod(0o755)
    (tmp_path / "policy").write_text("ACCEPT")
    (tmp_path / "rules").write_text("-i docker0 -j ACCEPT\n")
    (tmp_path / "ip_forward").write_text("1\n")
    monkeypatch.setattr(host_module, "IP_FORWARD", tmp_path / "ip_forward")
    return tmp_path


def network(machine: Path) -> HostNetwork:
    return HostNetwork(pod_network("ab12cd34", "10.88.7.0/24", machine), machine / "iptables")


def test_a_machine_that_forwards_already_is_not_changed(machine: Path) -> None:
    assert network(machine).prepare() == ()
    assert (machine / "rules").read_text() == "-i docker0 -j ACCEPT\n"


def test_every_change_is_said_once_and_undone(machine: Path) -> None:
    (machine / "ip_forward").write_text("0\n")
    (machine / "policy").write_text("DROP")
    changes = network(machine).prepare()
    assert changes[0].message == "set net.ipv4.ip_forward=1 (was 0): pods with own addresses need it"
    assert [("pods-ab12cd34" in change.message) for change in changes] == [False, True, True]
    assert (machine / "ip_forward").read_text() == "1\n"
    rules = (machine / "rules").read_text().splitlines()
    assert sorted(rules) == sorted(
        [" ".join(rule) for rule in forward_rules(pod_network("ab12cd34", "10.88.7.0/24", machine))]
        + ["-i docker0 -j ACCEPT"]
    )
    assert network(machine).prepare() == ()
    network(machine).restore()
    network(machine).restore()
    assert (machine / "rules").read_text() == "-i docker0 -j ACCEPT\n"
    assert (machine / "ip_forward").read_text() == "1\n"  # others may rely on it by now


def test_a_host_that_refuses_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "iptables").write_text("#!/bin/sh\necho you must be root >&2\nexit 4\n")
    with pytest.raises(OperatorError, match="you must be root"):
        network(machine).prepare()
    (machine / "ip_forward").unlink()
    (machine / "ip_forward").mkdir()
    with pytest.raises(OperatorError, match="ip_forward"):
        network(machine).prepare()
