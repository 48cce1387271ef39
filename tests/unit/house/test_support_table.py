"""README says "tested" only of what runs have covered (foundation 26); test_generated compares the table with the records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.supported.environment import Environment, parse_facts
from tests.supported.plugin import PART, RINGS, ROUTINE
from tests.supported.records import DIRECTORY, Record, read_records
from tests.supported.table import BEGIN, END, put_into, render
from tests.supported.table import RINGS as TOLD

HERE = Environment(
    system="Debian 12",
    kernel="6.1",
    init="systemd",
    cgroups="v2",
    runtime="containerd",
    runtime_version="1.6.20",
    oci="runc",
    oci_version="1.1.5",
)
REAL = Record(environment=HERE, ring="real", passed=7, failed=0, left_out=0)


def heading(table: str) -> str:
    return next(line for line in table.splitlines() if line.startswith("|"))


def row(table: str, begin: str) -> list[str]:
    (found,) = (line for line in table.splitlines() if line.startswith(f"| {begin}"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_what_no_run_covered_is_untested() -> None:
    table = render(())
    lines = [line for line in table.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        assert set(line.strip("| ").split(" | ")[1:]) == {"untested"}, line
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        *(f"containerd {line}, {oci}" for line in ("1.6", "1.7", "2.x") for oci in ("runc", "crun")),
        "CRI-O",
    ]


def test_a_record_is_one_cell_with_its_versions_and_counts() -> None:
    vm = replace(REAL, ring="vm", passed=5, failed=1, left_out=2, not_run=3)
    table = render((vm, REAL))
    assert (
        row(table, "containerd 1.6, runc 1.1")[2]
        == "*real*: 7 passed<br>*vm*: **1 failed**, 5 passed, 2 left out, **3 not run**"
    )
    assert "Debian 12, with systemd, cgroup v2, kernel 6.1" in heading(table)
    assert row(table, "containerd 1.6, crun")[1:] == ["untested"] * 3
    assert all(TOLD[ring] in table for ring in RINGS)


def test_a_part_of_the_real_ring_counts_where_the_whole_did_not_run() -> None:
    part = replace(REAL, ring="part", passed=3)
    assert row(render((part,)), "containerd 1.6, runc 1.1")[2] == "*part*: 3 passed"
    assert TOLD["part"] in render((part,))
    assert row(render((part, REAL)), "containerd 1.6, runc 1.1")[2] == "*real*: 7 passed"


def test_make_runs_the_part_that_a_record_is_of() -> None:
    makefile = (DIRECTORY.parents[1] / "Makefile").read_text(encoding="utf-8")
    (line,) = (line for line in makefile.splitlines() if line.startswith("ROUTINE :="))
    words = {word.removeprefix("tests/") for word in line.split()[2:]}
    contract = {f"contract/{path.name}" for path in (DIRECTORY.parents[1] / "tests" / "contract").glob("test_*.py")}
    assert {"contract", *ROUTINE} == words | contract


def test_a_row_names_each_version_that_ran_without_patch_levels() -> None:
    patched = replace(REAL, ring="vm", environment=replace(HERE, system="Debian 13", runtime_version="1.6.24"))
    assert row(render((REAL, patched)), "containerd 1.6, runc 1.1 ")[2:] == ["*real*: 7 passed", "*vm*: 7 passed"]
    newer = replace(patched, environment=replace(patched.environment, oci_version="1.2.0"))
    assert row(render((REAL, newer)), "containerd 1.6, runc 1.1; containerd 1.6, runc 1.2 ")


def test_what_was_run_beside_the_wanted_has_its_own_row_and_column() -> None:
    other = replace(
        HERE, system="Ubuntu 24.04", runtime="CRI-O", runtime_version="1.31.2", oci="crun", oci_version="1.14"
    )
    table = render((REAL, replace(REAL, environment=other)))
    assert row(table, "CRI-O 1.31, crun 1.14")[1:] == ["untested"] * 3 + ["*real*: 7 passed"]
    assert heading(table).count(" | ") == 4


def test_the_table_stands_between_its_markers() -> None:
    assert put_into(f"a\n{BEGIN}\nold\n{END}\nb\n", "new\n") == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    with pytest.raises(ValueError, match="lacks <!-- end of"):
        put_into(BEGIN, "new\n")


def test_facts_are_read_as_the_script_prints_them() -> None:
    told = """system=debian 13
kernel=6.12.57+deb13-cloud-amd64
init=systemd
cgroups=v2
containerd=containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6+deb13u1
crun=crun version 1.21
"""
    found = parse_facts(told, oci="crun")
    assert (found.system, found.kernel, found.runtime_version, found.oci_version) == (
        "Debian 13",
        "6.12",
        "1.7.24",
        "1.21",
    )
    assert found.line == "1.7"
    assert replace(found, runtime_version="2.1.9").line == "2"
    with pytest.raises(KeyError):
        parse_facts(told, oci="runc")


def test_every_record_lies_where_a_newer_run_replaces_it() -> None:
    records = read_records()
    assert sorted(record.path for record in records) == sorted(DIRECTORY.glob("*.json"))
    assert {record.ring for record in records} <= {*RINGS, PART}
    assert REAL.path.name == "debian-12_cgroup-v2_systemd-init_containerd-1.6_runc_real.json"
