"""What a runtime or a machine cannot mount is refused in words, never passed over (foundation 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.state.runtime import HandlerFeatures, RuntimeInfo
from podstead.volumes.abilities import MountAbilities, abilities_of, asks_for_abilities, refusal
from tests.unit.volumes.world import empty, host, mounting, trouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.volumes.home import PodVolumes
    from tests.unit.volumes.world import MountTable

EVERYTHING = MountAbilities(images=True, image_sub_paths=True, recursive_read_only=True)
IMAGE = v1.Volume(name="i", image=v1.ImageVolumeSource(reference="data:1"))


def info(name: str, version: str, *features: HandlerFeatures) -> RuntimeInfo:
    return RuntimeInfo(name=name, version=version, api_version="v1", endpoint="", handlers=features)


def why(volume: v1.Volume, able: MountAbilities, *, shared: bool = True, **mount: object) -> str | None:
    """Return why a pod with one mount of a volume is refused."""
    asked = v1.VolumeMount(name=volume.name, mount_path="/x", **mount)  # type: ignore[arg-type]  # test data
    return refusal(mounting(volume, asked), able, "/root", lambda _: shared)


@pytest.mark.parametrize(
    ("name", "version", "images", "sub_paths"),
    [
        ("containerd", "1.6.20~ds1", False, False),
        ("containerd", "v1.7.27", False, False),
        ("containerd", "2.0.5", False, False),
        ("containerd", "v2.1.0-rc.1", True, False),
        ("containerd", "2.2.1", True, True),
        ("containerd", "10.0.0", True, True),
        ("cri-o", "1.30.4", False, False),
        ("cri-o", "1.31.0", True, False),
        ("cri-o", "1.33.1", True, True),
        ("another", "99.1", False, False),
        ("containerd", "unknown", False, False),
    ],
)
def test_which_runtimes_mount_images(name: str, version: str, images: bool, sub_paths: bool) -> None:
    able = abilities_of(info(name, version), "runc", private_mounts=False)
    assert (able.images, able.image_sub_paths, able.runtime) == (images, sub_paths, f"{name} {version}")


def test_recursive_read_only_is_a_matter_of_the_handler() -> None:
    told = info("containerd", "2.1.0", HandlerFeatures(name="crun", recursive_read_only=True))
    assert abilities_of(told, "crun", private_mounts=False).recursive_read_only
    assert not abilities_of(told, "runc", private_mounts=False).recursive_read_only


def test_only_pods_that_need_to_know_ask() -> None:
    plain = mounting(empty(), v1.VolumeMount(name="e", mount_path="/e", read_only=True, mount_propagation="None"))
    assert not asks_for_abilities(plain)
    assert asks_for_abilities(mounting(IMAGE))
    for field in ({"mount_propagation": "HostToContainer"}, {"recursive_read_only": "IfPossible"}):
        mount = v1.VolumeMount(name="e", mount_path="/e", **field)  # type: ignore[arg-type]  # test data
        assert asks_for_abilities(mounting(empty(), mount))


def test_an_image_where_the_runtime_would_mount_nothing() -> None:
    said = why(IMAGE, MountAbilities(runtime="containerd 1.6.20"))
    assert said is not None
    assert said.startswith("container c, volume i: containerd 1.6.20 does not mount images, containerd 2.1 and cri-o")
    assert "mount that as hostPath" in said
    assert why(IMAGE, EVERYTHING) is None


def test_a_part_of_an_image_where_the_runtime_would_mount_all_of_it() -> None:
    able = MountAbilities(images=True)
    said = why(IMAGE, able, sub_path="etc")
    assert said is not None
    assert "mounts whole images only" in said
    assert why(IMAGE, able, sub_path_expr="$(X)") is not None
    assert why(IMAGE, able) is None
    assert why(IMAGE, EVERYTHING, sub_path="etc") is None


@pytest.mark.parametrize("value", ["Enabled", "IfPossible", "Disabled", None])
def test_recursive_read_only(value: str | None) -> None:
    said = why(empty(), MountAbilities(), read_only=True, recursive_read_only=value)
    assert (said is not None) == (value == "Enabled")
    assert said is None or "write recursiveReadOnly: IfPossible" in said
    assert why(empty(), EVERYTHING, read_only=True, recursive_read_only=value) is None


@pytest.mark.parametrize("volume", [empty(), host("/srv")])
@pytest.mark.parametrize(
    ("propagation", "private", "shared", "passes"),
    [
        ("HostToContainer", False, True, True),
        ("HostToContainer", True, True, True),
        ("HostToContainer", False, False, False),
        ("Bidirectional", False, True, True),
        ("Bidirectional", True, True, False),
        ("Bidirectional", False, False, False),
        ("None", True, False, True),
        (None, True, False, True),
    ],
)
def test_mounts_that_would_not_pass_are_refused(
    volume: v1.Volume, propagation: str | None, private: bool, shared: bool, passes: bool
) -> None:
    said = why(volume, MountAbilities(private_mounts=private), shared=shared, mount_propagation=propagation)
    assert (said is None) == passes
    assert said is None or f"mountPropagation {propagation} would be without effect" in said


async def test_a_refusal_is_trouble_of_the_volumes_before_anything_is_made(
    home: PodVolumes, table: MountTable, paths: Paths, tmp_path: Path
) -> None:
    mount = v1.VolumeMount(name="h", mount_path="/h", mount_propagation="HostToContainer")
    pod = mounting(host(tmp_path / "new", "DirectoryOrCreate"), mount)
    assert "is on no shared mount" in await trouble(home, pod)
    assert not (tmp_path / "new").exists()
    table.shared.append(tmp_path)
    assert "does not mount images" in await trouble(home, mounting(IMAGE, v1.VolumeMount(name="i", mount_path="/i")))
    assert not (tmp_path / "new").exists()
