"""A node as the article has it: MySQL in kube-system, with a canary for a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.manifest.reading import Message, Severity
from podstead.server.port import FileReport, ImageReport, Problem
from podstead.store.changes import EVENTS, NAMESPACES, NODES, PODS

if TYPE_CHECKING:
    from tests.support.api import Node

CANARY = "canary-7f3a-password"
HOSTILE = "\x1b[31mred\x1b]0;x\x07\n\u202etxt\u009b<script>"
STARTED = "2026-09-21T13:00:00Z"


def container_status(
    name: str,
    *,
    ready: bool = True,
    restart_count: int = 0,
    state: v1.ContainerState | None = None,
    last_state: v1.ContainerState | None = None,
) -> v1.ContainerStatus:
    running = v1.ContainerState(running=v1.ContainerStateRunning(started_at=STARTED))
    return v1.ContainerStatus(
        name=name,
        image="mysql:5.7.39",
        image_id="sha256:1",
        container_id="containerd://c1",
        ready=ready,
        restart_count=restart_count,
        state=state or running,
        last_state=last_state,
        started=ready,
    )


def mysql() -> v1.Pod:
    container = v1.Container(
        name="mysql",
        image="mysql:5.7.39",
        command=("mysqld", f"--password={CANARY}"),
        args=(CANARY,),
        env=(
            v1.EnvVar(name="MYSQL_ROOT_PASSWORD", value=CANARY),
            v1.EnvVar(
                name="NODE", value_from=v1.EnvVarSource(field_ref=v1.ObjectFieldSelector(field_path="spec.nodeName"))
            ),
            v1.EnvVar(name="NOTHING"),
        ),
        liveness_probe=v1.Probe(
            tcp_socket=v1.TCPSocketAction(port=3311), initial_delay_seconds=15, period_seconds=5, failure_threshold=8
        ),
        readiness_probe=v1.Probe(exec=v1.ExecAction(command=("mysql", f"-p{CANARY}"))),
        resources=v1.ResourceRequirements(requests={"cpu": "200m"}),
        volume_mounts=(v1.VolumeMount(name="mysql-data", mount_path="/var/lib/mysql"),),
    )
    return v1.Pod(
        metadata=v1.ObjectMeta(
            name="mysql-node1",
            namespace="kube-system",
            uid="u1",
            labels={"run": "mysql", "name": "mysql"},
            annotations={
                "kubectl.kubernetes.io/last-applied-configuration": CANARY,
                "kubernetes.io/config.source": "file",
            },
            creation_timestamp=STARTED,
        ),
        spec=v1.PodSpec(
            containers=(container,),
            node_name="node1",
            host_network=True,
            priority=2_000_000_000,
            priority_class_name="system-cluster-critical",
            volumes=(
                v1.Volume(
                    name="mysql-data",
                    host_path=v1.HostPathVolumeSource(path="/opt/mysql/data", type="DirectoryOrCreate"),
                ),
            ),
            tolerations=(v1.Toleration(operator="Exists", effect="NoExecute"),),
        ),
        status=v1.PodStatus(
            phase="Running",
            host_ip="192.0.2.10",
            pod_ip="192.0.2.10",
            pod_ips=(v1.PodIP(ip="192.0.2.10"),),
            qos_class="Burstable",
            start_time=STARTED,
            conditions=(v1.PodCondition(type="Ready", status="True"),),
            container_statuses=(container_status("mysql"),),
        ),
    )


def waiting_pod(
    name: str = "web-node1", namespace: str = "shop", message: str = "registry.example does not answer"
) -> v1.Pod:
    waiting = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="ImagePullBackOff", message=message))
    status = container_status("web", ready=False, state=waiting)
    return v1.Pod(
        metadata=v1.ObjectMeta(name=name, namespace=namespace, uid="u2"),
        spec=v1.PodSpec(containers=(v1.Container(name="web", image="web:1"),), node_name="node1"),
        status=v1.PodStatus(
            phase="Pending", container_statuses=(status,), conditions=(v1.PodCondition(type="Ready", status="False"),)
        ),
    )


def event(
    name: str, message: str, *, kind: str = "Pod", about: str = "mysql-node1", namespace: str = "kube-system"
) -> v1.Event:
    return v1.Event(
        metadata=v1.ObjectMeta(name=name, namespace=namespace),
        involved_object=v1.ObjectReference(kind=kind, name=about, namespace=namespace if kind == "Pod" else None),
        type="Warning",
        reason="Unhealthy",
        message=message,
        count=3,
        first_timestamp="2026-09-21T13:13:20Z",
        last_timestamp="2026-09-21T14:12:50Z",
        source=v1.EventSource(component="podstead", host="node1"),
    )


def fill(node: Node) -> None:
    """Put the article's node into the API."""
    node.store.put(NODES, article_node())
    node.store.put(
        NAMESPACES, v1.Namespace(metadata=v1.ObjectMeta(name="kube-system"), status=v1.NamespaceStatus(phase="Active"))
    )
    node.store.put(PODS, mysql())
    node.store.put(PODS, waiting_pod())
    node.store.put(EVENTS, event("e1", "Liveness probe failed: connection refused"))
    node.agent.reports = [
        FileReport(
            path="/etc/manifests/bad.yaml",
            verdict="Rejected",
            reason="NotAPod",
            messages=(
                Message(line=2, column=7, field="kind", severity=Severity.ERROR, message="a Deployment stands here"),
            ),
            owner="root",
            modified="2026-09-21T14:12:50Z",
        ),
        FileReport(
            path="/etc/manifests/mysql.yaml",
            verdict="Accepted",
            pods=("kube-system/mysql-node1",),
            revision="0123456789abcdef",
            running="0123456789abcdef",
            owner="root",
            modified="2026-09-21T13:13:20Z",
        ),
    ]
    node.agent.problems = (
        Problem(reason="NameChanged", message="the host is now called other", advice="hostnamectl set-hostname node1"),
    )
    node.agent.held = {
        "mysql:5.7.39": ImageReport(
            id="sha256:0123456789abcdef", tags=("mysql:5.7.39",), size=4_400_000, pods=("kube-system/mysql-node1",)
        )
    }


def article_node() -> v1.Node:
    info = v1.NodeSystemInfo(
        architecture="amd64",
        boot_id="b",
        container_runtime_version="containerd://1.6.20",
        kernel_version="6.1.0",
        kube_proxy_version="",
        kubelet_version="v1.36.0+podstead-0.1.0",
        machine_id="m",
        operating_system="linux",
        os_image="Debian GNU/Linux 12",
        system_uuid="s",
    )
    return v1.Node(
        metadata=v1.ObjectMeta(name="node1", labels={"kubernetes.io/os": "linux"}, creation_timestamp=STARTED),
        status=v1.NodeStatus(
            node_info=info,
            runtime_handlers=(
                v1.NodeRuntimeHandler(),
                v1.NodeRuntimeHandler(name="runc", features=v1.NodeRuntimeHandlerFeatures(user_namespaces=True)),
            ),
            capacity={"cpu": "2", "memory": "4Gi"},
            allocatable={"cpu": "2", "memory": "4Gi"},
            addresses=(v1.NodeAddress(type="InternalIP", address="192.0.2.10"),),
            conditions=(
                v1.NodeCondition(type="Ready", status="True", reason="AgentReady", message="the agent is ready"),
            ),
        ),
    )
