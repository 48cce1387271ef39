"""Sandboxes: every runtime does this."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from podstead.errors import NameReservedFault, NotFoundFault, RuntimeFault
from podstead.identity import PodUID, SandboxID
from podstead.state.observed import ContainerState
from tests.contract.subject import again

if TYPE_CHECKING:
    from tests.contract.subject import Subject

UNKNOWN = SandboxID("0" * 64)


async def test_the_runtime_tells_its_name_and_that_it_is_ready(subject: Subject) -> None:
    version, info = await subject.client.version(), await subject.client.info()
    assert version.name == info.name in {"containerd", "simulated"}
    assert (info.api_version, info.ready, info.network_ready, info.message) == ("v1", True, True, "")
    assert info.version == version.version != ""
    if await subject.stop_of_unknown_is_an_error():  # containerd up to 1.6 cannot say what it can
        assert (info.handlers, info.strict_groups) == ((), False)


async def test_a_sandbox_shows_what_it_was_made_from(subject: Subject) -> None:
    request = subject.sandbox(attempt=3)
    made = await subject.client.run_sandbox(request)
    (listed,) = await subject.client.sandboxes(uid=request.uid)
    status = await subject.client.sandbox_status(made)
    assert status == listed
    assert (listed.id, listed.key, listed.uid) == (made, request.key, request.uid)
    assert (listed.instance, listed.attempt, listed.revision) == (subject.instance, 3, request.revision)
    assert (listed.ready, listed.host_network, listed.ips) == (True, True, ())
    assert listed.runtime_handler == subject.handler
    assert listed.created_at > 0


async def test_a_handler_that_there_is_not(subject: Subject) -> None:
    with pytest.raises(RuntimeFault, match=r"cannot create a sandbox for pod .* no runtime for \"none\" is configured"):
        await subject.client.run_sandbox(replace(subject.sandbox(), runtime_handler="none"))
    assert await subject.client.sandboxes(instance=subject.instance) == []


async def test_lists_are_filtered_by_pod_and_instance(subject: Subject) -> None:
    one, two = subject.sandbox(), subject.sandbox()
    ids = {await subject.client.run_sandbox(one), await subject.client.run_sandbox(two)}
    assert {s.id for s in await subject.client.sandboxes(instance=subject.instance)} == ids
    assert [s.uid for s in await subject.client.sandboxes(uid=two.uid, instance=subject.instance)] == [two.uid]
    assert await subject.client.sandboxes(uid=one.uid, instance="another") == []
    assert await subject.client.sandboxes(uid=PodUID("none")) == []
    assert ids <= {s.id for s in await subject.client.sandboxes()}


async def test_a_sandbox_of_its_own_network_has_an_address_until_it_is_stopped(subject: Subject) -> None:
    request = subject.sandbox(host_network=False)
    made = await subject.client.run_sandbox(request)
    running = await subject.client.sandbox_status(made)
    assert not running.host_network
    assert [ip_address(ip).version for ip in running.ips] == [4]
    await subject.client.stop_sandbox(made)
    stopped = await subject.client.sandbox_status(made)
    assert (stopped.ready, stopped.ips) == (False, ())


async def test_a_name_is_reserved_until_the_sandbox_is_removed(subject: Subject) -> None:
    request = subject.sandbox()
    first = await subject.client.run_sandbox(request)
    with pytest.raises(NameReservedFault) as caught:
        await subject.client.run_sandbox(request)
    assert caught.value.transient
    second = await subject.client.run_sandbox(again(request, 1))
    await subject.client.stop_sandbox(first)
    with pytest.raises(NameReservedFault):
        await subject.client.run_sandbox(request)
    await subject.client.remove_sandbox(first)
    third = await subject.client.run_sandbox(request)
    assert {s.id for s in await subject.client.sandboxes(uid=request.uid)} == {second, third}


async def test_stopping_kills_the_containers_and_is_idempotent(subject: Subject) -> None:
    sandbox, container = await subject.run_pod("stubborn")
    await subject.client.stop_sandbox(sandbox)
    await subject.client.stop_sandbox(sandbox)
    assert not (await subject.client.sandbox_status(sandbox)).ready
    ended = await subject.client.container_status(container)
    assert (ended.state, ended.exit_code) == (ContainerState.EXITED, 137)


async def test_removing_takes_the_containers_along_and_is_idempotent(subject: Subject) -> None:
    sandbox, container = await subject.run_pod("stubborn")
    await subject.client.stop_sandbox(sandbox)
    await subject.client.remove_sandbox(sandbox)
    await subject.client.remove_sandbox(sandbox)
    assert await subject.client.sandboxes(instance=subject.instance) == []
    assert await subject.client.containers(instance=subject.instance) == []
    with pytest.raises(NotFoundFault):
        await subject.client.container_status(container)


async def test_unknown_sandboxes(subject: Subject) -> None:
    with pytest.raises(NotFoundFault, match=r"^cannot look at sandbox 0000"):
        await subject.client.sandbox_status(UNKNOWN)
    await subject.client.remove_sandbox(UNKNOWN)
    if await subject.stop_of_unknown_is_an_error():
        with pytest.raises(NotFoundFault):
            await subject.client.stop_sandbox(UNKNOWN)
    else:
        await subject.client.stop_sandbox(UNKNOWN)


async def test_a_killed_pause_process_leaves_the_containers_running(subject: Subject) -> None:
    sandbox, container = await subject.run_pod()
    await subject.kill_pause(sandbox)

    async def not_ready() -> bool:
        return not (await subject.client.sandbox_status(sandbox)).ready

    await subject.wait_for(not_ready, "the sandbox stayed ready")
    assert (await subject.client.container_status(container)).state is ContainerState.RUNNING
