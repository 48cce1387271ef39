"""A pod's life under the whole agent: what is made from the manifest, and that nothing of it stays."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.hierarchy import read_hierarchies
from tests.support.manifests import container_status, is_running, manifest
from tests.support.netns import NODE_ADDRESS, run

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real


def cgroup_file(controller: str, path: str, v1: str, v2: str) -> str:
    """Return what a control file of a cgroup says, on either version."""
    hierarchies = read_hierarchies()
    if (tree := hierarchies.of(controller)) is not None:
        return (tree.mount / path.strip("/") / v1).read_text().strip()
    assert hierarchies.unified is not None
    return (hierarchies.unified.mount / path.strip("/") / v2).read_text().strip()


def cgroup_of(pid: int, controller: str) -> str:
    """Return the cgroup of a process for a controller."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    mine = [path for _, names, path in lines if controller in names.split(",")]
    return mine[0] if mine else next(path for number, _, path in lines if number == "0")


def node_iptables(agent: AgentUnderTest) -> str:
    return run("nsenter", f"--net={agent.net_namespace}", "iptables-save")


def test_a_pod_on_the_host_network_runs_as_the_kubelet_would_show_it(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web", metadata={"labels": {"app": "web"}, "annotations": {"note": "x"}}))

    pod = agent.wait_running("web")

    assert pod["metadata"]["name"] == "web-node1"
    assert pod["metadata"]["labels"] == {"app": "web"}
    assert pod["spec"]["nodeName"] == "node1"
    status = pod["status"]
    assert status["phase"] == "Running"
    assert (status["hostIP"], status["podIP"]) == (NODE_ADDRESS, NODE_ADDRESS)
    assert status["qosClass"] == "BestEffort"
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    assert conditions["Initialized"] == conditions["ContainersReady"] == conditions["PodScheduled"] == "True"
    container = container_status(pod)
    assert container["restartCount"] == 0
    assert container["started"] is True
    assert container["containerID"] == f"containerd://{agent.container_id('web')}"
    assert container["imageID"]
    reasons = {e["reason"] for e in agent.events(about="web")}
    assert {"Created", "Started"} <= reasons


@pytest.mark.conformance("S1", "S40")
def test_sandbox_and_container_carry_the_kubelets_labels_and_annotations(agent: AgentUnderTest) -> None:
    port = {"containerPort": 8080, "protocol": "TCP", "name": "http"}
    text = manifest(
        "web", metadata={"labels": {"app": "web"}, "annotations": {"note": "x"}}, container={"ports": [port]}
    )
    agent.write("web.yaml", text)
    pod = agent.wait_running("web")
    uid = pod["metadata"]["annotations"]["kubernetes.io/config.hash"]

    sandbox, container = agent.labels_of("web")

    identity = {
        "io.kubernetes.pod.name": "web-node1",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
        "podstead.io/instance": agent.instance,
        "podstead.io/revision": pod["metadata"]["annotations"]["podstead.io/revision"],
    }
    assert dict(sandbox.labels) == {"app": "web", **identity}
    assert dict(container.labels) == {"io.kubernetes.container.name": "main", **identity}
    annotations = dict(sandbox.annotations)
    assert annotations["note"] == "x"
    assert annotations["kubernetes.io/config.hash"] == uid
    assert annotations["kubernetes.io/config.source"] == "file"
    assert annotations["kubernetes.io/config.seen"]
    of_container = dict(container.annotations)
    int(of_container.pop("io.kubernetes.container.hash"), 16)
    ports = json.loads(of_container.pop("io.kubernetes.container.ports"))
    assert [p["containerPort"] for p in ports] == [8080]
    assert of_container["io.kubernetes.container.restartCount"] == "0"
    assert of_container["io.kubernetes.container.terminationMessagePath"] == "/dev/termination-log"
    assert of_container["io.kubernetes.container.terminationMessagePolicy"] == "File"
    assert of_container["io.kubernetes.pod.terminationGracePeriod"] == "2"


@pytest.mark.conformance("S39")
def test_a_pod_with_its_own_network_has_address_names_and_hosts(agent: AgentUnderTest) -> None:
    text = manifest(
        "own",
        hostNetwork=False,
        hostAliases=[{"ip": "10.1.2.3", "hostnames": ["db", "db.example"]}],
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["192.0.2.53"],
            "searches": ["a.example"],
            "options": [{"name": "ndots", "value": "2"}],
        },
        container={"command": ["httpd", "-f", "-p", "8080", "-h", "/www"]},
    )
    agent.write("own.yaml", text)

    pod = agent.wait_running("own")

    ip = pod["status"]["podIP"]
    assert ip != NODE_ADDRESS
    assert agent.fetch(f"http://{ip}:8080/") == "podstead test\n"
    assert agent.exec("own", "hostname").strip() == "own-node1"
    hosts = agent.exec("own", "cat", "/etc/hosts").splitlines()
    assert hosts[0] == "# Kubernetes-managed hosts file."
    assert f"{ip}\town-node1" in hosts
    assert "10.1.2.3\tdb\tdb.example" in hosts
    resolv = agent.exec("own", "cat", "/etc/resolv.conf").splitlines()
    assert resolv == ["search a.example", "nameserver 192.0.2.53", "options ndots:2"]


