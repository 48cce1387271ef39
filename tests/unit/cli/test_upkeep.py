"""Settings of logs, images and eviction: the kubelet's flags and file, our own file, and what does not go together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.cli.configuration import Host, configure
from podstead.cli.run_flags import parse_run_flags
from podstead.config.upkeep import HARD_THRESHOLDS, Amount, LogSettings, Threshold, UpkeepSettings
from podstead.errors import PodsteadError
from podstead.k8s.signals import Signal

if TYPE_CHECKING:
    from podstead.config.settings import Settings

KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def settings(tmp_path: Path, *flags: str, kubelet: str = "", own: str = "") -> Settings:
    (tmp_path / "kubelet.yaml").write_text(KUBELET + kubelet)
    (tmp_path / "own.yaml").write_text(own)
    files = [f"--config={tmp_path}/kubelet.yaml", f"--podstead-config={tmp_path}/own.yaml"]
    arguments = parse_run_flags(["--pod-manifest-path=/m", *files, *flags])
    return configure(arguments, Host(name="node1", own_file=tmp_path / "none")).settings


def upkeep(tmp_path: Path, *flags: str, kubelet: str = "", own: str = "") -> UpkeepSettings:
    return settings(tmp_path, *flags, kubelet=kubelet, own=own).upkeep


def refused(tmp_path: Path, *flags: str, kubelet: str = "", own: str = "") -> str:
    with pytest.raises(PodsteadError) as caught:
        settings(tmp_path, *flags, kubelet=kubelet, own=own)
    return str(caught.value)


def test_the_defaults_are_the_kubelets(tmp_path: Path) -> None:
    found = upkeep(tmp_path)
    assert found == UpkeepSettings()
    assert (found.logs.max_bytes, found.logs.max_files, found.logs.look_seconds) == (10 << 20, 5, 10.0)
    assert (found.images.high_percent, found.images.low_percent) == (85, 80)
    assert (found.images.min_age_seconds, found.images.max_age_seconds) == (120.0, 0.0)
    amounts = {t.signal.value: t.amount for t in found.eviction.thresholds}
    assert amounts == {
        "memory.available": Amount(number=100 << 20),
        "nodefs.available": Amount(fraction=0.1),
        "nodefs.inodesFree": Amount(fraction=0.05),
        "imagefs.available": Amount(fraction=0.15),
        "imagefs.inodesFree": Amount(fraction=0.05),
    }
    assert found.eviction.transition_seconds == 300.0


def test_the_kubelets_file(tmp_path: Path) -> None:
    found = upkeep(
        tmp_path,
        kubelet="containerLogMaxSize: 1Mi\ncontainerLogMaxFiles: 3\ncontainerLogMonitorInterval: 30s\n"
        "imageGCHighThresholdPercent: 70\nimageGCLowThresholdPercent: 60\nimageMinimumGCAge: 5m\nimageMaximumGCAge: 48h\n"
        "evictionHard: {memory.available: 200Mi, nodefs.available: 0%, containerfs.available: 1Gi}\n"
        "evictionSoft: {memory.available: 25%}\nevictionSoftGracePeriod: {memory.available: 1m30s}\n"
        "evictionMinimumReclaim: {memory.available: 50Mi}\nevictionMaxPodGracePeriod: 60\n"
        "evictionPressureTransitionPeriod: 30s\n",
    )
    assert found.logs == LogSettings(max_bytes=1 << 20, max_files=3, look_seconds=30.0)
    assert (found.images.high_percent, found.images.low_percent) == (70, 60)
    assert (found.images.min_age_seconds, found.images.max_age_seconds) == (300.0, 172800.0)
    reclaim = Amount(number=50 << 20)
    assert found.eviction.thresholds == (
        Threshold(signal=Signal.MEMORY, amount=Amount(number=200 << 20), reclaim=reclaim),
        Threshold(signal=Signal.MEMORY, amount=Amount(fraction=0.25), grace_seconds=90.0, reclaim=reclaim),
    )
    assert (found.eviction.max_grace_seconds, found.eviction.transition_seconds) == (60, 30.0)


def test_given_thresholds_replace_the_defaults_unless_they_are_to_be_merged(tmp_path: Path) -> None:
    one = "evictionHard: {pid.available: 10%}\n"
    assert [t.signal for t in upkeep(tmp_path, kubelet=one).eviction.thresholds] == [Signal.PID]
    merged = upkeep(tmp_path, kubelet=f"{one}mergeDefaultEvictionSettings: true\n").eviction.thresholds
    assert merged[:-1] == HARD_THRESHOLDS
    assert merged[-1].signal is Signal.PID
    assert upkeep(tmp_path, kubelet="evictionHard: {}\n").eviction.thresholds == ()
    assert upkeep(tmp_path, "--eviction-hard=").eviction.thresholds == ()


def test_flags_go_before_our_file_and_that_before_the_kubelets(tmp_path: Path) -> None:
    kubelet = "containerLogMaxSize: 1Mi\ncontainerLogMaxFiles: 3\ncontainerLogMonitorInterval: 30s\n"
    own = "containerLogs: {maxSize: 2Mi, maxFiles: 4, links: ../links}\n"
    found = settings(tmp_path, "--container-log-max-size=3Mi", kubelet=kubelet, own=own)
    assert found.upkeep.logs == LogSettings(max_bytes=3 << 20, max_files=4, look_seconds=30.0)
    assert found.paths.log_links == tmp_path / "../links"
    assert settings(tmp_path).paths.log_links == Path("/var/log/containers")
    assert settings(tmp_path, f"--root-dir={tmp_path}").paths.log_links == tmp_path / "log" / "containers"


def test_the_kubelets_flags(tmp_path: Path) -> None:
    found = upkeep(
        tmp_path,
        *("--container-log-max-files", "2", "--container-log-max-size=-1", "--image-gc-high-threshold=90"),
        *("--image-gc-low-threshold=10", "--minimum-image-ttl-duration=1m"),
        *("--eviction-hard", "memory.available<500Mi, imagefs.available<1Gi", "--eviction-max-pod-grace-period=5"),
        *("--eviction-soft=nodefs.inodesFree<7%", "--eviction-soft-grace-period=nodefs.inodesFree=10s"),
        *("--eviction-minimum-reclaim=memory.available=1Mi", "--eviction-pressure-transition-period=0"),
    )
    assert (found.logs.max_bytes, found.logs.max_files) == (0, 2)
    assert (found.images.high_percent, found.images.low_percent, found.images.min_age_seconds) == (90, 10, 60.0)
    assert [(t.signal.value, t.amount, t.grace_seconds) for t in found.eviction.thresholds] == [
        ("memory.available", Amount(number=500 << 20), 0.0),
        ("imagefs.available", Amount(number=1 << 30), 0.0),
        ("nodefs.inodesFree", Amount(fraction=0.07), 10.0),
    ]
    assert found.eviction.thresholds[0].reclaim == Amount(number=1 << 20)
    assert found.eviction.transition_seconds == 300.0  # the kubelet's zero is its default


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("containerLogMaxFiles: 1", "kubelet.yaml:3:23: containerLogMaxFiles: must be a whole number of at least 2"),
        ("containerLogMaxSize: 10MB", "containerLogMaxSize: must be a number with an optional suffix"),
        ("containerLogMonitorInterval: 1s", "containerLogMonitorInterval: must be at least 3s"),
        (
            "imageGCHighThresholdPercent: 70",
            "imageGCLowThresholdPercent (80) must be below imageGCHighThresholdPercent",
        ),
        ("imageGCHighThresholdPercent: 101", "that at most 100"),
        ("imageMaximumGCAge: 1m", "imageMaximumGCAge must be longer than imageMinimumGCAge"),
        ("evictionHard: {memory.free: 1Gi}", "evictionHard.memory.free: knows the signals memory.available,"),
        ("evictionHard: {memory.available: 1Q}", "evictionHard.memory.available: must be a number with"),
        ("evictionHard: {memory.available: -1}", "evictionHard.memory.available: must be a string"),
        ("evictionHard: {memory.available: '-1'}", "evictionHard.memory.available: must not be less than nothing"),
        ("evictionHard: {memory.available: x%}", "must be a percentage such as 10%"),
        ("evictionHard: {memory.available: 120%}", "must be between 0% and 100%"),
        ("evictionSoft: {memory.available: 1Gi}", "set evictionSoftGracePeriod of it"),
        ("evictionSoftGracePeriod: {memory.available: soon}", "must be a duration such as 1m30s"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, kubelet=text + "\n")


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--eviction-hard=memory.available", "--eviction-hard takes SIGNAL<VALUE, separated by commas"),
        ("--eviction-hard=memory<1Gi", "--eviction-hard knows the signals"),
        ("--eviction-minimum-reclaim=memory.available=x", "--eviction-minimum-reclaim must be a number"),
        ("--container-log-max-size=big", "--container-log-max-size must be a number"),
        ("--container-log-max-files=0", "--container-log-max-files must be a whole number of at least 2"),
    ],
)
def test_flags_that_cannot_be_meant(tmp_path: Path, flag: str, said: str) -> None:
    assert said in refused(tmp_path, flag)


def test_our_file_knows_its_fields(tmp_path: Path) -> None:
    assert "containerLogs.size: is not a field here" in refused(tmp_path, own="containerLogs: {size: 1Mi}\n")
