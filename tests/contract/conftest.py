"""The three runtimes that the suite runs on."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cri.client import connect
from podstead.cri.errors import CallError, Code
from tests.contract.subject import PROGRAMS, Subject, simulated_exec
from tests.real.conftest import private_node, pytest_runtest_setup
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import client, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.nodes import PrivateNode

__all__ = ["node", "private_node", "pytest_runtest_setup", "short_directory", "subject"]

REFUSED_IMAGE = "127.0.0.1:1/library/nothing:1"
REFUSED_TEXT = (
    f'failed to pull and unpack image "{REFUSED_IMAGE}": failed to resolve reference "{REFUSED_IMAGE}": failed to do '
    'request: Head "http://127.0.0.1:1/v2/library/nothing/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused'
)


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path is short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(params=["simulator", "socket", pytest.param("containerd", marks=pytest.mark.real)])
def node(request: pytest.FixtureRequest) -> PrivateNode | str:
    """The real node, or the name of a simulated one. Not async: starting a real node runs a loop of its own."""
    found: PrivateNode | str = (
        request.getfixturevalue("private_node") if request.param == "containerd" else request.param
    )
    return found


@pytest.fixture
async def subject(node: PrivateNode | str, short_directory: Path) -> AsyncIterator[Subject]:
    """The runtime under contract."""
    async with AsyncExitStack() as stack:
        if isinstance(node, str):
            found = await _simulated(stack, node, short_directory)
        else:
            found = Subject(
                client=await stack.enter_async_context(node.client()),
                image=node.image,
                cgroup_root=node.cgroup_parent,
                log_root=str(short_directory),
                handler=node.running.probe.runtime,
                socket=str(node.running.socket),
            )
        stack.push_async_callback(found.close)
        yield found


async def _simulated(stack: AsyncExitStack, kind: str, directory: Path) -> Subject:
    runtime = await stack.enter_async_context(SimulatedRuntime())
    runtime.world.log_root = directory
    runtime.programs.update(PROGRAMS)
    runtime.world.exec_handler = simulated_exec
    runtime.add_image("busybox:1.36")
    runtime.images.errors[REFUSED_IMAGE] = CallError(Code.UNKNOWN, REFUSED_TEXT)
    if kind == "socket":
        endpoint = await stack.enter_async_context(serve(runtime, str(directory / "cri.sock")))
        made = await stack.enter_async_context(connect(endpoint))
    else:
        made = client(runtime)
    return Subject(
        client=made,
        image="docker.io/library/busybox:1.36",
        cgroup_root="/contract",
        log_root=str(directory),
        handler="crun",
        simulated=runtime,
    )
