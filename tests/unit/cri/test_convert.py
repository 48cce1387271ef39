"""Requests become CRI messages (spec/kubelet-static-pods.md 6.3 to 6.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.cri import convert
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.node import NodeFacts
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import Mount, RegistryAuth
from tests.unit.cri.pods import UID, container_request, pod, sandbox_request

NODE = NodeFacts()


def test_a_sandbox_with_a_network_of_its_own() -> None:
    made = convert.sandbox_config(sandbox_request(attempt=2))
    assert made.metadata == pb.PodSandboxMetadata(name="web-node1", namespace="default", uid=UID, attempt=2)
    assert made.hostname == "web-node1"
    assert made.log_directory == "/var/log/pods/default_web-node1_uid"
    assert made.dns_config == pb.DNSConfig(
        servers=["10.0.0.10"], searches=["a.example", "b.example"], options=["ndots:5"]
    )
    assert made.linux.cgroup_parent == "/podstead-1/pod1"
    assert made.linux.security_context.namespace_options.network == pb.POD


def test_a_sandbox_on_the_host_network_has_neither_hostname_nor_port_mappings() -> None:
    web = v1.Container(name="web", ports=(v1.ContainerPort(container_port=80, host_port=80),))
    made = convert.sandbox_config(sandbox_request(pod(web, host_network=True)))
    assert made.hostname == ""
    assert list(made.port_mappings) == []
    assert made.linux.security_context.namespace_options.network == pb.NODE
    assert made.annotations["podstead.io/host-network"] == "true"


def test_our_labels_win_over_a_manifest_that_poses_as_another_pod() -> None:
    forged = {"app": "web", "io.kubernetes.pod.uid": "another", "podstead.io/instance": "another"}
    made = convert.sandbox_config(sandbox_request(pod(metadata={"labels": forged})))
    assert dict(made.labels) == {
        "app": "web",
        "io.kubernetes.pod.name": "web-node1",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": UID,
        "podstead.io/instance": "instance-1",
        "podstead.io/revision": "00112233445566aa",
    }


def test_the_config_hash_is_the_uid_and_the_handler_is_recorded() -> None:
    forged = {"note": "x", "kubernetes.io/config.hash": "another", "podstead.io/runtime-handler": "another"}
    request = sandbox_request(
        pod(metadata={"annotations": forged}), annotations={"kubernetes.io/config.seen": "2026-01-01T00:00:00Z"}
    )
    assert dict(convert.sandbox_config(request).annotations) == {
        "note": "x",
        "kubernetes.io/config.hash": UID,
        "kubernetes.io/config.source": "file",
        "kubernetes.io/config.seen": "2026-01-01T00:00:00Z",
        "podstead.io/runtime-handler": "crun",
        "podstead.io/host-network": "false",
    }


def test_host_ports_of_containers_and_sidecars_are_mapped_once() -> None:
    web = v1.Container(
        name="web",
        ports=(
            v1.ContainerPort(container_port=8080, host_port=80),
            v1.ContainerPort(container_port=53, host_port=53, protocol="UDP", host_ip="127.0.0.1"),
            v1.ContainerPort(container_port=9000),
        ),
    )
    twin = v1.Container(name="twin", ports=(v1.ContainerPort(container_port=8080, host_port=80, protocol="TCP"),))
    sidecar = v1.Container(
        name="side", restart_policy="Always", ports=(v1.ContainerPort(container_port=1, host_port=1),)
    )
    setup = v1.Container(name="setup", ports=(v1.ContainerPort(container_port=2, host_port=2),))
    spec = pod(web, twin, init_containers=(sidecar, setup)).spec
    assert list(convert.port_mappings(spec)) == [
        pb.PortMapping(protocol=pb.TCP, container_port=1, host_port=1),
        pb.PortMapping(protocol=pb.TCP, container_port=8080, host_port=80),
        pb.PortMapping(protocol=pb.UDP, container_port=53, host_port=53, host_ip="127.0.0.1"),
    ]


def test_sysctls_are_written_with_dots() -> None:
    security = v1.PodSecurityContext(sysctls=(v1.Sysctl(name="net/ipv4/ip_local_port_range", value="1 2"),))
    made = convert.sandbox_config(sandbox_request(pod(security_context=security)))
    assert dict(made.linux.sysctls) == {"net.ipv4.ip_local_port_range": "1 2"}


def test_a_container() -> None:
    container = v1.Container(name="main", image="busybox:1", working_dir="/srv", stdin=True, tty=True)
    made = convert.container_config(container_request(container), NODE)
    assert made.metadata == pb.ContainerMetadata(name="main", attempt=4)
    assert made.image == pb.ImageSpec(image="sha256:abc", user_specified_image="busybox:1")
    assert (list(made.command), list(made.args)) == (["/bin/server"], ["--port", "80"])
    assert [(e.key, e.value) for e in made.envs] == [("B", b"2"), ("A", "grüß".encode())]
    assert (made.working_dir, made.log_path) == ("/srv", "main/3.log")
    assert (made.stdin, made.stdin_once, made.tty) == (True, False, True)
    assert made.labels["io.kubernetes.container.name"] == "main"
    assert made.labels["io.kubernetes.pod.uid"] == UID
    assert made.linux.resources.oom_score_adj == 938


def test_an_absolute_log_path_below_the_directory_becomes_relative() -> None:
    request = container_request(log_path="/var/log/pods/default_web-node1_uid/main/3.log")
    assert convert.container_config(request, NODE).log_path == "main/3.log"


def test_the_annotations_of_a_container() -> None:
    container = v1.Container(
        name="main",
        ports=(v1.ContainerPort(container_port=80, host_ip="10.0.0.1", name="http"),),
        termination_message_path="/dev/termination-log",
        termination_message_policy="File",
    )
    request = container_request(container, pod(container, termination_grace_period_seconds=30))
    found = dict(convert.container_annotations(request))
    digest = found.pop("io.kubernetes.container.hash")
    assert (len(digest), int(digest, 16) > 0) == (8, True)
    assert found == {
        "io.kubernetes.container.restartCount": "3",
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.container.ports": '[{"containerPort":80,"hostIP":"10.0.0.1","name":"http"}]',
        "io.kubernetes.pod.terminationGracePeriod": "30",
        "podstead.io/runtime-handler": "crun",
        "podstead.io/sandbox-id": "sandbox-1",
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("private", pb.PROPAGATION_PRIVATE),
        ("rslave", pb.PROPAGATION_HOST_TO_CONTAINER),
        ("rshared", pb.PROPAGATION_BIDIRECTIONAL),
    ],
)
def test_mounts(ours: str, theirs: pb.MountPropagation) -> None:
    mount = Mount(container_path="/data", host_path="/opt/data", readonly=True, propagation=ours)
    (made,) = convert.container_config(container_request(mounts=(mount,)), NODE).mounts
    assert made == pb.Mount(container_path="/data", host_path="/opt/data", readonly=True, propagation=theirs)


def test_mounts_of_a_user_namespace_keep_their_owners() -> None:
    request = container_request(mounts=(Mount(container_path="/data", host_path="/opt/data"),))
    (made,) = convert.container_config(replace(request, sandbox=replace(request.sandbox, first_id=65536)), NODE).mounts
    mapping = pb.IDMapping(host_id=65536, container_id=0, length=65536)
    assert (list(made.uid_mappings), list(made.gid_mappings)) == ([mapping], [mapping])


def test_an_image_in_a_user_namespace_is_the_runtimes_to_mount() -> None:
    request = container_request(mounts=(Mount(container_path="/image", host_path="", image="busybox:1"),))
    (made,) = convert.container_config(replace(request, sandbox=replace(request.sandbox, first_id=65536)), NODE).mounts
    assert (list(made.uid_mappings), made.image.image) == ([], "busybox:1")


def test_what_a_sandbox_takes_itself_is_told_apart() -> None:
    limits = {"cpu": "1", "memory": "64Mi"}
    container = v1.Container(name="main", resources=v1.ResourceRequirements(limits=limits))
    made = convert.sandbox_config(sandbox_request(pod(container, overhead={"cpu": "250m", "memory": "16Mi"}))).linux
    assert (made.resources.cpu_shares, made.resources.memory_limit_in_bytes) == (1024, 64 << 20)
    assert (made.overhead.cpu_shares, made.overhead.memory_limit_in_bytes) == (256, 16 << 20)
    assert not convert.sandbox_config(sandbox_request(pod(container))).linux.HasField("overhead")


def test_resources_become_cgroup_values() -> None:
    limits = {"cpu": "250m", "memory": "64Mi", "hugepages-2Mi": "4Mi"}
    container = v1.Container(name="main", resources=v1.ResourceRequirements(limits=limits))
    made = convert.container_config(container_request(container), NODE).linux.resources
    assert (made.cpu_shares, made.cpu_quota, made.cpu_period) == (256, 25_000, 100_000)
    assert (made.memory_limit_in_bytes, made.memory_swap_limit_in_bytes) == (64 << 20, 0)
    assert list(made.hugepage_limits) == [pb.HugepageLimit(page_size="2MB", limit=4 << 20)]
    assert dict(made.unified) == {}


def test_on_cgroup_v2_a_container_is_killed_as_a_whole_and_never_swapped_out() -> None:
    made = convert.container_config(container_request(), NodeFacts(oom_group=True, no_swap=True))
    assert dict(made.linux.resources.unified) == {"memory.oom.group": "1", "memory.swap.max": "0"}


def test_huge_pages_that_are_not_asked_for_are_not_given() -> None:
    made = convert.container_config(container_request(), NodeFacts(huge_page_sizes=("2MB", "1GB")))
    assert list(made.linux.resources.hugepage_limits) == [
        pb.HugepageLimit(page_size="2MB", limit=0),
        pb.HugepageLimit(page_size="1GB", limit=0),
    ]


def test_credentials_are_passed_and_not_shown() -> None:
    auth = RegistryAuth(username="u", password="canary")
    assert convert.auth_config(auth) == pb.AuthConfig(username="u", password="canary")
    assert "canary" not in repr(auth)


def test_an_identity_token_is_passed_alone_as_containerd_prefers_users() -> None:
    auth = RegistryAuth(username="<token>", identity_token="canary")
    assert convert.auth_config(auth) == pb.AuthConfig(identity_token="canary")
    assert "canary" not in repr(auth)
