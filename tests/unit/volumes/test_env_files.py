"""Files of volumes that environments are taken from: within the volume, bounded, whatever a container does to them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.volumes import env_files
from podstead.volumes.env_files import EnvFileError, read
from podstead.volumes.mounts import Prepared
from podstead.volumes.trouble import VolumeTrouble
from tests.unit.volumes.world import UID

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.volumes.home import PodVolumes


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    (made / "conf").mkdir(parents=True)
    (made / "conf/env").write_text("K='ä'\n")
    (tmp_path / "secret").write_text("K='of the node'\n")
    return made


def test_a_file_is_read_also_by_a_link_within_the_volume(volume: Path) -> None:
    (volume / "current").symlink_to("conf/env")
    assert read(volume, "conf/env") == read(volume, "current") == "K='ä'\n"


@pytest.mark.parametrize("path", ["none", "conf/none", "no/such/way"])
def test_an_absent_file_is_none(volume: Path, path: str) -> None:
    assert read(volume, path) is None


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "conf/../../secret"])
def test_no_link_leads_out(volume: Path, target: str) -> None:
    (volume / "away").symlink_to(target)
    with pytest.raises(EnvFileError, match="out of the volume"):
        read(volume, "away")


def test_what_is_no_text_file_is_refused_at_once(volume: Path) -> None:
    os.mkfifo(volume / "pipe")
    (volume / "large").write_bytes(b"#" * (env_files.MAX_BYTES + 1))
    (volume / "binary").write_bytes(b"K='\xff'")
    (volume / "limit").write_bytes(b"#" * env_files.MAX_BYTES)
    for path, said in (
        ("pipe", "no regular file"),
        ("conf", "no regular file"),
        ("large", "1 MiB"),
        ("binary", "UTF-8"),
    ):
        with pytest.raises(EnvFileError, match=said):
            read(volume, path)
    assert len(read(volume, "limit") or "") == env_files.MAX_BYTES


def container_of(*paths: str) -> v1.Container:
    env = tuple(
        v1.EnvVar(
            name=f"V{index}",
            value_from=v1.EnvVarSource(file_key_ref=v1.FileKeySelector(volume_name="v", path=path, key="K")),
        )
        for index, path in enumerate(paths)
    )
    return v1.Container(name="web", env=(v1.EnvVar(name="A", value="1"), *env))


async def test_the_files_of_a_container(home: PodVolumes, volume: Path) -> None:
    ready = Prepared(volumes={"v": volume})
    assert await home.read_env_files(container_of(), UID, ready) == {}
    found = await home.read_env_files(container_of("conf/env", "none", "conf/env"), UID, ready)
    assert found == {("v", "conf/env"): "K='ä'\n", ("v", "none"): None}
    (volume / "away").symlink_to("/etc/passwd")
    trouble = await home.read_env_files(container_of("away"), UID, ready)
    assert isinstance(trouble, VolumeTrouble)
    assert trouble.reason == "CreateContainerConfigError"
    assert trouble.message == (
        "container web: cannot set its environment: file 'away' of volume v: a link in it leads out of the volume"
    )
