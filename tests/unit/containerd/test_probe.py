"""The probe against programs that behave like OCI runtimes on other machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podstead.containerd import probe
from podstead.containerd.locate import Programs
from podstead.containerd.mounts import MountEntry
from podstead.containerd.probe import (
    CRITICAL_OOM_SCORE,
    Mends,
    ProbeResult,
    RuntimeProbe,
    own_oom_score_adj,
    runtime_spec,
)
from podstead.errors import OperatorError

WORKS = "exit 0"
NEEDS_RESTRICTION = (
    f'grep -q \'"oomScoreAdj": {CRITICAL_OOM_SCORE}\' "$5/config.json" && {{ echo no pipe >&2; exit 1; }}; exit 0'
)
BROKEN = "echo seccomp is missing >&2; exit 1"


class Machine:
    """Programs in a directory; each notes how often it was asked to run a container."""

    def __init__(self, directory: Path, **runtimes: str) -> None:
        self.directory = directory
        names = tuple(name for name in ("crun", "runc") if name in runtimes)
        for name in names:
            self.program(name, runtimes[name])
        self.program("containerd", WORKS)
        (directory / "catatonit").write_bytes(b"")
        self.cache = directory / "probe.json"
        self.programs = Programs(
            containerd=directory / "containerd",
            shim=directory / "shim",
            runtimes=tuple((name, directory / name) for name in names),
            cni_plugins=directory,
            iptables=directory / "iptables",
            catatonit=directory / "catatonit",
        )

    def program(self, name: str, body: str, *, version: str = "1.0") -> None:
        # Arguments: --root DIR run --bundle DIR ID
        script = (
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo {name} version {version}; exit 0; }}\n'
            f'[ "$3" = run ] || exit 0\necho {name} >> {self.directory}/calls\n{body}\n'
        )
        (self.directory / name).write_text(script)
        (self.directory / name).chmod(0o755)

    def calls(self) -> list[str]:
        file = self.directory / "calls"
        return file.read_text().split() if file.exists() else []

    def probe(self, cgroup_parent: str = "/podstead-unit", fallback_parent: str = "") -> RuntimeProbe:
        return RuntimeProbe(
            self.programs, cache=self.cache, cgroup_parent=cgroup_parent, fallback_parent=fallback_parent
        )


@pytest.fixture(autouse=True)
def _plain_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with cgroup v2 alone, whatever the tests run on."""
    alone = MountEntry(mount_point=Path("/sys/fs/cgroup"), root="/", fs_type="cgroup2", shared=True)
    monkeypatch.setattr(probe, "read_mounts", lambda: (alone,))


def test_where_everything_works_crun_is_chosen_without_mends(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=WORKS, runc=WORKS)
    result = machine.probe().decide()
    assert (result.runtime, result.handlers, result.mends) == ("crun", ("crun", "runc"), Mends())
    assert result.mends.described() == ()
    assert machine.calls() == ["crun", "runc"]
    assert dict(result.versions)["crun"] == "crun version 1.0"


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3", (1, 6)),
        ("containerd github.com/containerd/containerd v1.7.24 88bf19b2105c8b17560993bee28a01ddc2f97182", (1, 7)),
        ("containerd github.com/containerd/containerd/v2 2.1.9+unknown", (2, 1)),
        ("containerd github.com/containerd/containerd/v2 v2.10.0-rc.1", (2, 10)),
        ("unknown (TimeoutExpired)", (0, 0)),
    ],
)
def test_containerds_version_is_read_from_what_it_says(line: str, version: tuple[int, int]) -> None:
    told = ProbeResult(runtime="runc", handlers=("runc",), mends=Mends(), versions=(("containerd", line),))
    assert told.containerd == version
    assert ProbeResult(runtime="runc", handlers=("runc",), mends=Mends()).containerd == (0, 0)


def test_a_mend_is_used_only_where_a_try_without_it_failed(tmp_path: Path) -> None:
    result = Machine(tmp_path, crun=NEEDS_RESTRICTION, runc=WORKS).probe().decide()
    assert result.mends == Mends(restrict_oom_score_adj=True)
    assert [attempt.said for attempt in result.attempts] == ["no pipe", "", ""]
    assert len(result.mends.described()) == 1


def test_a_runtime_too_old_for_this_containerd_does_not_work(tmp_path: Path) -> None:
    # crun 1.8 takes nothing newer than 1.0 of the specification, and containerd 1.7 writes 1.2.
    old = 'grep -q \'"ociVersion": "1.0\' "$5/config.json" || { echo unknown version specified >&2; exit 1; }'
    machine = Machine(tmp_path, crun=old, runc=WORKS)
    assert machine.probe().decide().runtime == "crun"
    machine.program("containerd", WORKS, version="1.7")
    (tmp_path / "ctr").write_text('#!/bin/sh\n[ "$*" = \'oci spec\' ] && echo \'{"ociVersion": "1.2.0"}\'\n')
    (tmp_path / "ctr").chmod(0o755)
    result = machine.probe().decide()
    assert (result.runtime, result.handlers) == ("runc", ("runc",))
    assert result.attempts[0].said == "unknown version specified"


