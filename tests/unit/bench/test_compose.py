"""What dockerd is given: the same image, and the same pod as a project."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from bench.compose import project, write_docker_archive
from bench.pods import BenchPod

from tests.support.images import BUSYBOX_IMAGE, build_busybox_image

if TYPE_CHECKING:
    from pathlib import Path


def test_an_archive_for_docker_load_names_image_configuration_and_layers(tmp_path: Path) -> None:
    built = build_busybox_image(tmp_path / "oci.tar")
    write_docker_archive(tmp_path / "oci.tar", tmp_path / "docker.tar")

    with tarfile.open(tmp_path / "docker.tar") as archive:
        names = archive.getnames()
        member = archive.extractfile("manifest.json")
        assert member is not None
        (listed,) = json.load(member)
    assert listed["RepoTags"] == [BUSYBOX_IMAGE]
    assert listed["Config"] == f"blobs/{built.id.replace(':', '/')}"
    assert {listed["Config"], *listed["Layers"]} <= set(names)


def test_a_project_runs_the_pod_s_own_command(tmp_path: Path) -> None:
    pod = BenchPod(name="web", out=tmp_path, revision=3)
    service: dict[str, Any] = json.loads(project(pod))["services"]["main"]
    assert tuple(word.replace("$$", "$") for word in service["command"]) == pod.command
    assert not any("$" in word.replace("$$", "") for word in service["command"])  # compose would take it for its own
    assert service["environment"] == {"REVISION": "3"}
    assert service["network_mode"] == "host"
