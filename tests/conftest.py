"""What every ring shares: a test that needs root or a rare program says so, and its skip is an error in CI."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.attacks import report as attacks
from tests.conformance import report as conformance
from tests.support.beside import RingScheduling
from tests.support.runtimes import OCI_RUNTIMES, RELEASES, choose
from tests.support.shown import PageOfRun
from tests.supported.environment import this_environment
from tests.supported.plugin import SupportRecorder

# An agent under test is no reason for this machine to wait when it goes down: tests of that have a bus of their own.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nowhere/bus"

# How long one example takes is the machine's matter, which may have other work; each test has its own time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


MACHINES = Path(__file__).parent / "vm"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose a runtime, and those that write down what real runs show."""
    parser.addoption("--restart-table", action="store_true", help="write down what edits restarted in this run")
    parser.addoption("--conformance", action="store_true", help="write docs/conformance.md from this run's outcomes")
    parser.addoption("--attack", action="store_true", help="write docs/attacks.md from this run's outcomes")
    parser.addoption(
        "--record-support", action="store_true", help="write docs/support from this run (then: make generate)"
    )
    parser.addoption("--fuzz-seconds", default="4", help="for how long each reader of tests/fuzz gets changed inputs")
    parser.addoption("--fuzz-seed", default="20261123", help="from which number they are made")
    parser.addoption(
        "--containerd",
        choices=tuple(RELEASES),
        help="run the real ring on this line of containerd, from Debian's packages unpacked beside this machine's own",
    )
    parser.addoption(
        "--short-vm",
        action="store_true",
        help="run the short form of the ring of virtual machines as well, as make test",
    )
    parser.addoption(
        "--every-release",
        action="store_true",
        help="run on every release also what the ring of virtual machines usually shows on the newest alone",
    )
    parser.addoption("--oci", choices=OCI_RUNTIMES, help="run the real ring on this OCI runtime")


def pytest_configure(config: pytest.Config) -> None:
    """Put the chosen runtime first, and register what writes the documents."""
    oci = config.getoption("--oci") or ""
    choose(config.getoption("--containerd") or "", oci)
    for report in (attacks, conformance):
        if config.getoption(f"--{report.MARK}"):
            config.pluginmanager.register(PageOfRun(report.MARK, report.PAGE, report.page))
    if config.getoption("--record-support") and not hasattr(config, "workerinput"):
        of_machines = (Path(argument.partition("::")[0]).resolve().is_relative_to(MACHINES) for argument in config.args)
        if not oci and not all(of_machines):
            raise pytest.UsageError(
                "--record-support needs --oci=crun or --oci=runc, so that the record says which ran"
            )
        config.pluginmanager.register(SupportRecorder(functools.cache(lambda: this_environment(oci=oci))))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the ring of virtual machines, where neither it nor its short form is asked for."""
    return True if collection_path == MACHINES and not config.getoption("--short-vm") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what a run of everything leaves out."""
    if [Path(argument).resolve() for argument in config.args] != [Path(__file__).parent]:
        return
    ran = (
        "of the ring of virtual machines only the short form ran"
        if config.getoption("--short-vm")
        else "left out: tests/vm"
    )
    terminalreporter.write_line(f"{ran}; all of it: make test-vm")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RingScheduling:
    """Keep each heavy ring in one process, where pytest-xdist runs the others beside it."""
    return RingScheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that lacks what its marks ask for; in CI that is an error, so that a green run means that it ran."""
    lacking = ["root"] if item.get_closest_marker("root") is not None and os.geteuid() != 0 else []
    if (programs := item.get_closest_marker("program")) is not None:
        lacking += [name for name in programs.args if shutil.which(name) is None]
    if not lacking:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"this test needs {' and '.join(lacking)}, and CI=true", pytrace=False)
    pytest.skip(f"it needs {' and '.join(lacking)}")
