"""What every ring shares: a test that needs root says so, and its skip is an error in CI."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.conformance.plugin import ConformanceReport

# How long one example takes is the machine's matter, which may have other work; each test has its own time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that write down what real runs show: docs/conformance.md, the restart table's observations."""
    parser.addoption("--restart-table", action="store_true", help="write down what edits restarted in this run")
    parser.addoption("--conformance", action="store_true", help="write docs/conformance.md from this run's outcomes")


def pytest_configure(config: pytest.Config) -> None:
    """Register what writes the page."""
    if config.getoption("--conformance"):
        config.pluginmanager.register(ConformanceReport())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `root` without root; in CI that is an error, so that a green run means that it ran."""
    if item.get_closest_marker("root") is None or os.geteuid() == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("this test needs root, and CI=true", pytrace=False)
    pytest.skip("it needs root")
