"""etcd as kubeadm writes its manifest: run from that very file, with the probes that stand in it."""

from __future__ import annotations

import os
import signal
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.errors import RuntimeFault
from tests.support.etcd import IMAGE, build_etcd_image, make_certificates
from tests.support.manifests import container_status, is_running
from tests.support.netns import NODE_ADDRESS, call_in_namespace

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

MANIFEST = Path(__file__).parents[1] / "golden" / "manifest" / "kubeadm-etcd.yaml"
POD = "kube-system/etcd"
# The startup probe of the manifest first asks after 10 s.
READY_SECONDS = 40.0
# What kubeadm itself writes otherwise for an etcd before 3.6 (cmd/kubeadm/app/phases/etcd).
OLDER_FLAGS = {
    "--feature-gates=InitialCorruptCheck=true": "--experimental-initial-corrupt-check=true",
    "--watch-progress-notify-interval=": "--experimental-watch-progress-notify-interval=",
}


def adapted(pki: Path, data: Path) -> str:
    """Return kubeadm's manifest for this node's address, with its host paths below a directory of the test."""
    text = MANIFEST.read_text(encoding="utf-8")
    changes = {
        **OLDER_FLAGS,
        "192.0.2.10": NODE_ADDRESS,
        "registry.k8s.io/etcd:3.6.6-0": IMAGE,
        "path: /etc/kubernetes/pki/etcd\n": f"path: {pki}\n",
        "      path: /var/lib/etcd\n": f"      path: {data}\n",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text.replace(f"mountPath: {pki}", "mountPath: /etc/kubernetes/pki/etcd")


def etcdctl(agent: AgentUnderTest, *words: str) -> str:
    """Run etcdctl in the pod as kubeadm's health check would."""
    pki = "/etc/kubernetes/pki/etcd"
    client = [f"--cacert={pki}/ca.crt", f"--cert={pki}/healthcheck-client.crt", f"--key={pki}/healthcheck-client.key"]
    command = ("etcdctl", "--endpoints=https://127.0.0.1:2379", "--command-timeout=2s", *client, *words)
    return agent.exec("etcd", *command, container="etcd")


def test_kubeadms_etcd_runs_and_keeps_what_it_is_given(
    agent: AgentUnderTest, agent_hosts: Hosts, tmp_path: Path
) -> None:
    pki, data = tmp_path / "pki", tmp_path / "data"
    make_certificates(pki, NODE_ADDRESS)
    archive = agent.root / "etcd.tar"
    build_etcd_image(archive)
    agent.import_image(archive)
    archive.unlink()
    agent.write("etcd.yaml", adapted(pki, data))

    pod = agent.wait_pod(POD, is_running, READY_SECONDS, "etcd is ready by its own probes")

    assert agent.files()["etcd.yaml"]["verdict"] == "Accepted"
    assert container_status(pod, "etcd")["restartCount"] == 0
    assert pod["spec"]["priority"] == 2_000_001_000
    assert (data / "member" / "wal").is_dir()
    assert etcdctl(agent, "put", "greeting", "hello").strip() == "OK"
    assert etcdctl(agent, "get", "greeting", "--print-value-only").strip() == "hello"
    # From another host, with a client's certificate; without one nobody is let in.
    assert '"health":"true"' in call_in_namespace(agent_hosts.other, lambda: health(pki, known=True))
    with pytest.raises((ssl.SSLError, OSError)):
        call_in_namespace(agent_hosts.other, lambda: health(pki, known=False))

    first = agent.container_id("etcd", "etcd")
    os.kill(agent.pid_of(first), signal.SIGKILL)
    agent.wait("etcd is back with its data", lambda: kept(agent, first), READY_SECONDS)


def kept(agent: AgentUnderTest, first: str) -> bool:
    """Return whether a container after the first gives back what was put."""
    try:
        if agent.container_id("etcd", "etcd") == first:
            return False
        return etcdctl(agent, "get", "greeting", "--print-value-only").strip() == "hello"
    except (LookupError, AssertionError, RuntimeFault):
        return False


def health(pki: Path, *, known: bool) -> str:
    """Return what etcd says of its health to a client that has a certificate, or none."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if known:
        context.load_cert_chain(pki / "healthcheck-client.crt", pki / "healthcheck-client.key")
    with urllib.request.urlopen(f"https://{NODE_ADDRESS}:2379/health", timeout=5, context=context) as reply:
        return str(reply.read().decode())