def test_environment_is_expanded_and_knows_the_pod(agent: AgentUnderTest) -> None:
    def field(path: str) -> dict[str, object]:
        return {"valueFrom": {"fieldRef": {"fieldPath": path}}}

    env = [
        {"name": "GREETING", "value": "hello"},
        {"name": "TO", "value": "$(GREETING) $(MISSING) $$(GREETING)"},
        {"name": "POD_IP", **field("status.podIP")},
        {"name": "HOST_IP", **field("status.hostIP")},
        {"name": "POD", **field("metadata.name")},
        {"name": "TIER", **field("metadata.labels['tier']")},
    ]
    text = manifest(
        "env",
        hostNetwork=False,
        metadata={"labels": {"tier": "back"}},
        container={
            "env": env,
            "command": ["sh", "-c"],
            "args": ["echo $(GREETING) $(NOT); env; trap 'exit 0' TERM; sleep 3600 & wait"],
        },
    )
    agent.write("env.yaml", text)
    pod = agent.wait_running("env")

    lines = agent.wait("the container wrote", lambda: "POD_IP" in (log := agent.log_of("env")) and log).splitlines()

    # `$(NOT)` stays as it is for the shell, which finds no such command.
    assert "hello" in lines
    assert "TO=hello $(MISSING) $(GREETING)" in lines
    assert f"POD_IP={pod['status']['podIP']}" in lines
    assert f"HOST_IP={NODE_ADDRESS}" in lines
    assert "POD=env-node1" in lines
    assert "TIER=back" in lines
    assert "HOSTNAME=env-node1" in lines


