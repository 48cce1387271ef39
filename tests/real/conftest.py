"""Fixtures of the real ring: nodes with a private containerd, made once a session and gone after it.

    @pytest.mark.real
    async def test_something(private_node: PrivateNode) -> None:
        async with private_node.client() as runtime:
            ...

- `private_node`: containerd in the machine's own network namespace, for pods on the host network and for tests that
  run an agent. Its pods with own addresses are reached from the test process directly.
- `isolated_node` and `hosts`: containerd in a network namespace of its own, with another host on a cable. Use it for
  everything that looks at networks. Its addresses are reached from inside only: `call_in_namespace(hosts.node, …)`,
  or `nsenter --net=FILE`.
- `agent`: the whole agent in a network namespace of its module's own, shared by the module; its manifests are removed
  and its pods gone after each test. `own_agent` is a test's own, for what breaks it; `resting_agent` is one that was
  not started yet.
- Removing an image removes every tag of its content (foundation 23): images that a test removes need content of their
  own, see `extra` of `build_busybox_image`.
- `make_node` (tests/support/nodes.py): a node of the test's own, for tests that kill or stop containerd.

Both nodes have the pause image and `node.image`, a busybox with all applets, `/www/index.html` and a user nobody.
Sandboxes must use `cgroup_parent=node.cgroup_parent + "/…"` and the label of `node.instance`. The session's nodes
are shared: remove the pods that you make, and leave containerd running.

Every test here carries the mark `real`. Without root or a program it is skipped; where CI=true a skip is an error.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.containerd.locate import find_programs
from podstead.errors import OperatorError
from tests.support.agent import AgentUnderTest, agent_at_rest, agent_under_test
from tests.support.images import BUSYBOX
from tests.support.netns import Hosts, two_hosts
from tests.support.nodes import PrivateNode, make_node
from tests.support.runtimes import chosen_line, chosen_oci

if TYPE_CHECKING:
    from collections.abc import Iterator


def missing_for_real() -> str:
    """Say why the real ring cannot run here; empty if it can."""
    if os.geteuid() != 0:
        return "it needs root"
    try:
        find_programs()
    except OperatorError as error:
        return str(error)
    if not BUSYBOX.exists():
        return "the Debian package 'busybox-static' is missing"
    return "" if shutil.which("ip") else "the Debian package 'iproute2' is missing"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; in CI that is an error, so that a green run means that it ran."""
    if item.get_closest_marker("real") is None:
        return
    for mark, chosen in (("containerd", chosen_line()), ("oci", chosen_oci())):
        about = item.get_closest_marker(mark)
        if about is not None and chosen not in {"", *about.args}:
            pytest.skip(f"it is about {mark} {about.args[0]}, and this run for {chosen}")
    why = missing_for_real()
    if not why:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"a test of the real ring cannot run, and CI=true: {why}", pytrace=False)
    pytest.skip(f"the real ring cannot run: {why}")


@pytest.fixture(scope="session")
def private_node() -> Iterator[PrivateNode]:
    """A node in the machine's network namespace, shared by the session."""
    with make_node() as node:
        yield node


@pytest.fixture(scope="session")
def hosts() -> Iterator[Hosts]:
    """The namespaces of `isolated_node` and of another host."""
    directory = Path(tempfile.mkdtemp(prefix="ps-net-", dir="/tmp"))
    try:
        with two_hosts(directory) as made:
            yield made
    finally:
        directory.rmdir()


@pytest.fixture(scope="session")
def isolated_node(hosts: Hosts) -> Iterator[PrivateNode]:
    """A node in a network namespace of its own, shared by the session."""
    with make_node(net_namespace=hosts.node) as node:
        yield node


@pytest.fixture(scope="module")
def agent_hosts() -> Iterator[Hosts]:
    """The namespaces of a module's agents and of another host."""
    directory = Path(tempfile.mkdtemp(prefix="ps-net-", dir="/tmp"))
    try:
        with two_hosts(directory) as made:
            yield made
    finally:
        directory.rmdir()


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """The agent behind `agent`."""
    with agent_under_test(net_namespace=agent_hosts.node) as running:
        yield running


@pytest.fixture
def agent(module_agent: AgentUnderTest) -> Iterator[AgentUnderTest]:
    """A running agent without pods, shared by the module."""
    yield module_agent
    module_agent.clear()


@pytest.fixture
def own_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """A running agent of the test's own."""
    with agent_under_test(net_namespace=agent_hosts.node) as running:
        yield running


@pytest.fixture
def resting_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """An agent of the test's own that was not started yet."""
    with agent_at_rest(net_namespace=agent_hosts.node) as resting:
        yield resting
