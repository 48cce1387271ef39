"""How long logind is asked to wait, and the file that says so."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from podstead.logind.delay import asked_for, remove_drop_in, write_drop_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("needed", "asked"), [(0.0, 0), (0.5, 30), (30.0, 30), (30.1, 60), (1801.0, 1800), (90_000.0, 1800)]
)
def test_half_minutes_and_no_more_than_half_an_hour(needed: float, asked: int) -> None:
    assert asked_for(needed) == asked


def test_the_file_is_one_that_logind_reads_whoever_runs_it(tmp_path: Path) -> None:
    file = tmp_path / "logind.conf.d" / "99-podstead.conf"
    assert not remove_drop_in(file)
    write_drop_in(file, 30)
    write_drop_in(file, 90)
    assert file.read_text(encoding="utf-8").splitlines()[-2:] == ["[Login]", "InhibitDelayMaxSec=90"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [entry.name for entry in file.parent.iterdir()] == ["99-podstead.conf"]
    assert remove_drop_in(file)
    assert not remove_drop_in(file)