@pytest.mark.conformance("S31")
def test_volumes_keep_data_where_they_should(agent: AgentUnderTest, tmp_path: Path) -> None:
    data = tmp_path / "data"
    text = manifest(
        "vol",
        volumes=[
            {"name": "host", "hostPath": {"path": str(data), "type": "DirectoryOrCreate"}},
            {"name": "disk", "emptyDir": {}},
            {"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
        ],
        container={
            "volumeMounts": [
                {"name": "host", "mountPath": "/host"},
                {"name": "disk", "mountPath": "/disk"},
                {"name": "fast", "mountPath": "/fast"},
                {"name": "host", "mountPath": "/frozen", "readOnly": True},
            ]
        },
    )
    agent.write("vol.yaml", text)
    pod = agent.wait_running("vol")
    uid = pod["metadata"]["annotations"]["kubernetes.io/config.hash"]

    agent.exec("vol", "sh", "-c", "echo kept > /host/file; echo gone > /disk/file; echo fast > /fast/file")

    assert (data / "file").read_text() == "kept\n"
    volumes = agent.settings.paths.pods / uid / "volumes"
    assert [p.read_text() for p in volumes.rglob("file")] in (["gone\n", "fast\n"], ["fast\n", "gone\n"])
    mounted = [line for line in agent.exec("vol", "cat", "/proc/mounts").splitlines() if " /fast " in line]
    assert mounted[0].split()[2] == "tmpfs"
    assert "size=4096k" in mounted[0]
    assert agent.exec("vol", "sh", "-c", "touch /frozen/x 2>/dev/null || echo refused") == "refused\n"
    agent.remove("vol.yaml")
    agent.wait_gone("vol")
    assert (data / "file").read_text() == "kept\n"
    assert not (agent.settings.paths.pods / uid).exists()
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if uid in line]


