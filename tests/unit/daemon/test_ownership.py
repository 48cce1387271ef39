"""Runtimes and directories of somebody else's are refused with one sentence (foundation 1)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from podstead.daemon.ownership import check_kubelets, check_runtime, lock_directory
from podstead.errors import OperatorError
from podstead.identity import PodKey, PodUID, SandboxID
from podstead.state.observed import ObservedSandbox

if TYPE_CHECKING:
    from pathlib import Path


def sandbox(instance: str) -> ObservedSandbox:
    return ObservedSandbox(
        id=SandboxID("s"),
        key=PodKey("default", "theirs"),
        uid=PodUID("u"),
        instance=instance,
        attempt=0,
        ready=True,
        created_at=0,
        host_network=True,
    )


def test_a_runtime_with_pods_of_no_agent_of_ours_is_refused() -> None:
    check_runtime("unix:///run/c.sock", [])
    check_runtime("unix:///run/c.sock", [sandbox("another-instance")])
    with pytest.raises(OperatorError, match=r"1 pods .* default/theirs.* --share-runtime") as raised:
        check_runtime("unix:///run/c.sock", [sandbox("another-instance"), sandbox("")])
    assert "\n" not in str(raised.value)


def test_a_directory_has_one_agent(tmp_path: Path) -> None:
    first = lock_directory(tmp_path)
    assert first is not None
    with pytest.raises(OperatorError, match="another agent works on"):
        lock_directory(tmp_path)
    os.close(first)
    second = lock_directory(tmp_path)
    assert second is not None
    os.close(second)
    assert lock_directory(tmp_path / "not-there") is None


def process(proc: Path, pid: int, *arguments: str) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cmdline").write_bytes("\0".join(arguments).encode() + b"\0")


def kubelet_arguments(form: str, manifests: Path, config: Path) -> list[str]:
    config.write_text(f'kind: KubeletConfiguration\nstaticPodPath: "{manifests}"\n')
    return {
        "flag": [f"--pod-manifest-path={manifests}"],
        "two words": ["--v=2", "--pod-manifest-path", str(manifests)],
        "configuration": [f"--config={config}"],
    }[form]


@pytest.mark.parametrize("form", ["flag", "two words", "configuration"])
def test_a_directory_of_a_running_kubelet_is_refused(tmp_path: Path, form: str) -> None:
    proc, manifests = tmp_path / "proc", tmp_path / "manifests"
    arguments = kubelet_arguments(form, manifests, tmp_path / "kubelet.yaml")
    process(proc, 41, "/usr/bin/kubelet", *arguments)
    with pytest.raises(OperatorError, match=r"a kubelet \(pid 41\) runs the static pods"):
        check_kubelets(manifests, proc)


def test_other_kubelets_and_other_programs_do_no_harm(tmp_path: Path) -> None:
    proc, manifests = tmp_path / "proc", tmp_path / "manifests"
    process(proc, 41, "/usr/bin/kubelet", "--pod-manifest-path=/elsewhere", "--config=/not/there")
    process(proc, 42, "/usr/bin/vi", f"--pod-manifest-path={manifests}")
    (proc / "43").mkdir()  # a process that has just ended
    check_kubelets(manifests, proc)
