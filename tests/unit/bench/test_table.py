"""The table says what was measured, and judges it by the floor of the same run."""

from __future__ import annotations

import pytest
from bench.table import DOCKER, FLOOR, PODMAN, PODSTEAD, ROWS, Results, markdown, verdict

ROW = {row.key: row for row in ROWS}


def results(**cells: tuple[str, list[float]]) -> Results:
    """Return results with one row for each keyword (dashes as underscores)."""
    out = Results(runtime="crun")
    for key, (subject, values) in cells.items():
        for value in values:
            out.add(key.replace("_", "-"), subject, value)
    return out


def test_every_row_has_a_key_of_its_own() -> None:
    assert len(ROW) == len(ROWS)


def test_a_cell_is_the_median() -> None:
    found = results(edit=(PODSTEAD, [70.0, 900.0, 50.0]))
    assert found.median("edit", PODSTEAD) == 70
    assert found.median("edit", FLOOR) is None


@pytest.mark.parametrize(("ours", "met"), [(150.0, True), (151.0, False)])
def test_a_ratio_is_judged_by_the_floor(ours: float, met: bool) -> None:
    found = results(edit=(FLOOR, [100.0]))
    found.add("edit", PODSTEAD, ours)
    assert verdict(ROW["edit"], found) == ("≤ 1.5 x floor", met)


def test_without_a_floor_nothing_is_judged() -> None:
    assert verdict(ROW["edit"], results(edit=(PODSTEAD, [1.0]))) == ("≤ 1.5 x floor", None)


@pytest.mark.parametrize(("ours", "met"), [(45.0, True), (45.1, False)])
def test_memory_is_judged_by_a_number(ours: float, met: bool) -> None:
    assert verdict(ROW["rss-20"], results(rss_20=(PODSTEAD, [ours])))[1] is met


def test_the_whole_node_is_judged_by_all_the_others() -> None:
    found = results(node_pss=(PODSTEAD, [61.0]))
    found.add("node-pss", DOCKER, 140.0)
    assert verdict(ROW["node-pss"], found) == ("≤ podman + 60 MiB, dockerd", None)
    found.add("node-pss", PODMAN, 1.5)
    assert verdict(ROW["node-pss"], found)[1] is True
    found.add("node-pss", PODMAN, 0.1)  # the median is 0.8 now
    assert verdict(ROW["node-pss"], found)[1] is False


def test_the_table_has_only_what_was_measured() -> None:
    found = results(edit=(PODSTEAD, [60.0, 80.0]))
    found.add("edit", FLOOR, 50.0)
    found.absent[PODMAN] = "not installed"
    text = markdown(found)
    assert "| edit → new container runs | ms | 50 | 70 (n=2) | - | - | - | 1.40 | ≤ 1.5 x floor | yes |" in text
    assert "podman: not installed." in text
    assert text.count("\n| ") == 2