def test_resources_reach_the_cgroups_of_container_and_pod(agent: AgentUnderTest) -> None:
    resources = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    agent.write("lim.yaml", manifest("lim", container={"resources": resources}))
    pod = agent.wait_running("lim")
    uid = pod["metadata"]["annotations"]["kubernetes.io/config.hash"]
    pid = agent.pid_of(agent.container_id("lim"))

    pod_cgroup = f"{agent.cgroup_root}/burstable/pod{uid}"

    assert pod["status"]["qosClass"] == "Burstable"
    for path in (pod_cgroup, cgroup_of(pid, "memory")):
        assert path.startswith(pod_cgroup)
        assert cgroup_file("memory", path, "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    for path in (pod_cgroup, cgroup_of(pid, "cpu")):
        assert cgroup_file("cpu", path, "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    # 1000 - 1000 * request / memory of the machine; a machine that cannot lower it shows the mend (foundation 3).
    adjusted = int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    assert 2 <= adjusted < 1000


def test_security_context_confines_the_container(agent: AgentUnderTest) -> None:
    text = manifest(
        "sec",
        securityContext={"runAsUser": 1234, "runAsGroup": 2345, "supplementalGroups": [3456]},
        container={
            "securityContext": {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            }
        },
    )
    agent.write("sec.yaml", text)
    agent.wait_running("sec")

    assert agent.exec("sec", "id", "-u").strip() == "1234"
    assert agent.exec("sec", "id", "-g").strip() == "2345"
    assert "3456" in agent.exec("sec", "id", "-G").split()
    assert agent.exec("sec", "sh", "-c", "touch /tmp/x 2>/dev/null || echo refused") == "refused\n"
    status = Path(f"/proc/{agent.pid_of(agent.container_id('sec'))}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapBnd"], 16) == 1 << 10  # CAP_NET_BIND_SERVICE, capabilities(7)
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.conformance("S34")
def test_a_container_that_must_not_be_root_does_not_start_as_root(agent: AgentUnderTest) -> None:
    agent.write("nr.yaml", manifest("nr", container={"securityContext": {"runAsNonRoot": True}}))

    def refused(pod: dict[str, object]) -> bool:
        waiting = container_status(pod)["state"].get("waiting", {})
        return bool(waiting.get("reason") == "CreateContainerConfigError")

    pod = agent.wait_pod("nr", lambda p: p["status"].get("containerStatuses") and refused(p))

    assert "runAsUser" in container_status(pod)["state"]["waiting"]["message"]
    assert agent.containers("nr") == ()


def test_logs_lie_where_log_shippers_look(agent: AgentUnderTest) -> None:
    agent.write("log.yaml", manifest("log", container={"command": ["sh", "-c", "echo first; exec sleep 3600"]}))
    pod = agent.wait_running("log")
    uid = pod["metadata"]["annotations"]["kubernetes.io/config.hash"]
    path = agent.settings.paths.pod_logs / f"default_log-node1_{uid}" / "main" / "0.log"

    agent.wait("the log has a line", lambda: path.read_text().endswith(" stdout F first\n"))

    assert agent.log_of("log") == "first\n"


@pytest.mark.conformance("S4")
def test_nothing_of_a_removed_pod_stays(agent: AgentUnderTest) -> None:
    text = manifest(
        "gone",
        hostNetwork=False,
        volumes=[{"name": "d", "emptyDir": {"medium": "Memory"}}],
        container={
            "ports": [{"containerPort": 8080, "hostPort": 18080}],
            "volumeMounts": [{"name": "d", "mountPath": "/d"}],
        },
    )
    agent.write("gone.yaml", text)
    pod = agent.wait_running("gone")
    uid = pod["metadata"]["annotations"]["kubernetes.io/config.hash"]
    ip = pod["status"]["podIP"]
    assert "18080" in node_iptables(agent)
    pid = agent.pid_of(agent.container_id("gone"))

    agent.remove("gone.yaml")
    agent.wait_gone("gone")

    assert not Path(f"/proc/{pid}").exists()
    assert agent.containers() == ()
    assert not (agent.settings.paths.pods / uid).exists()
    assert not list(agent.settings.paths.pod_logs.glob(f"*{uid}*"))
    trees = [tree.mount for tree in read_hierarchies().trees]
    assert not [found for mount in trees for found in mount.glob(f"{agent.cgroup_root.strip('/')}/**/pod{uid}")]
    assert "18080" not in node_iptables(agent)
    assert f"{ip}/" not in node_iptables(agent)
    assert "CNI-DN-" not in node_iptables(agent)  # portmap's chains of one pod
    links = run("nsenter", f"--net={agent.net_namespace}", "ip", "-br", "link", "show", "type", "veth")
    assert [line for line in links.splitlines() if not line.startswith("eth0")] == []


def test_a_process_that_the_runtime_left_in_a_pods_cgroup_goes_with_the_pod(agent: AgentUnderTest) -> None:
    """As `runc init` stays for ever when an agent dies in a start (containerd 2.1)."""
    agent.write("left.yaml", manifest("left"))
    agent.write("beside.yaml", manifest("beside"))
    (box,) = (agent.wait_running("left"), agent.sandboxes("left"))[1]
    agent.wait_running("beside")
    (beside,) = agent.containers("beside", running=True)
    pid = agent.pid_of(agent.containers("left", running=True)[0].id)
    tree = next(
        tree for tree in read_hierarchies().trees if (tree.mount / cgroup_of(pid, "memory").strip("/")).is_dir()
    )
    of_pod = tree.mount / cgroup_of(pid, "memory").strip("/").partition(box.uid)[0]
    left = of_pod.with_name(f"{of_pod.name}{box.uid}") / "left"
    left.mkdir()
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            (left / "cgroup.procs").write_text(str(process.pid))
            agent.remove("left.yaml")
            agent.wait_gone("left")
            assert process.wait(20) == -signal.SIGKILL
        finally:
            process.kill()
    agent.wait("its cgroup is gone", lambda: not left.exists())
    assert agent.containers("beside", running=True) == (beside,)


def test_a_pod_of_several_containers_and_documents(agent: AgentUnderTest) -> None:
    second = {"name": "side", "image": "busybox:1.36", "imagePullPolicy": "Never", "command": ["sleep", "3600"]}
    first = json.loads(manifest("one"))
    first["spec"]["containers"].append(second)
    agent.write("both.yaml", json.dumps(first) + "\n---\n" + manifest("two", namespace="other"))

    agent.wait_running("one")
    pods = agent.wait("both run", lambda: len(p := agent.pods()) == 2 and all(map(is_running, p.values())) and p)

    assert sorted(pods) == ["one-node1", "other/two-node1"]
    assert [s["name"] for s in pods["one-node1"]["status"]["containerStatuses"]] == ["main", "side"]
