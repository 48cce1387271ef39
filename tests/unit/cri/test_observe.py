"""CRI messages become observed values."""

from __future__ import annotations

import pytest

from podstead.cri import convert, observe
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.node import NodeFacts
from podstead.identity import PodKey
from podstead.k8s import labels
from podstead.state.observed import ContainerState
from tests.unit.cri.pods import UID, container_request, pod, sandbox_request


def sandbox_status(**changes: object) -> pb.PodSandboxStatus:
    config = convert.sandbox_config(sandbox_request())
    status = pb.PodSandboxStatus(
        id="s1", metadata=config.metadata, created_at=5, labels=config.labels, annotations=config.annotations
    )
    status.linux.namespaces.options.CopyFrom(config.linux.security_context.namespace_options)
    status.MergeFrom(pb.PodSandboxStatus(**changes))  # type: ignore[arg-type]  # fields by name
    return status


def container_status(state: pb.ContainerState, **changes: object) -> pb.ContainerStatus:
    config = convert.container_config(container_request(), NodeFacts())
    status = pb.ContainerStatus(
        id="c1", metadata=config.metadata, state=state, labels=config.labels, annotations=config.annotations
    )
    status.MergeFrom(pb.ContainerStatus(**changes))  # type: ignore[arg-type]  # fields by name
    return status


def test_a_sandbox_is_read_back_as_it_was_asked_for() -> None:
    network = pb.PodSandboxNetworkStatus(ip="10.88.0.2", additional_ips=[pb.PodIP(ip="fd00::2")])
    found = observe.observed_sandbox_status(sandbox_status(network=network))
    assert (found.key, found.uid, found.instance) == (PodKey("default", "web-node1"), UID, "instance-1")
    assert (found.ready, found.created_at, found.host_network) == (True, 5, False)
    assert found.ips == ("10.88.0.2", "fd00::2")
    assert (found.revision, found.runtime_handler) == ("00112233445566aa", "crun")


@pytest.mark.parametrize("ip", ["", "not-an-address", "10.0.0.1; rm"])
def test_what_is_no_address_is_left_out(ip: str) -> None:
    network = pb.PodSandboxNetworkStatus(ip=ip)
    assert observe.observed_sandbox_status(sandbox_status(network=network)).ips == ()


@pytest.mark.parametrize("host_network", [True, False])
def test_a_list_tells_the_host_network_too(host_network: bool) -> None:
    config = convert.sandbox_config(sandbox_request(pod(host_network=host_network)))
    listed = pb.PodSandbox(
        id="s1",
        metadata=config.metadata,
        state=pb.SANDBOX_NOTREADY,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler="runc",
    )
    found = observe.observed_sandbox(listed)
    assert (found.host_network, found.ready, found.runtime_handler) == (host_network, False, "runc")


def test_a_foreign_sandbox_has_no_instance_and_no_revision() -> None:
    found = observe.observed_sandbox(pb.PodSandbox(id="s1", metadata=pb.PodSandboxMetadata(name="x")))
    assert (found.instance, found.revision, found.runtime_handler) == ("", None, "")


def test_a_container_that_has_ended() -> None:
    found = observe.observed_container_status(
        container_status(
            pb.CONTAINER_EXITED,
            exit_code=137,
            reason="OOMKilled",
            message="killed\x1b[31m\n",
            started_at=1,
            finished_at=2,
            log_path="/l",
            image=pb.ImageSpec(image="docker.io/library/x:1"),
            image_ref="x@sha256:1",
        )
    )
    assert (found.state, found.exit_code, found.reason) == (ContainerState.EXITED, 137, "OOMKilled")
    assert found.message == "killed\\x1b[31m\\n"
    assert (found.sandbox_id, found.uid, found.name, found.attempt) == ("sandbox-1", UID, "main", 4)
    assert (found.restart_count, found.revision) == (3, "00112233445566aa")
    assert (found.started_at, found.finished_at, found.log_path) == (1, 2, "/l")
    assert (found.image, found.image_id) == ("docker.io/library/x:1", "x@sha256:1")


