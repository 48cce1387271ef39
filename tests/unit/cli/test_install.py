"""`podstead install` and `uninstall` as they are typed, below a root; a booted systemd is the business of tests/vm."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli import endpoint, installation
from podstead.cli.commands import install, uninstall
from podstead.cli.endpoint import Endpoint
from podstead.cli.installation import Asked
from podstead.cli.main import main
from podstead.config.paths import paths_for
from podstead.errors import OperatorError
from podstead.systemd.units import Programs

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Programs(
    program=Path("/usr/bin/podstead"), python=Path("/usr/bin/python3"), launcher=Path("/usr/lib/podstead/launch.py")
)
UNIT = "etc/systemd/system/podstead.service"
OPTIONS = "etc/podstead/podstead.conf"


@dataclass
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Types a command of a program that lies where a package puts it."""
    for command in (install, uninstall):
        monkeypatch.setattr(command, "own_programs", lambda *_, **__: PROGRAMS)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run


def options(root: Path) -> str:
    return (root / OPTIONS).read_text().partition('PODSTEAD_OPTS="')[2].rstrip('"\n')


def test_an_image_gets_what_a_boot_needs(tmp_path: Path, typed: Callable[..., Result]) -> None:
    done = typed("install", f"--root={tmp_path}")
    assert (done.code, done.err) == (0, "")
    assert "ExecStart=/usr/bin/podstead run $PODSTEAD_OPTS" in (tmp_path / UNIT).read_text()
    assert options(tmp_path) == "--pod-manifest-path=/etc/podstead/manifests"
    assert stat.S_IMODE((tmp_path / "etc/podstead/manifests").stat().st_mode) == 0o700
    link = tmp_path / "etc/systemd/system/multi-user.target.wants/podstead.service"
    assert link.readlink() == Path("/etc/systemd/system/podstead.service")
    again = typed("install", f"--root={tmp_path}")
    assert {line.split()[0] for line in again.out.splitlines()[:-1]} == {"unchanged"}


def test_options_are_those_of_the_agent_and_stay_until_others_are_given(
    tmp_path: Path, typed: Callable[..., Result]
) -> None:
    typed("install", f"--root={tmp_path}", "--pod-manifest-path=/opt/staticpod", "--", "--node-ip=10.0.0.1", "--v=2")
    wanted = "--pod-manifest-path=/opt/staticpod \\\n--node-ip=10.0.0.1 \\\n--v=2"
    assert options(tmp_path) == wanted
    assert (tmp_path / "opt/staticpod").is_dir()
    typed("install", f"--root={tmp_path}")
    assert options(tmp_path) == wanted
    typed("install", f"--root={tmp_path}", "--", "--v=4")
    assert options(tmp_path) == "--pod-manifest-path=/etc/podstead/manifests \\\n--v=4"


def test_an_edited_file_is_kept_and_said(tmp_path: Path, typed: Callable[..., Result]) -> None:
    typed("install", f"--root={tmp_path}")
    (tmp_path / OPTIONS).write_text('PODSTEAD_OPTS="--v=9"\n')
    (tmp_path / UNIT).write_text("[Service]\nExecStart=/bin/true\n")
    done = typed("install", f"--root={tmp_path}", "--", "--v=4")
    assert "kept       /etc/podstead/podstead.conf: it was edited; write --v=4 into it" in done.out
    assert "kept       /etc/systemd/system/podstead.service: it was edited" in done.out
    assert (tmp_path / OPTIONS).read_text() == 'PODSTEAD_OPTS="--v=9"\n'


def test_units_of_a_package_are_not_written_again(tmp_path: Path, typed: Callable[..., Result]) -> None:
    packaged = tmp_path / "usr/lib/systemd/system/podstead.service"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("[Service]\n")
    typed("install", f"--root={tmp_path}")
    assert not (tmp_path / UNIT).exists()
    link = tmp_path / "etc/systemd/system/multi-user.target.wants/podstead.service"
    assert link.readlink() == Path("/usr/lib/systemd/system/podstead.service")
    done = typed("uninstall", f"--root={tmp_path}")
    assert "apt remove podstead" in done.out
    assert packaged.exists()


