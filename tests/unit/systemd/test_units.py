"""The units' texts: systemd itself reads them, and what the documents say of them is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from podstead.containerd import launch, unit
from podstead.daemon.run import HALTED_EXIT_CODE
from podstead.errors import OperatorError
from podstead.systemd.units import AGENT_UNIT, CONTAINERD_UNIT, Programs, options_text, unit_texts
from tests.unit.house.tree import ROOT

PROGRAMS = Programs(program=Path("/usr/bin/true"), python=Path("/usr/bin/true"), launcher=Path("/usr/lib/launch.py"))
DOCUMENT = (ROOT / "docs" / "systemd.md").read_text(encoding="utf-8")


def settings(name: str) -> dict[str, str]:
    lines = unit_texts(PROGRAMS)[name].splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    for name, text in unit_texts(PROGRAMS).items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    assert found, "systemd-analyze is missing: install the Debian package systemd"
    return found


@pytest.mark.parametrize("name", [AGENT_UNIT, CONTAINERD_UNIT])
def test_systemd_finds_nothing_wrong_with_them(placed: Path, analyze: str, name: str) -> None:
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(placed / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "podstead" in line]
    assert ours == []


def test_the_document_says_how_exposed_the_agent_is(placed: Path, analyze: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", str(placed / AGENT_UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found
    told = {
        int(release): float(level) for level, release in re.findall(r"\*\*([0-9.]+)\*\* by systemd (\d+)", DOCUMENT)
    }
    said = subprocess.run([analyze, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    # Each release of systemd weighs anew: one that the document does not name is compared with its nearest.
    nearest = min(told, key=lambda release: abs(release - int(said.split()[1])))
    exact = nearest == int(said.split()[1])
    assert float(found[1]) == pytest.approx(told[nearest], abs=0.01 if exact else 0.5)


def test_each_line_has_its_reason_in_the_document() -> None:
    plain = {"Description", "ExecStart", "WantedBy"}
    unnamed = {
        key for name in (AGENT_UNIT, CONTAINERD_UNIT) for key in settings(name) if f"`{key}" not in DOCUMENT
    } - plain
    assert unnamed == set()


def test_pods_outlive_both_and_no_volume_is_hidden() -> None:
    assert settings(AGENT_UNIT)["KillMode"] == settings(CONTAINERD_UNIT)["KillMode"] == "process"
    assert settings(CONTAINERD_UNIT)["Delegate"] == "yes"
    # Each of these makes a mount namespace (systemd.exec(5), SANDBOXING): mounts in it do not reach containerd.
    hiding = re.compile(
        r"^(?:Private(?:Tmp|Devices|Mounts|Users)|Protect(?:System|Home|Proc|Kernel\w+|ControlGroups|Hostname)|ProcSubset"
        r"|(?:ReadOnly|ReadWrite|Inaccessible|Exec|NoExec)Paths|Bind\w*Paths|TemporaryFileSystem|Root\w+|MountFlags"
        r"|DynamicUser|LogNamespace|ExtensionImages|MountImages)="
    )
    for text in unit_texts(PROGRAMS).values():
        assert [line for line in text.splitlines() if hiding.match(line)] == []


def test_the_units_and_the_programs_agree() -> None:
    assert unit.UNIT == CONTAINERD_UNIT
    assert settings(CONTAINERD_UNIT)["ExecStart"].endswith(f"{launch.PLAN}{unit.PLANNED}/launch.json")
    assert settings(CONTAINERD_UNIT)["ConditionPathExists"] == f"{unit.PLANNED}/launch.json"
    assert settings(CONTAINERD_UNIT)["EnvironmentFile"] == f"-{unit.PLANNED}/containerd.env"
    assert settings(AGENT_UNIT)["RestartPreventExitStatus"].split() == ["2", str(HALTED_EXIT_CODE)]
    assert settings(AGENT_UNIT)["SuccessExitStatus"] == str(HALTED_EXIT_CODE)


def test_options_stand_one_a_line_as_in_the_article() -> None:
    text = options_text(("--pod-manifest-path=/opt/staticpod", "--v=2", "--node-labels=a=b c"))
    assert text.endswith("PODSTEAD_OPTS=\"--pod-manifest-path=/opt/staticpod \\\n--v=2 \\\n'--node-labels=a=b c'\"\n")


@pytest.mark.parametrize("option", ['--x="', "--x='", "--x=it's it", "--x=$HOME", "--x=a\\b", "--x=a\nb", "--x=`id`"])
def test_an_option_that_systemd_would_read_otherwise_is_refused(option: str) -> None:
    with pytest.raises(OperatorError, match="cannot be written into"):
        options_text((option,))


@pytest.mark.parametrize("path", ["/opt/my programs/podstead", "/opt/100%/podstead", "/opt/$x/podstead"])
def test_a_path_that_a_unit_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(OperatorError, match="letters, digits"):
        unit_texts(Programs(program=Path(path), python=PROGRAMS.python, launcher=PROGRAMS.launcher))