def test_runc_stands_in_for_a_crun_that_does_not_work(tmp_path: Path) -> None:
    result = Machine(tmp_path, crun=BROKEN, runc=WORKS).probe().decide()
    assert (result.runtime, result.handlers, result.mends) == ("runc", ("runc",), Mends())


def test_a_chosen_runtime_is_never_replaced(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=BROKEN, runc=WORKS)
    with pytest.raises(OperatorError, match="crun: seccomp is missing"):
        machine.probe().decide("crun")
    assert machine.probe().decide("runc").runtime == "runc"


def test_nothing_works_and_every_runtime_is_quoted(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=BROKEN, runc="exit 7")
    with pytest.raises(OperatorError, match="crun: seccomp is missing; runc: exit code 7"):
        machine.probe().decide()
    assert not machine.cache.exists()


def test_a_runtime_that_hangs_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TRY_SECONDS", 3.0)  # the other must answer within it
    result = Machine(tmp_path, crun="exec sleep 300", runc=WORKS).probe().decide()
    assert result.runtime == "runc"
    assert result.attempts[0].said == "no answer within 3 s"


SLICE = "/podstead_unit.slice"
SYSTEMD_ONLY = """[ "$1" = --systemd-cgroup ] && grep -q '"cgroupsPath": "podstead_unit.slice:podstead:probe-' "$6/config.json"
"""
NO_BUS = '[ "$1" = --systemd-cgroup ] && { echo cannot open sd-bus >&2; exit 1; }; exit 0'


def with_systemd(machine: Machine, name: str, body: str) -> None:
    """A program whose first argument may be --systemd-cgroup."""
    machine.program(name, body)
    file = machine.directory / name
    runs = '[ "$3" = run ] || [ "$4" = run ] || exit 0'
    file.write_text(file.read_text().replace('[ "$3" = run ] || exit 0', runs))


def test_a_slice_is_tried_as_systemd_wants_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=WORKS, runc=WORKS)
    for name in ("crun", "runc"):
        with_systemd(machine, name, SYSTEMD_ONLY)
    result = machine.probe(SLICE, "/podstead-unit").decide()
    assert (result.runtime, result.handlers, result.cgroup_parent) == ("crun", ("crun", "runc"), SLICE)
    assert result.systemd_cgroup
    assert machine.probe(SLICE, "/podstead-unit").decide() == result


def test_systemd_comes_before_the_better_runtime_and_cgroupfs_last(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=WORKS, runc=WORKS)
    with_systemd(machine, "crun", NO_BUS)
    with_systemd(machine, "runc", SYSTEMD_ONLY)
    result = machine.probe(SLICE, "/podstead-unit").decide()
    assert (result.runtime, result.handlers, result.cgroup_parent) == ("runc", ("runc",), SLICE)
    with_systemd(machine, "runc", NO_BUS)
    machine.cache.unlink()
    result = machine.probe(SLICE, "/podstead-unit").decide()
    assert (result.runtime, result.handlers, result.cgroup_parent) == ("crun", ("crun", "runc"), "/podstead-unit")
    assert not result.systemd_cgroup
    assert {one.said for one in result.attempts if one.cgroup_parent == SLICE} == {"cannot open sd-bus"}
    with pytest.raises(OperatorError, match="cannot open sd-bus"):
        machine.probe(SLICE).decide()


def test_the_answer_is_kept_until_a_version_changes(tmp_path: Path) -> None:
    machine = Machine(tmp_path, crun=NEEDS_RESTRICTION)
    first = machine.probe().decide()
    tries = len(machine.calls())
    assert machine.probe().decide() == first
    assert len(machine.calls()) == tries
    machine.program("crun", WORKS, version="2.0")
    assert machine.probe().decide().mends == Mends()
    assert len(machine.calls()) == tries + 1


@pytest.mark.parametrize("damage", [b"", b"{", b'{"depends_on": {}, "result": {}}', b"\xff" * 100])
def test_a_damaged_cache_costs_only_the_tries(tmp_path: Path, damage: bytes) -> None:
    machine = Machine(tmp_path, crun=WORKS)
    machine.cache.write_bytes(damage)
    assert machine.probe().decide().runtime == "crun"
    assert json.loads(machine.cache.read_bytes())["result"]["runtime"] == "crun"


def test_the_container_of_a_try_asks_what_containerd_asks() -> None:
    spec = runtime_spec(version="1.1.0", cgroups_path="/p/x", oom_score_adj=CRITICAL_OOM_SCORE)
    text = json.dumps(spec)
    assert '"oomScoreAdj": -998' in text
    assert '"cgroupsPath": "/p/x"' in text
    assert '"ociVersion": "1.1.0"' in text
    assert -1000 <= own_oom_score_adj() <= 1000
