# ruff: noqa: ASYNC240 - the files of these tests are small and local
"""Containers: every runtime does this."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.errors import DeadlineFault, NameReservedFault, NotFoundFault, RuntimeFault
from podstead.identity import ContainerID, SandboxID
from podstead.k8s.labels import INPUTS
from podstead.k8s.resources import CgroupValues
from podstead.state.inputs import encode_inputs
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from tests.contract.subject import Subject

UNKNOWN = ContainerID("0" * 64)


async def test_a_container_shows_what_it_was_made_from(subject: Subject) -> None:
    pod = subject.sandbox()
    sandbox = await subject.client.run_sandbox(pod)
    request = await subject.container(pod, sandbox, attempt=2)
    inputs = (("/etc/a.conf", "0123456789abcdef"), ("Secret default/db", "fedcba9876543210"))
    request = replace(request, annotations={INPUTS: encode_inputs(inputs)})
    made = await subject.client.create_container(request)
    (listed,) = await subject.client.containers(uid=pod.uid)
    status = await subject.client.container_status(made)
    for seen in (listed, status):
        assert (seen.id, seen.sandbox_id, seen.uid, seen.name) == (made, sandbox, pod.uid, "obeys")
        assert (seen.instance, seen.revision) == (subject.instance, pod.revision)
        assert (seen.attempt, seen.restart_count, seen.state) == (2, 2, ContainerState.CREATED)
        assert seen.inputs == inputs
        assert seen.created_at > 0
        assert seen.image_id != ""
    assert status.log_path == request.log_path
    assert (status.started_at, status.finished_at, status.exit_code, status.reason) == (0, 0, 0, "")


async def test_a_container_runs_and_keeps_the_code_with_which_it_obeys(subject: Subject) -> None:
    _, container = await subject.run_pod()
    running = await subject.client.container_status(container)
    assert (running.state, running.reason) == (ContainerState.RUNNING, "")
    assert running.started_at >= running.created_at
    assert await subject.client.container_pid(container) > 1
    # The shell sets its trap a moment after it has started.
    await subject.client.exec_sync(container, ("true",), 10)
    await subject.client.stop_container(container, 10)
    ended = await subject.client.container_status(container)
    assert (ended.state, ended.exit_code, ended.reason) == (ContainerState.EXITED, 3, "Error")
    assert ended.finished_at >= ended.started_at
    assert await subject.client.container_pid(container) == 0
    await subject.client.stop_container(container, 10)


async def test_a_container_that_ignores_the_signal_is_killed_after_its_grace(subject: Subject) -> None:
    _, container = await subject.run_pod("stubborn")
    await subject.client.exec_sync(container, ("true",), 10)
    began = time.monotonic()
    await subject.client.stop_container(container, 1)
    assert 0.9 < time.monotonic() - began < 25
    ended = await subject.client.container_status(container)
    assert (ended.state, ended.exit_code) == (ContainerState.EXITED, 137)


@pytest.mark.parametrize(("name", "code", "reason"), [("succeeds", 0, "Completed"), ("fails", 7, "Error")])
async def test_a_container_that_ends_by_itself(subject: Subject, name: str, code: int, reason: str) -> None:
    _, container = await subject.run_pod(name)
    ended = await subject.exited(container)
    assert (ended.exit_code, ended.reason) == (code, reason)
    # containerd takes the start's time after the start: a short program may seem to have ended before it began.
    assert min(ended.started_at, ended.finished_at) > 0
    assert ended.finished_at - ended.started_at > -(10**9)


async def test_a_container_that_is_killed(subject: Subject) -> None:
    _, container = await subject.run_pod()
    await subject.kill(container)
    ended = await subject.exited(container)
    assert (ended.exit_code, ended.reason) == (137, "Error")


async def test_a_container_beyond_its_memory(subject: Subject) -> None:
    _, container = await subject.run_pod("hungry")
    subject.exhaust_memory(container)
    ended = await subject.exited(container)
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


async def test_a_program_that_does_not_exist(subject: Subject) -> None:
    pod = subject.sandbox()
    sandbox = await subject.client.run_sandbox(pod)
    container = await subject.client.create_container(await subject.container(pod, sandbox, "missing"))
    with pytest.raises(RuntimeFault, match="/no/such/program") as caught:
        await subject.client.start_container(container)
    assert (caught.value.reason, caught.value.transient) == ("RunContainerError", False)
    ended = await subject.client.container_status(container)
    assert (ended.state, ended.exit_code, ended.reason) == (ContainerState.EXITED, 128, "StartError")
    assert "/no/such/program" in ended.message


async def test_a_container_starts_once(subject: Subject) -> None:
    _, container = await subject.run_pod()
    with pytest.raises(RuntimeFault):
        await subject.client.start_container(container)


async def test_a_name_is_reserved_for_the_pod_until_the_container_is_removed(subject: Subject) -> None:
    pod = subject.sandbox()
    sandbox = await subject.client.run_sandbox(pod)
    request = await subject.container(pod, sandbox)
    first = await subject.client.create_container(request)
    with pytest.raises(NameReservedFault):
        await subject.client.create_container(request)
    # The sandbox's attempt is no part of the name: the attempt of a container always rises (foundation 14).
    other = replace(pod, attempt=1)
    second_sandbox = await subject.client.run_sandbox(other)
    with pytest.raises(NameReservedFault):
        await subject.client.create_container(await subject.container(other, second_sandbox))
    second = await subject.client.create_container(await subject.container(pod, sandbox, attempt=1))
    await subject.client.remove_container(first)
    third = await subject.client.create_container(request)
    assert {c.id for c in await subject.client.containers(uid=pod.uid)} == {second, third}


async def test_removing_kills_and_is_idempotent(subject: Subject) -> None:
    sandbox, container = await subject.run_pod("stubborn")
    await subject.client.remove_container(container)
    await subject.client.remove_container(container)
    assert await subject.client.containers(instance=subject.instance) == []
    assert (await subject.client.sandbox_status(sandbox)).ready


async def test_a_task_that_the_runtime_has_lost_sight_of_is_ended_with_its_container(subject: Subject) -> None:
    pod = subject.sandbox()
    sandbox = await subject.client.run_sandbox(pod)
    first = await subject.client.create_container(await subject.container(pod, sandbox))
    second = await subject.client.create_container(await subject.container(pod, sandbox, attempt=1))
    for container in (first, second):
        subject.lose_task(container)
    await subject.client.remove_container(first)
    assert [c.id for c in await subject.client.containers(instance=subject.instance)] == [second]
    await subject.client.stop_sandbox(sandbox)
    await subject.client.remove_sandbox(sandbox)
    assert await subject.client.containers(instance=subject.instance) == []
    assert await subject.client.sandboxes(instance=subject.instance) == []


async def test_unknown_containers(subject: Subject) -> None:
    with pytest.raises(NotFoundFault, match=r"^cannot look at container 0000"):
        await subject.client.container_status(UNKNOWN)
    with pytest.raises(NotFoundFault):
        await subject.client.start_container(UNKNOWN)
    await subject.client.remove_container(UNKNOWN)
    if await subject.stop_of_unknown_is_an_error():
        with pytest.raises(NotFoundFault):
            await subject.client.stop_container(UNKNOWN, 1)
    else:
        await subject.client.stop_container(UNKNOWN, 1)


async def test_what_a_container_cannot_be_made_in_or_from(subject: Subject) -> None:
    pod = subject.sandbox()
    sandbox = await subject.client.run_sandbox(pod)
    request = await subject.container(pod, sandbox)
    with pytest.raises(NotFoundFault) as caught:
        await subject.client.create_container(replace(request, sandbox_id=SandboxID("0" * 64)))
    assert caught.value.reason == "CreateContainerError"
    with pytest.raises(NotFoundFault):
        await subject.client.create_container(replace(request, image_id=f"sha256:{'0' * 64}"))
    await subject.client.stop_sandbox(sandbox)
    # containerd 2 refuses no earlier than at the start.
    with pytest.raises(RuntimeFault):
        await subject.client.start_container(await subject.client.create_container(request))
    made = await subject.client.containers(uid=pod.uid)
    assert [one for one in made if one.state is ContainerState.RUNNING] == []


async def test_a_command_in_a_container(subject: Subject) -> None:
    _, container = await subject.run_pod()
    done = await subject.client.exec_sync(container, ("sh", "-c", "echo $GREETING; echo bad >&2; exit 5"), 10)
    assert (done.exit_code, done.stdout, done.stderr) == (5, "grüß\n".encode(), b"bad\n")
    large = await subject.client.exec_sync(container, ("sh", "-c", "head -c 20000 /dev/zero"), 10)
    assert large.stdout == bytes(10240)


async def test_a_command_that_takes_too_long(subject: Subject) -> None:
    _, container = await subject.run_pod()
    began = time.monotonic()
    with pytest.raises(DeadlineFault):
        await subject.client.exec_sync(container, ("sleep", "30"), 1)
    assert 0.9 < time.monotonic() - began < 25


async def test_a_command_where_nothing_runs(subject: Subject) -> None:
    _, container = await subject.run_pod("succeeds")
    await subject.exited(container)
    with pytest.raises(RuntimeFault) as caught:
        await subject.client.exec_sync(container, ("true",), 10)
    assert (caught.value.reason, caught.value.transient) == ("ExecError", False)


async def test_streams_are_had_by_url(subject: Subject) -> None:
    _, container = await subject.run_pod()
    url = await subject.client.exec_url(container, ("sh",), tty=True, stdin=True, stdout=True, stderr=True)
    assert url.split("/")[3] == "exec"
    assert url.startswith("http://127.0.0.1:")


async def test_a_log_is_reopened_while_the_container_runs(subject: Subject) -> None:
    _, container = await subject.run_pod()
    log = Path((await subject.client.container_status(container)).log_path)
    aside = log.rename(log.with_name("0.log.20261123-023918"))
    await subject.client.reopen_log(container)
    assert log.is_file()  # the runtime makes it; nobody else does
    aside.unlink()
    await subject.client.stop_container(container, 0)
    with pytest.raises(RuntimeFault, match="not running"):
        await subject.client.reopen_log(container)


async def test_what_a_container_writes_is_measured(subject: Subject) -> None:
    _, container = await subject.run_pod()
    assert (await subject.client.layer_use(container)).used_bytes >= 0
    with pytest.raises(NotFoundFault):
        await subject.client.layer_use(UNKNOWN)


async def test_resources_change_in_place(subject: Subject) -> None:
    _, container = await subject.run_pod()
    values = CgroupValues(shares=512, quota=50_000, period=100_000, memory_limit=64 << 20)
    before = await subject.client.container_status(container)
    await subject.client.update_resources(container, values)
    assert await subject.client.container_status(container) == before
    await subject.client.stop_container(container, 0)
    await subject.client.update_resources(container, values)
    with pytest.raises(NotFoundFault):
        await subject.client.update_resources(UNKNOWN, values)
