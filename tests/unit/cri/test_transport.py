"""The wire: the real gRPC library over a real unix socket, with the simulator behind it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cri import methods
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.client import connect
from podstead.cri.errors import CallError, Code
from podstead.cri.transport import SOCKET_PATH_LIMIT, socket_path
from podstead.errors import OperatorError, RuntimeFault
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import serve
from tests.unit.cri.pods import running_container
from tests.unit.cri.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def path() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="ps-", dir="/tmp")
    yield str(Path(directory) / "cri.sock")
    shutil.rmtree(directory)


@pytest.fixture
async def runtime() -> AsyncIterator[SimulatedRuntime]:
    async with SimulatedRuntime() as made:
        yield made


async def test_a_socket_that_is_not_there_is_transient(path: str) -> None:
    async with connect(f"unix://{path}") as client:
        with pytest.raises(RuntimeFault, match="cannot ask the runtime for its version") as caught:
            await client.version()
    assert (caught.value.transient, caught.value.reason) == (True, "RuntimeUnavailable")


async def test_a_socket_at_which_nobody_listens_is_transient(path: str, runtime: SimulatedRuntime) -> None:
    async with serve(runtime, path):
        pass
    async with connect(f"unix://{path}") as client:
        with pytest.raises(RuntimeFault) as caught:
            await client.version()
    assert caught.value.transient


async def test_the_next_call_after_a_loss_connects_again(path: str, runtime: SimulatedRuntime) -> None:
    async with connect(f"unix://{path}") as client:
        async with serve(runtime, path):
            assert (await client.version()).name == "simulated"
        with pytest.raises(RuntimeFault) as caught:
            await client.version()
        assert caught.value.transient
        async with serve(runtime, path):
            assert (await client.version()).name == "simulated"


async def test_a_loss_in_the_middle_of_a_call_is_transient(path: str, runtime: SimulatedRuntime) -> None:
    runtime.faults.add(Fault.HANG, method="Version")
    async with connect(f"unix://{path}") as client:
        async with serve(runtime, path):
            call = asyncio.ensure_future(client.version())
            await until(lambda: runtime.calls)
        with pytest.raises(RuntimeFault) as caught:
            await call
    assert caught.value.transient


async def test_the_deadline_holds_and_reaches_the_server(path: str, runtime: SimulatedRuntime) -> None:
    cancelled = asyncio.Event()

    async def never(*_: object) -> pb.ExecSyncResponse:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError("unreachable")

    container = await running_container(runtime)
    runtime.world.exec_handler = never
    async with serve(runtime, path), connect(f"unix://{path}") as client:
        request = pb.ExecSyncRequest(container_id=container, cmd=["x"])
        began = time.monotonic()
        with pytest.raises(CallError) as caught:
            await client.transport.unary(methods.EXEC_SYNC, request, 0.1)
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert time.monotonic() - began < 30
        async with asyncio.timeout(60):
            await cancelled.wait()
        assert [c.id for c in await client.containers()] == [container]


async def test_many_calls_share_one_connection(path: str, runtime: SimulatedRuntime) -> None:
    async with serve(runtime, path), connect(f"unix://{path}") as client:
        answers = await asyncio.gather(*(client.version() for _ in range(200)))
    assert {a.name for a in answers} == {"simulated"}


async def test_a_reply_of_sixteen_mebibytes(path: str, runtime: SimulatedRuntime) -> None:
    async def large(*_: object) -> pb.ExecSyncResponse:
        return pb.ExecSyncResponse(stdout=bytes(16 << 20), exit_code=3)

    runtime.world.exec_handler = large
    container = await running_container(runtime)
    async with serve(runtime, path), connect(f"unix://{path}") as client:
        done = await client.exec_sync(container, ("x",), 30)
    assert (done.exit_code, len(done.stdout)) == (3, 10240)


async def test_a_cancelled_call_leaves_the_connection_usable(path: str, runtime: SimulatedRuntime) -> None:
    runtime.faults.add(Fault.HANG, method="Version")
    async with serve(runtime, path), connect(f"unix://{path}") as client:
        call = asyncio.ensure_future(client.version())
        await until(lambda: runtime.calls)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.version()).name == "simulated"


@pytest.mark.parametrize("endpoint", ["unix:///run/x.sock", "/run/x.sock"])
def test_endpoints(endpoint: str) -> None:
    assert socket_path(endpoint) == "/run/x.sock"


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:1", "run/x.sock", "unix://run/x.sock", ""])
def test_endpoints_that_are_no_sockets(endpoint: str) -> None:
    with pytest.raises(OperatorError, match="write unix:///"):
        socket_path(endpoint)


def test_an_endpoint_too_long_for_a_socket() -> None:
    with pytest.raises(OperatorError, match="at most 107 bytes"):
        socket_path("/" + "x" * SOCKET_PATH_LIMIT)
