from __future__ import annotations

import json
from pathlib import Path

import pytest

from podstead.errors import OperatorError
from podstead.network.conflist import CONFLIST_NAME, pod_network, render_conflist, write_conflist


def test_the_conflist_says_what_pods_need() -> None:
    network = pod_network("ab12cd34", "10.88.7.0/24", Path("/r/network"), mtu=1400)
    read = json.loads(render_conflist(network))
    bridge, portmap = read["plugins"]
    assert read["name"] == "podstead-ab12cd34"
    assert bridge == {
        "type": "bridge",
        "bridge": "pods-ab12cd34",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "mtu": 1400,
        "ipam": {
            "type": "host-local",
            "dataDir": "/r/network/leases",
            "ranges": [[{"subnet": "10.88.7.0/24", "gateway": "10.88.7.1"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    assert portmap == {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}


def test_two_instances_share_no_name() -> None:
    one = pod_network("11111111", "10.88.1.0/24", Path("/a"))
    two = pod_network("22222222", "10.88.2.0/24", Path("/b"))
    assert {one.name, one.bridge, str(one.leases)}.isdisjoint({two.name, two.bridge, str(two.leases)})
    assert "mtu" not in json.loads(render_conflist(one))["plugins"][0]


def test_the_bridges_name_fits_into_the_kernel() -> None:
    assert len(pod_network("0123456789abcdef", "10.88.1.0/24", Path("/a")).bridge) <= 15


@pytest.mark.parametrize("cidr", ["10.88.1.5/24", "10.88.1.0/33", "fd00::/64", "all", "", "10.88.1.0/30"])
def test_a_cidr_that_cannot_be_is_refused(cidr: str) -> None:
    with pytest.raises(OperatorError, match="cannot use --pod-cidr"):
        pod_network("x", cidr, Path("/a"))


def test_an_unchanged_file_is_left_alone(tmp_path: Path) -> None:
    network = pod_network("ab12cd34", "10.88.7.0/24", tmp_path)
    write_conflist(network, tmp_path / "net.d")
    file = tmp_path / "net.d" / CONFLIST_NAME
    before = file.stat()
    write_conflist(network, tmp_path / "net.d")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_conflist(pod_network("ab12cd34", "10.88.8.0/24", tmp_path), tmp_path / "net.d")
    assert "10.88.8.0/24" in file.read_text()
    assert [one.name for one in (tmp_path / "net.d").iterdir()] == [CONFLIST_NAME]
