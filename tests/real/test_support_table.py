"""Where the real ring runs, the records of this place are of what runs here (foundation 26)."""

from __future__ import annotations

import pytest

from tests.support.runtimes import chosen_oci
from tests.supported.environment import this_environment
from tests.supported.records import read_records
from tests.supported.table import kind_of, place_of

pytestmark = pytest.mark.real


def test_what_is_called_tested_is_what_runs_here() -> None:
    """After an upgrade of containerd or the OCI runtime: record with `make test-real`. Other machines claim nothing."""
    here = this_environment(oci=chosen_oci() or "crun")
    recorded = [record.environment for record in read_records() if record.ring == "real"]
    same = [one for one in recorded if (place_of(one), kind_of(one)) == (place_of(here), kind_of(here))]
    assert [one for one in same if one.oci_version != here.oci_version] == [], here
    assert [one for one in same if one.runtime_version != here.runtime_version] == [], here
