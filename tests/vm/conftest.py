"""Fixtures of the ring of virtual machines, and the summary of what it ran on; the package says how to use them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from demo.errors import DemoError
from demo.packages import read_package_source
from demo.places import SHARED_CACHE
from demo.stand_in import StandIns, recipes

from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.vm.machine import Machine, virtual_machine
from tests.support.vm.node import GuestNode, install_podstead
from tests.support.vm.payload import checkout_files
from tests.support.vm.qemu import PROGRAM, Hardware
from tests.support.vm.recipe import NAMES, Recipe
from tests.supported.plugin import ran_in
from tests.vm.summary import Log, Summary

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

TEST_SECONDS = 1500
"""The first test makes images and boots a machine; each wait has its own, shorter bound."""
NEWEST = "trixie"
"""The release of which the short form starts a machine, and which runs everything."""
SUMMARY = pytest.StashKey[Summary]()
LOG = pytest.StashKey[Log]()
ENDED = pytest.StashKey[bool]()
"""In a test that has run to its end, well or not: no machine is asked anything after an interrupt."""
SENT = "vm_log"
"""The name under which a process of pytest-xdist sends its log."""


class MakeMachine(Protocol):
    """What `make_machine` is."""

    def __call__(self, recipe: Recipe, *, hardware: Hardware | None = None) -> Machine:
        """Make a machine that is off, with the usual payload."""


def missing_for_vm() -> str:
    """Say why no machine can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "it needs root"
    for program, package in ((PROGRAM, "qemu-system-x86"), ("qemu-img", "qemu-utils"), ("mmdebstrap", "mmdebstrap")):
        if shutil.which(program) is None:
            return f"the Debian package '{package}' is missing: tools/setup --tests"
    return ""


def pytest_configure(config: pytest.Config) -> None:
    """Begin the summary."""
    # Not in pyproject.toml: the disks of guests are made anew when that changes.
    config.addinivalue_line("markers", "newest: run on the newest release alone, but for --every-release")
    config.stash[SUMMARY], config.stash[LOG] = Summary(), Log()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is here, and give it the time that a boot takes."""
    left_out = []
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.vm)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
        if not is_wanted(item, config):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def is_wanted(item: pytest.Item, config: pytest.Config) -> bool:
    """Return whether a test belongs to the form of the ring that is asked for."""
    callspec = getattr(item, "callspec", None)
    newest = callspec is not None and callspec.params.get("release") == NEWEST
    if config.getoption("--short-vm"):
        return newest and item.get_closest_marker("short") is not None
    return newest or config.getoption("--every-release") or item.get_closest_marker("newest") is None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; in CI that is an error, so that a green run means that it ran."""
    why = missing_for_vm()
    if not why:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"a test of the ring vm cannot run, and CI=true: {why}", pytrace=False)
    pytest.skip(f"no machine can be started: {why}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test has ended, and show with what failed what machines have told on their consoles."""
    report = yield
    item.stash[ENDED] = report.when != "setup"
    if report.failed:
        for machine, of in item.config.stash[LOG].machines:
            if machine.running:
                report.sections.append((f"the console of {machine.recipe.name} ({of})", machine.console()))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Bring what this process ran to where it is printed."""
    lines = session.config.stash[LOG].lines()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[SENT] = lines
    else:
        session.config.stash[SUMMARY].machines += lines


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what another process ran."""
    node.config.stash[SUMMARY].machines += getattr(node, "workeroutput", {}).get(SENT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what ran, how long, and on what."""
    summary = config.stash[SUMMARY]
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.nodeid.startswith("tests/vm/"):
                summary.add(report)
    for line in summary.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="package", params=NAMES)
def release(request: pytest.FixtureRequest) -> str:
    """The release that the test is for."""
    code_name: str = request.param
    return code_name


@pytest.fixture(scope="package")
def payload() -> Iterator[dict[str, Path]]:
    """What is on the second disk: the checkout, busybox, and the stand-in that `make run` would build."""
    source = read_package_source()
    shelf = StandIns(SHARED_CACHE, print)
    wanted = recipes(source.release)[0]
    with contextlib.suppress(DemoError):  # without it the tests of the demo say what is missing
        if shelf.find(wanted) is None:
            shelf.build(wanted, source)
    with tempfile.TemporaryDirectory(prefix="ps-vm-") as directory:
        busybox = Path(directory) / "busybox.tar"
        build_busybox_image(busybox, BUSYBOX_IMAGE)
        archive = shelf.archive(wanted)
        stand_in = {f"podstead-demo/{path.name}": path for path in (archive, archive.with_suffix(".json"))}
        checkout = {f"project/{name}": path for name, path in checkout_files().items()}
        yield {**checkout, **(stand_in if archive.exists() else {}), "busybox.tar": busybox}


@pytest.fixture
def make_machine(
    payload: dict[str, Path], pytestconfig: pytest.Config, request: pytest.FixtureRequest
) -> Iterator[MakeMachine]:
    """Make machines of the test's own; they are ended after it."""
    made: list[Machine] = []
    with contextlib.ExitStack() as stack:

        def make(recipe: Recipe, *, hardware: Hardware | None = None) -> Machine:
            machine = stack.enter_context(virtual_machine(recipe, payload=payload, hardware=hardware))
            pytestconfig.stash[LOG].add_machine(machine, request.node.name)
            made.append(machine)
            return machine

        yield make
        for environment in set().union(*(machine.covered for machine in made)):
            ran_in(request.node, environment)


@pytest.fixture(scope="package")
def shared_machine(release: str, payload: dict[str, Path], pytestconfig: pytest.Config) -> Iterator[Machine]:
    """The machine that the release's tests share, up."""
    with virtual_machine(Recipe(release=release), payload=payload) as machine:
        machine.start()
        pytestconfig.stash[LOG].add_machine(machine, "shared")
        yield machine


@pytest.fixture(scope="package")
def installed_node(shared_machine: Machine, pytestconfig: pytest.Config) -> GuestNode:
    """Podstead on the shared machine."""
    node = install_podstead(shared_machine)
    pytestconfig.stash[LOG].note_versions(node)
    return node


@pytest.fixture
def node(installed_node: GuestNode, request: pytest.FixtureRequest) -> Iterator[GuestNode]:
    """Podstead on the release's shared machine, running, without pods."""
    machine = installed_node.machine
    machine.covered.clear()
    installed_node.wait_ready()
    yield installed_node
    for environment in machine.covered:
        ran_in(request.node, environment)
    if request.node.stash.get(ENDED, False):
        installed_node.clear()
