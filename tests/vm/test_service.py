"""The agent as a service of a real systemd: started, killed, stuck, moved to another directory, taken away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.manifests import container_status, is_running, manifest
from tests.support.vm.node import MANIFESTS, install_podstead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.vm.node import GuestNode

DROP_INS = "/etc/systemd/system/podstead.service.d"
OPTIONS = "/etc/podstead/podstead.conf"
OTHER = "/opt/staticpod"
RESTART_SECONDS = 420.0
"""systemctl waits for READY: 30 s of an emulated processor, minutes where others want it too."""
WATCHDOG_SECONDS = 25
"""For the test; an emulated processor needs some seconds for what the agent does in a blink."""
WORK = """\
apiVersion: v1
kind: Pod
metadata: {name: work, labels: {app: work}}
spec:
  securityContext: {fsGroup: 2000, sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]}
  initContainers:
  - {name: first, image: "docker.io/library/busybox:1.36", command: [sh, -c, "echo x >/v/part"], volumeMounts: [{name: v, mountPath: /v}]}
  containers:
  - name: main
    image: docker.io/library/busybox:1.36
    command: [sh, -c, "httpd -p 80 -h /www; trap 'exit 0' TERM; while :; do sleep 1; done"]
    env: [{name: ME, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    ports: [{containerPort: 80, hostPort: 8080}]
    resources: {limits: {cpu: 500m, memory: 48Mi}}
    readinessProbe: {exec: {command: [cat, /one/part, /memory/x, /downward/app, /made]}, periodSeconds: 3, timeoutSeconds: 20}
    startupProbe: {httpGet: {port: 80, path: /index.html}, periodSeconds: 3, timeoutSeconds: 10, failureThreshold: 20}
    lifecycle: {postStart: {exec: {command: [sh, -c, "echo x >/memory/x; touch /made"]}}}
    volumeMounts:
    - {name: v, mountPath: /one/part, subPath: part}
    - {name: m, mountPath: /memory}
    - {name: d, mountPath: /downward}
  volumes:
  - {name: v, emptyDir: {}}
  - {name: m, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
  - {name: d, downwardAPI: {items: [{path: app, fieldRef: {fieldPath: "metadata.labels['app']"}}]}}
"""
"""Most of what the agent's confinement could stand in the way of: mounts, sub-paths, rules, sysctls, probes, hooks."""
ARTICLE = f"""\
[Unit]
Wants=network.target
[Service]
ExecStart=
ExecStart=/usr/local/bin/podstead run --hostname-override=podstead-vm --pod-manifest-path={OTHER}
"""


def shown(node: GuestNode, unit: str, name: str) -> str:
    """Return a property of a unit."""
    return node.machine.do(f"systemctl show --value -p {name} {unit}").strip()


def running(node: GuestNode, name: str = "web") -> str:
    """Deploy a pod if it is not there, wait until it runs and return its container's id."""
    node.deploy(name, manifest(name))
    identifier: str = container_status(node.wait_pod(name, is_running))["containerID"]
    return identifier


def same(node: GuestNode, identifier: str, name: str = "web") -> None:
    """Assert that the container never ended: the same one runs, without a restart."""
    status = container_status(node.wait_pod(name, is_running))
    assert (status["containerID"], status["restartCount"]) == (identifier, 0)


def wait_agent(node: GuestNode, before: str) -> None:
    """Wait until systemd has started another agent than the one with this pid, and it is ready."""
    node.machine.wait(
        "systemctl show --value -p MainPID podstead",
        seconds=RESTART_SECONDS,
        until=lambda pid: pid.strip() not in {"0", before},
    )
    node.machine.wait(
        "systemctl is-active podstead", seconds=RESTART_SECONDS, until=lambda state: state.strip() == "active"
    )
    node.wait_ready()


@pytest.fixture(autouse=True)
def as_installed(node: GuestNode) -> Iterator[None]:
    """Bring the service back to what install made of it, also where a test has failed between two changes."""
    machine, usual = node.machine, node.machine.get(OPTIONS)
    yield
    if machine.get(OPTIONS) != usual or machine.run(f"test -d {DROP_INS}").rc == 0:
        machine.put(OPTIONS, usual)
        machine.do(
            f"rm -rf {DROP_INS} {OTHER} && systemctl daemon-reload && systemctl restart podstead",
            seconds=RESTART_SECONDS,
        )
        node.wait_ready(seconds=RESTART_SECONDS)


@pytest.mark.short
def test_it_is_a_service_that_says_how_it_is(node: GuestNode) -> None:
    identifier = running(node)
    assert shown(node, "podstead", "Type") == "notify"
    assert node.machine.do("systemctl is-enabled podstead").strip() == "enabled"
    node.machine.wait(
        "systemctl show --value -p StatusText podstead",
        until=lambda text: text.startswith("1 of 1 pods running; files: 1"),
    )
    # containerd and its shims are in a unit of their own, and nothing of them is in the agent's.
    containerd = node.machine.do("cat /proc/$(systemctl show --value -p MainPID podstead-containerd)/cgroup")
    assert containerd.strip().endswith("/podstead-containerd.service")
    inside = node.machine.do("cat /sys/fs/cgroup/system.slice/podstead.service/cgroup.procs").split()
    assert inside == [shown(node, "podstead", "MainPID")]
    log = node.machine.do("journalctl -u podstead -o cat --no-pager")
    assert not any(line[:4].isdigit() or line.startswith("<") for line in log.splitlines()), (
        "a time or a priority of our own"
    )
    again = node.podstead("install --now")
    assert "made " not in again
    assert "updated " not in again
    same(node, identifier)


def test_its_confinement_stands_in_no_pod_s_way(node: GuestNode) -> None:
    node.deploy("work", WORK)
    ready = node.wait_pod("work", lambda pod: is_running(pod) and bool(container_status(pod)["ready"]))
    address = ready["status"]["podIP"]
    get = "busybox wget -q -O - http://{}/index.html"
    assert node.machine.do(get.format(address)) == "podstead test\n"
    assert node.machine.do(get.format("127.0.0.1:8080")) == "podstead test\n"
    assert "2000" in node.podstead("exec work -- stat -c %g /memory")


def test_a_killed_agent_comes_back_and_pods_never_stop(node: GuestNode) -> None:
    identifier = running(node)
    before = shown(node, "podstead", "MainPID")
    node.machine.do(f"kill -9 {before}")
    wait_agent(node, before)
    same(node, identifier)


@pytest.mark.newest
def test_the_watchdog_ends_an_agent_that_is_stuck(node: GuestNode) -> None:
    identifier = running(node)
    node.machine.put(f"{DROP_INS}/50-test.conf", f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n")
    node.machine.do("systemctl daemon-reload && systemctl restart podstead", seconds=RESTART_SECONDS)
    before = shown(node, "podstead", "MainPID")
    begin = time.monotonic()
    time.sleep(2 * WATCHDOG_SECONDS)  # it lives, and is fed
    assert shown(node, "podstead", "MainPID") == before
    node.machine.do(f"kill -STOP {before}")
    wait_agent(node, before)
    assert time.monotonic() - begin > 2 * WATCHDOG_SECONDS
    # After it stands where each of the agent's threads was.
    assert "Watchdog timeout" in node.machine.do("journalctl -u podstead -o cat --no-pager -g 'Watchdog timeout'")
    same(node, identifier)
    node.machine.do(
        f"rm -r {DROP_INS} && systemctl daemon-reload && systemctl restart podstead", seconds=RESTART_SECONDS
    )


@pytest.mark.newest
@pytest.mark.parametrize("how", ["systemctl restart podstead-containerd", "kill -9 {pid}"])
def test_pods_outlive_their_containerd(node: GuestNode, how: str) -> None:
    identifier = running(node)
    before = shown(node, "podstead-containerd", "MainPID")
    node.machine.do(how.format(pid=before), seconds=RESTART_SECONDS)
    node.machine.wait(
        "systemctl show --value -p MainPID podstead-containerd", until=lambda pid: pid.strip() not in {"0", before}
    )
    node.wait_ready()
    same(node, identifier)
    node.podstead("exec web -- true")


@pytest.mark.newest
def test_a_drop_in_moves_the_directory_as_in_the_article(node: GuestNode) -> None:
    moved, left = running(node, "moved"), running(node, "left")
    node.machine.do(f"mkdir -p -m 700 {OTHER} && cp {MANIFESTS}/moved.yaml {OTHER}/")
    node.machine.put(f"{DROP_INS}/10-kubeadm.conf", ARTICLE)
    node.machine.do("systemctl daemon-reload && systemctl restart podstead", seconds=RESTART_SECONDS)
    node.wait_ready()
    # What was taken along runs on, what is there is run, and what stayed behind is not ended for a mistyped path.
    same(node, moved, "moved")
    node.machine.put(f"{OTHER}/new.yaml", manifest("new"))
    node.wait_pod("new", is_running)
    same(node, left, "left")
    assert "ManifestDirectoryDegraded" in node.podstead("status")
    node.podstead("accept-directory")
    node.wait(
        lambda: {p["metadata"]["name"].rpartition("-podstead")[0] for p in node.pods()} == {"moved", "new"},
        "left stays",
    )
    node.machine.do(f"cp {OTHER}/*.yaml {MANIFESTS}/ && rm -r {DROP_INS} {MANIFESTS}/left.yaml")
    # The article's other way: the options file. Its lines end with backslashes, and it wins over the unit's default.
    options = f'PODSTEAD_OPTS="--v=2 \\\n--node-labels=tier=db \\\n--pod-manifest-path={MANIFESTS}"\n'
    node.machine.put(OPTIONS, options)
    node.machine.do("systemctl daemon-reload && systemctl restart podstead", seconds=RESTART_SECONDS)
    node.wait_ready()
    same(node, moved, "moved")
    assert "tier=db" in node.podstead("get nodes --show-labels")


@pytest.mark.newest
def test_a_wrong_option_fails_at_once_and_says_so(node: GuestNode) -> None:
    identifier = running(node)
    before = node.machine.get(OPTIONS)
    node.machine.put(OPTIONS, 'PODSTEAD_OPTS="--pod-manifest-pth=/x"\n')
    assert node.machine.run("systemctl restart podstead", seconds=RESTART_SECONDS).rc != 0
    assert shown(node, "podstead", "ActiveState") == "failed"
    refused = node.machine.run("podstead status")
    assert "journalctl -u podstead" in refused.stderr
    errors = node.machine.do("journalctl -u podstead -p err -o cat --no-pager -n 5")
    assert "unknown flag '--pod-manifest-pth': did you mean --pod-manifest-path?" in errors
    node.machine.put(OPTIONS, before)
    node.machine.do("systemctl start podstead", seconds=RESTART_SECONDS)
    node.wait_ready()
    same(node, identifier)


def test_stop_all_holds_and_uninstall_leaves_nothing(node: GuestNode) -> None:
    running(node)
    node.podstead("stop-all --yes", seconds=RESTART_SECONDS)
    node.machine.wait("systemctl is-active podstead; true", until=lambda state: state.strip() == "inactive")
    assert shown(node, "podstead-containerd", "ActiveState") == "inactive"
    assert shown(node, "podstead", "Result") == "success"
    node.machine.do("systemctl start podstead", seconds=RESTART_SECONDS)
    node.wait_pod("web", is_running)
    node.machine.do("mkdir -p /srv/mine && echo kept >/srv/mine/data")
    debians = shown(node, "containerd", "MainPID")
    told = node.podstead("uninstall --purge --yes", seconds=RESTART_SECONDS)
    assert "removed    /etc/systemd/system/podstead.service" in told
    try:
        # Debian's own containerd runs on (brackets: not the shell that asks).
        processes = node.machine.run("pgrep -f '[p]odstead|[c]ontainerd'").stdout.split()
        assert processes == [debians] == [shown(node, "containerd", "MainPID")]
        assert node.machine.run("grep -E 'podstead|/run/containerd' /proc/self/mountinfo").stdout == ""
        assert node.machine.run("ls -d /sys/fs/cgroup/*podstead* /sys/class/net/pods-*").stdout == ""
        assert node.machine.run("iptables-save | grep -i -E 'pods-|podstead'").stdout == ""
        left = "ls -d /etc/podstead /var/lib/podstead /run/podstead /etc/systemd/system/*podstead* /var/log/pods/*"
        assert node.machine.run(left).stdout == ""
        assert "not-found" in node.machine.do("systemctl show --value -p LoadState podstead podstead-containerd")
        assert node.machine.do("cat /srv/mine/data") == "kept\n"
        assert node.machine.run("systemctl --failed --no-legend | grep podstead").stdout == ""
    finally:
        install_podstead(node.machine)  # for the tests that come after this one
