"""Units found on a disk, with their drop-ins and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.survey.services import services
from podstead.survey.tree import Tree
from tests.support.inspected import kubeadm_node, put

if TYPE_CHECKING:
    from pathlib import Path


def started(root: Path) -> list[tuple[str, dict[str, str]]]:
    return [(one.launch.origin, one.launch.flags()) for one in services(Tree(root))]


def test_a_node_of_kubeadm(tmp_path: Path) -> None:
    kubeadm_node(tmp_path)
    put(tmp_path, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS='--pod-manifest-path=/srv/pods'\n")
    (one,) = services(Tree(tmp_path))
    assert one.launch.flags() == {
        "kubeconfig": "/etc/kubernetes/kubelet.conf",
        "config": "/var/lib/kubelet/config.yaml",
        "hostname-override": "node3",
        "pod-manifest-path": "/srv/pods",
    }
    assert [file.path for file in one.files] == [
        "/usr/lib/systemd/system/kubelet.service",
        "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
        "/var/lib/kubelet/kubeadm-flags.env",
        "/etc/default/kubelet",
    ]


def test_drop_ins_by_name_and_weight(tmp_path: Path) -> None:
    put(tmp_path, "/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --config=/1\n")
    put(
        tmp_path,
        "/usr/lib/systemd/system/kubelet.service.d/10.conf",
        "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --config=/no\n",
    )
    put(tmp_path, "/etc/systemd/system/kubelet.service.d/10.conf", "[Service]\nEnvironment=A=--config=/2\n")
    put(tmp_path, "/run/systemd/system/service.d/20.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet $A\n")
    put(tmp_path, "/etc/systemd/system/kubelet.service.d/30.txt", "[Service]\nExecStart=\n")
    assert started(tmp_path) == [("kubelet.service", {"config": "/2"})]


def test_hidden_and_masked_units(tmp_path: Path) -> None:
    """A unit in /etc hides the package's; one that leads to /dev/null starts nothing; any name may start a kubelet."""
    put(tmp_path, "/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --config=/1\n")
    put(tmp_path, "/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/opt/kubelet --config=/2\n")
    put(tmp_path, "/usr/lib/systemd/system/node.service", "[Service]\nExecStart=/opt/bin/kubelet --config=/3\n")
    put(tmp_path, "/usr/lib/systemd/system/old.service", "[Service]\nExecStart=/usr/bin/kubelet --config=/4\n")
    (tmp_path / "etc/systemd/system/old.service").symlink_to("/dev/null")
    put(tmp_path, "/usr/lib/systemd/system/helper.service", "[Service]\nExecStart=/usr/bin/kubelet-helper\n")
    put(
        tmp_path,
        "/etc/systemd/system/podstead.service",
        "[Service]\nExecStart=/usr/bin/podstead run --pod-manifest-path=/m\n",
    )
    assert started(tmp_path) == [
        ("kubelet.service", {"config": "/2"}),
        ("node.service", {"config": "/3"}),
        ("podstead.service", {"pod-manifest-path": "/m"}),
    ]


def test_environment_files_with_wildcards(tmp_path: Path) -> None:
    put(
        tmp_path,
        "/etc/systemd/system/kubelet.service",
        "[Service]\nEnvironmentFile=-/etc/k/*.env\nExecStart=/usr/bin/kubelet $A $B\n",
    )
    put(tmp_path, "/etc/k/1.env", "A=--config=/1\n")
    put(tmp_path, "/etc/k/2.env", "B=--pod-manifest-path=/2\n")
    assert started(tmp_path) == [("kubelet.service", {"config": "/1", "pod-manifest-path": "/2"})]
