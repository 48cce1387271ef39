"""Where the real ring runs, the records of this place are of what runs here (foundation 26)."""

from __future__ import annotations

import pytest

from tests.support.runtimes import chosen_oci
from tests.supported.environment import this_environment
from tests.supported.records import read_records
from tests.supported.table import kind_of, place_of

pytestmark = pytest.mark.real


def test_what_is_called_tested_is_what_runs_here(request: pytest.FixtureRequest) -> None:
    """After an upgrade of containerd or the OCI runtime: record with `make test-runtimes`. Other machines claim nothing.

    What README says is compared, so no update of a patch level makes this fail. A run that records replaces the
    record of this place at its end, so that one says nothing yet.
    """
    here = this_environment(oci=chosen_oci() or "crun")
    recording = request.config.getoption("--record-support")
    claimed = [] if recording else [record.environment for record in read_records()]
    same = {one.title for one in claimed if (place_of(one), kind_of(one)) == (place_of(here), kind_of(here))}
    assert same <= {here.title}