def test_a_running_container_has_no_reason_even_when_a_child_ran_out_of_memory() -> None:
    found = observe.observed_container_status(container_status(pb.CONTAINER_RUNNING, reason="OOMKilled", exit_code=9))
    assert (found.state, found.reason, found.exit_code) == (ContainerState.RUNNING, "", 0)


def test_an_unknown_state_is_unknown() -> None:
    assert observe.observed_container(pb.Container(id="c", state=77)).state is ContainerState.UNKNOWN  # type: ignore[arg-type]  # a newer runtime's
    assert observe.observed_container(pb.Container(id="c", state=pb.CONTAINER_UNKNOWN)).state is ContainerState.UNKNOWN


@pytest.mark.parametrize("text", ["", "-1", "many", "²", "1e3"])
def test_a_restart_count_that_is_no_number_is_zero(text: str) -> None:
    annotations = {labels.CONTAINER_RESTART_COUNT: text}
    assert observe.observed_container(pb.Container(annotations=annotations)).restart_count == 0


@pytest.mark.parametrize(
    ("info", "pid"),
    [
        ({"info": '{"pid": 12, "config": {"envs": [{"key": "P", "value": "canary"}]}}'}, 12),
        ({"info": '{"pid": "12"}'}, 0),
        ({"info": "[1]"}, 0),
        ({"info": "{"}, 0),
        ({}, 0),
    ],
)
def test_the_pid_from_a_verbose_status(info: dict[str, str], pid: int) -> None:
    assert observe.pid_of(info) == pid


@pytest.mark.parametrize(
    ("image", "user", "username"),
    [
        (pb.Image(id="i", uid=pb.Int64Value(value=33)), 33, ""),
        (pb.Image(id="i", username="www-data"), None, "www-data"),
        (pb.Image(id="i"), 0, ""),
    ],
)
def test_the_user_of_an_image(image: pb.Image, user: int | None, username: str) -> None:
    found = observe.image_of(image)
    assert (found.user, found.username) == (user, username)


def test_what_the_runtime_says_of_itself() -> None:
    conditions = [
        pb.RuntimeCondition(type="RuntimeReady", status=True),
        pb.RuntimeCondition(type="NetworkReady", reason="NetworkPluginNotReady", message="cni plugin not initialized"),
        pb.RuntimeCondition(type="Other"),
    ]
    version = pb.VersionResponse(runtime_name="containerd", runtime_version="v1.7.0", runtime_api_version="v1")
    status = pb.RuntimeStatus(conditions=conditions)
    found = observe.runtime_info(version, pb.StatusResponse(status=status), "unix:///x")
    assert (found.ready, found.network_ready) == (True, False)
    assert found.message == "NetworkPluginNotReady: cni plugin not initialized"
    assert not observe.runtime_info(version, pb.StatusResponse(), "unix:///x").ready


def test_what_the_runtime_can() -> None:
    able = pb.RuntimeHandlerFeatures(recursive_read_only_mounts=True, user_namespaces=True)
    reply = pb.StatusResponse(
        runtime_handlers=[pb.RuntimeHandler(name=""), pb.RuntimeHandler(name="runc", features=able)],
        features=pb.RuntimeFeatures(supplemental_groups_policy=True),
    )
    found = observe.runtime_info(pb.VersionResponse(), reply, "")
    assert found.strict_groups
    assert [one.name for one in found.handlers] == ["", "runc"]
    assert (found.handler("runc").recursive_read_only, found.handler("runc").user_namespaces) == (True, True)
    assert (found.handler("").user_namespaces, found.handler("kata").user_namespaces) == (False, False)


def test_an_older_runtime_says_nothing_of_what_it_can() -> None:
    found = observe.runtime_info(pb.VersionResponse(), pb.StatusResponse(), "")
    assert (found.handlers, found.strict_groups) == ((), False)
