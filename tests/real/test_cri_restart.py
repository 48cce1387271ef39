"""The CRI client while containerd is killed and comes back: what it says, what it hears, and what it costs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.cri.client import connect
from podstead.cri.events import Capability, ExitSource
from podstead.errors import RuntimeFault
from podstead.state.observed import ContainerState
from podstead.state.runtime import EventKind
from tests.contract.subject import Subject
from tests.contract.test_events import hearing
from tests.support.nodes import make_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cri.client import CRIClient
    from tests.support.nodes import PrivateNode

pytestmark = pytest.mark.real


@pytest.fixture
def own_node() -> Iterator[PrivateNode]:
    """A node that this test may kill."""
    with make_node() as node:
        yield node


@pytest.fixture
def logs() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="ps-", dir="/tmp")
    yield directory
    shutil.rmtree(directory)


async def call_until_it_fails(client: CRIClient) -> None:
    """Call often enough for the end of a killed process to be felt."""
    for _ in range(1000):
        await client.version()


async def test_kill_9_of_containerd(own_node: PrivateNode, logs: str) -> None:
    async with connect(own_node.endpoint) as client:
        subject = Subject(
            client=client,
            image=own_node.image,
            cgroup_root=own_node.cgroup_parent,
            log_root=logs,
            handler=own_node.running.probe.runtime,
        )
        _, survivor = await subject.run_pod()
        _, victim = await subject.run_pod()
        victims_pid = await client.container_pid(victim)
        async with hearing(subject) as heard:
            os.kill(own_node.running.pid, signal.SIGKILL)
            with pytest.raises(RuntimeFault) as caught:
                await call_until_it_fails(client)
            assert (caught.value.transient, caught.value.reason) == (True, "RuntimeUnavailable")
            os.kill(victims_pid, signal.SIGKILL)
            before = len(heard.events)
            await own_node.start_again()
            async with asyncio.timeout(20):
                while EventKind.RECONNECTED not in {e.kind for e in heard.events[before:]}:  # noqa: ASYNC110 - bounded
                    await asyncio.sleep(0.01)
            assert heard.source.capability is Capability.CONTAINERD
            states = {c.id: c.state for c in await client.containers(instance=subject.instance)}
            assert states == {survivor: ContainerState.RUNNING, victim: ContainerState.EXITED}
            ended = await client.container_status(victim)
            known = await subject.stop_of_unknown_is_an_error()  # containerd up to 1.6; later ones forget such a shim
            assert (ended.exit_code, ended.reason) == ((137, "Error") if known else (255, "Unknown"))
            await subject.kill(survivor)
            assert (await heard.until(EventKind.EXITED, survivor)).exit_code == 137
        await subject.close()


async def test_a_source_that_starts_before_containerd_does(own_node: PrivateNode) -> None:
    os.kill(own_node.running.pid, signal.SIGKILL)
    async with connect(own_node.endpoint) as client:
        source = ExitSource(client.transport, SystemClock())
        stream = source.events()
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.3)
        assert source.trouble is not None
        assert source.trouble.transient
        await own_node.start_again()
        async with asyncio.timeout(20):
            assert (await first).kind is EventKind.RECONNECTED
        assert source.trouble is None
        await stream.aclose()
