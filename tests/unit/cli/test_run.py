"""`podstead run`: the article's two command lines as they stand, and what is said before the start."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli.commands import run as command
from podstead.cli.durations import parse_duration
from podstead.cli.kubelet_flags import UNUSED_BOOLEAN_FLAGS, UNUSED_VALUE_FLAGS
from podstead.cli.options import UsageError
from podstead.cli.run_flags import BOOLEAN_FLAGS, VALUE_FLAGS, parse_run_flags
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from podstead.config.settings import Settings
    from tests.unit.cli.conftest import LocalShell

KUBEADM_STYLE = (
    "--authorization-mode=Webhook --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --cgroup-driver=systemd "
    "--client-ca-file=/var/lib/minikube/certs/ca.crt --config=/var/lib/kubelet/config.yaml --container-runtime=docker "
    "--hostname-override=node3 --kubeconfig=/etc/kubernetes/kubelet.conf --network-plugin=cni --node-ip=192.168.217.23 "
    "--pod-cidr=10.244.0.0/16 "
    "--pod-infra-container-image=registry.aliyuncs.com/google_containers/pause:3.2 "
    "--pod-manifest-path=/etc/kubernetes/manifests"
)
BINARY_STYLE = (
    "--logtostderr=false --v=2 --log-dir=/opt/kubernetes/logs --hostname-override=k8s-master --network-plugin=cni "
    "--kubeconfig=/opt/kubernetes/cfg/kubelet.kubeconfig "
    "--bootstrap-kubeconfig=/opt/kubernetes/cfg/bootstrap.kubeconfig --config=/opt/kubernetes/cfg/kubelet-config.yml "
    "--cert-dir=/opt/kubernetes/ssl --pod-manifest-path=/opt/staticpod/ "
    "--pod-infra-container-image=registry.cn-hangzhou.aliyuncs.com/google_containers/pause:3.2"
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Record what the agent would be started with, as root."""
    found: list[Settings] = []

    def start(settings: Settings) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(command, "_start", start)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return found


def test_the_articles_first_command_line_starts(local: LocalShell, started: list[Settings]) -> None:
    result = local("run", *shlex.split(KUBEADM_STYLE))
    assert (result.code, result.out) == (0, "")
    (settings,) = started
    assert settings.source is not None
    assert settings.source.path == Path("/etc/kubernetes/manifests")
    assert (settings.node.name, settings.node.ip, settings.node.pod_cidr) == (
        "node3",
        "192.168.217.23",
        "10.244.0.0/16",
    )
    assert settings.runtime.sandbox_image == "registry.aliyuncs.com/google_containers/pause:3.2"
    assert (settings.runtime.endpoint, settings.node.cgroup_driver) == ("", "systemd")
    missing, unused = result.err.splitlines()
    assert missing == (
        "WARNING: --config /var/lib/kubelet/config.yaml does not exist: going on with the flags alone and defaults for the rest"
    )
    assert unused == (
        "accepted, but not used here: --authorization-mode, --bootstrap-kubeconfig, --client-ca-file, "
        "--container-runtime, --kubeconfig, --network-plugin"
    )


def test_the_articles_second_command_line_starts(local: LocalShell, started: list[Settings]) -> None:
    result = local("run", *shlex.split(BINARY_STYLE))
    assert result.code == 0
    (settings,) = started
    assert settings.source is not None
    assert (settings.source.path, settings.node.name, settings.verbosity) == (Path("/opt/staticpod"), "k8s-master", 2)
    assert settings.unused == (
        *("--logtostderr", "--log-dir", "--network-plugin", "--kubeconfig", "--bootstrap-kubeconfig", "--cert-dir"),
    )
    assert len([line for line in result.err.splitlines() if line.startswith("accepted, but not used")]) == 1


def test_flags_before_the_command_are_runs_too(local: LocalShell, started: list[Settings], tmp_path: Path) -> None:
    assert local(f"--root-dir={tmp_path}", "run", "--pod-manifest-path=/m").code == 0
    assert started[0].paths.root == tmp_path


def test_run_needs_root(local: LocalShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = local("run", "--pod-manifest-path=/m", "--hostname-override=n")
    assert (result.code, "must be root" in result.err) == (1, True)


def test_forms_of_flags() -> None:
    flags = parse_run_flags(
        ["--v", "4", "--strict", "--share-runtime=F", "--fail-swap-on", "--pod_manifest_path", "/m", "--port", "1"]
    )
    assert flags.values == {"v": "4", "pod-manifest-path": "/m"}
    assert flags.switches == {"strict": True, "share-runtime": False}
    assert flags.unused == ("--fail-swap-on", "--port")
    assert parse_run_flags(["-v=3"]).values == {"v": "3"}
    assert parse_run_flags(["-v", "3"]).values == {"v": "3"}


@pytest.mark.parametrize("argument", ["manifests", "--", "--pod-manifest-path", "--pod-manifest-dir=/m", "-x", "-v"])
def test_forms_that_are_refused(argument: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_run_flags([argument])
    assert len(str(caught.value).splitlines()) == 1


def test_no_flag_stands_in_two_tables() -> None:
    tables = [set(VALUE_FLAGS), set(BOOLEAN_FLAGS), set(UNUSED_BOOLEAN_FLAGS), set(UNUSED_VALUE_FLAGS)]
    assert sum(len(table) for table in tables) == len(set.union(*tables))


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20.0), ("1m30s", 90.0), ("100ms", 0.1), ("1.5h", 5400.0), ("0", 0.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "x") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "20", "s", "1m 30s", "-5s", "1d", "1.5.5s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(OperatorError):
        parse_duration(text, "x")