def test_uninstall_ends_no_agent_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODSTEAD_SOCKET", "/srv/other/podstead.sock")
    asked: list[Endpoint] = []
    monkeypatch.setattr(uninstall, "stop_everything", asked.append)
    monkeypatch.setattr(uninstall, "is_booted", lambda: False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    own = paths_for(tmp_path)
    own.root.mkdir(exist_ok=True)
    (own.root / "instance.json").touch()
    for module in (uninstall, endpoint):
        monkeypatch.setattr(module, "paths_for", lambda _: own)
    uninstall._stop(keep=False, sure=True, purging=False)
    assert asked == [Endpoint(socket=own.socket, paths=own)]


def test_uninstall_leaves_nothing_of_install(tmp_path: Path, typed: Callable[..., Result]) -> None:
    typed("install", f"--root={tmp_path}")
    assert typed("uninstall", f"--root={tmp_path}").code == 0
    assert [path for path in tmp_path.rglob("*") if not path.is_dir() or path.is_symlink()] == []


def test_an_edited_unit_stays_unless_it_is_purged(tmp_path: Path, typed: Callable[..., Result]) -> None:
    typed("install", f"--root={tmp_path}")
    (tmp_path / UNIT).write_text("[Service]\nExecStart=/bin/true\n")
    said = typed("uninstall", f"--root={tmp_path}").out
    assert "kept       /etc/systemd/system/podstead.service: it was edited; remove it by hand, or say uninstall" in said
    assert (tmp_path / UNIT).exists()
    typed("uninstall", "--purge", f"--root={tmp_path}")
    assert not (tmp_path / UNIT).exists()


def test_purge_takes_what_is_ours_and_no_pod_s_data(tmp_path: Path, typed: Callable[..., Result]) -> None:
    typed("install", f"--root={tmp_path}")
    ours, others = "0d2b1c4e", "deadbeef"
    for path in (
        f"var/lib/podstead/state/records/default_web-node1_{ours}.json",
        f"var/log/pods/default_web-node1_{ours}/c/0.log",
        f"var/log/pods/default_web-node1_{others}/c/0.log",
        "etc/podstead/manifests/web.yaml",
        "etc/systemd/system/podstead.service.d/10-mine.conf",
        "srv/data/ibdata1",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    before = sorted(tmp_path.rglob("*"))
    assert "would be removed /var/lib/podstead" in typed("uninstall", "--purge", "--dry-run", f"--root={tmp_path}").out
    assert sorted(tmp_path.rglob("*")) == before
    typed("uninstall", "--purge", f"--root={tmp_path}")
    left = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file() or p.is_symlink())
    assert left == ["srv/data/ibdata1", f"var/log/pods/default_web-node1_{others}/c/0.log"]


@pytest.mark.parametrize(
    ("options", "written", "looked"),
    [
        ((), False, True),
        (("--v=4",), True, True),
        (("--container-runtime-endpoint=unix:///run/crio/crio.sock",), False, False),
        (("--config=/etc/kubernetes/kubelet.yaml",), False, False),
        ((), True, False),  # the options that are there may name one
    ],
)
def test_containerds_programs_are_wanted_only_where_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], written: bool, looked: bool
) -> None:
    found: list[str] = []
    for name, answer in (("is_booted", lambda: True), ("find_programs", lambda: found.append("looked"))):
        monkeypatch.setattr(install, name, answer)
    monkeypatch.setattr(install, "OPTIONS_FILE", tmp_path / "podstead.conf")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    if written:
        (tmp_path / "podstead.conf").touch()
    install._check_machine(Asked(options=options), Endpoint(socket=tmp_path / "socket", paths=None))
    assert bool(found) is looked


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("install", "web.yaml"), "options for the agent stand after --"),
        (("install", "--root-dir=/srv/p"), "another one with --root-dir needs a unit of its own"),
        (("install", "--", "--root-dir=/srv/p"), "--root-dir needs a unit of its own"),
        (("install", "--now", "--root=/mnt"), "leave it out with --root"),
        (("install", "--", "--pod-manifest-pth=/x"), "did you mean --pod-manifest-path?"),
        (("install", "--pod-manifest-path=manifests"), "write --pod-manifest-path=/"),
        (("uninstall", "web"), "takes no names"),
        (("uninstall", "--root-dir=/srv/p"), "podstead stop-all --root-dir DIR"),
        (("uninstall", "--purge", "--keep-pods"), "leave out --keep-pods"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything(
    arguments: tuple[str, ...], said: str, typed: Callable[..., Result]
) -> None:
    done = typed(*arguments)
    assert done.code == 2
    assert said in done.err


def test_where_systemd_is_not_the_init_system_it_says_what_to_do(
    typed: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "is_booted", lambda: False)
    done = typed("install", "--now")
    assert done.code == 1
    assert "podstead run" in done.err
    assert "--root DIR" in done.err


def test_the_program_must_outlive_a_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "podstead"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(installation, "VOLATILE", (tmp_path,))
    with pytest.raises(OperatorError, match="gone after a reboot"):
        installation.own_programs(str(program))
    assert installation.own_programs(str(program), lasting=False).program == program
    # In an image its path is what it will be there.
    assert installation.own_programs(str(program), tmp_path).program == Path("/podstead")


def test_a_program_that_others_may_write_is_remarked(tmp_path: Path) -> None:
    program = tmp_path / "podstead"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    remarks = list(installation.program_remarks(program))
    assert len(remarks) == 1
    assert str(program) in remarks[0]


def test_the_python_of_the_launcher_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "VOLATILE", ())
    found = installation.own_programs("/somewhere/pytest")
    assert found.python == Path(sys.executable)
    assert found.launcher.name == "launch.py"
