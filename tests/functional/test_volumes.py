"""Volumes on the real loops: ready before a container starts, up to date while it runs, gone with their pod."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.daemon import volumes
from podstead.volumes import atomic, hugepages
from podstead.volumes.mounter import SystemMounter
from tests.functional.manifests import OTHER_IMAGE, manifest
from tests.functional.test_objects import ObjectNode, config_map

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.cri._pb import cri_pb2 as pb
    from tests.simulators.cri_runtime import SimulatedRuntime
    from tests.simulators.cri_world import SimulatedContainer

LABELS = {"name": "info", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}
CONF = {"name": "conf", "configMap": {"name": "web"}}


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime) -> AsyncIterator[ObjectNode]:
    made = ObjectNode(root, runtime)
    await made.start()
    yield made
    if made.present:
        await made.stop()


def with_volumes(*volumes: dict[str, Any], labels: dict[str, str] | None = None, **changes: Any) -> str:
    """Return the pod `web`, which mounts each volume at /NAME."""
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]
    container = {"volumeMounts": mounts, **changes.pop("container", {})}
    metadata = {"labels": labels or {"app": "web"}}
    return manifest("web", container=container, metadata=metadata, volumes=list(volumes), **changes)


def mount_of(container: SimulatedContainer, path: str) -> pb.Mount:
    (found,) = [mount for mount in container.config.mounts if mount.container_path == path]
    return found


def read(container: SimulatedContainer, path: str, name: str) -> str:
    """Return what a container reads in a file of a volume, empty where there is none."""
    file = Path(mount_of(container, path).host_path) / name
    return file.read_text() if file.exists() else ""


async def test_labels_reach_the_files_of_a_running_container(node: ObjectNode) -> None:
    node.write("web.yaml", with_volumes(LABELS))
    running = await node.running_pod("web")
    assert read(running, "/info", "labels") == 'app="web"'
    assert mount_of(running, "/info").readonly
    node.write("web.yaml", with_volumes(LABELS, labels={"app": "shop"}))
    await node.until("the file follows", lambda: read(running, "/info", "labels") == 'app="shop"')
    assert node.alive("web") == [running]
    node.check()


async def test_a_config_map_reaches_the_files_of_a_running_container(node: ObjectNode) -> None:
    node.give("web.yaml", config_map(colour="red"))
    await node.taken("web.yaml")
    node.write("web.yaml", with_volumes(CONF))
    running = await node.running_pod("web")
    assert read(running, "/conf", "colour") == "red"
    node.give("web.yaml", config_map(colour="blue", size="1"))
    await node.until("the files follow", lambda: read(running, "/conf", "size") == "1")
    assert read(running, "/conf", "colour") == "blue"
    assert node.alive("web") == [running]
    assert node.restarts("web") == 0


async def test_a_missing_config_map_is_waited_for_with_a_sentence(node: ObjectNode) -> None:
    node.write("web.yaml", with_volumes(CONF))
    await node.until("it is said", lambda: node.events("FailedMount"))
    (said,) = set(node.events("FailedMount"))
    assert said == (
        "cannot make volume 'conf': there is no ConfigMap default/web: "
        f"write it as a file (kind: ConfigMap) into {node.objects}"
    )
    assert node.waiting("web") == "ContainerCreating"
    node.give("web.yaml", config_map(colour="red"))
    running = await node.running_pod("web")
    assert read(running, "/conf", "colour") == "red"


async def test_what_changed_while_no_agent_was_there_is_found(node: ObjectNode) -> None:
    node.give("web.yaml", config_map(colour="red"))
    await node.taken("web.yaml")
    node.write("web.yaml", with_volumes(CONF, LABELS))
    running = await node.running_pod("web")
    await node.stop()
    node.give("web.yaml", config_map(colour="blue"))
    node.write("web.yaml", with_volumes(CONF, LABELS, labels={"app": "shop"}))
    await node.start()
    await node.until("the object is followed", lambda: read(running, "/conf", "colour") == "blue")
    await node.until("the label is followed", lambda: read(running, "/info", "labels") == 'app="shop"')
    assert node.alive("web") == [running]


async def test_an_edit_that_waits_changes_no_file_of_what_runs(node: ObjectNode) -> None:
    """A candidate shows nothing before it is effective, even where its volumes have been prepared."""
    node.write("web.yaml", with_volumes(LABELS))
    running = await node.running_pod("web")
    absent = "registry.test/absent:1"
    node.write("web.yaml", with_volumes(LABELS, labels={"app": "shop"}, container={"image": absent}))
    await node.until("the pull has failed", lambda: node.events("Failed"))
    await asyncio.sleep(0.1)
    assert read(running, "/info", "labels") == 'app="web"'
    node.write("web.yaml", with_volumes(LABELS, labels={"app": "other"}))
    await node.until("the next one is effective", lambda: read(running, "/info", "labels") == 'app="other"')
    assert node.alive("web") == [running]


async def test_a_pod_that_goes_while_its_volumes_are_made_leaves_nothing(
    node: ObjectNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = atomic.write

    def slow(*given: Any) -> bool:
        begun.set()
        go_on.wait(10)
        return real(*given)

    monkeypatch.setattr(atomic, "write", slow)
    node.write("web.yaml", with_volumes(LABELS))
    await node.until("it is being made", begun.is_set)
    (uid,) = [session.uid for session in node.parts.table.sessions()]
    node.remove("web.yaml")
    await node.until("the sandbox is gone", lambda: not node.sandboxes("web"))
    await asyncio.sleep(0.1)
    assert list(node.parts.table.sessions()), "the incarnation ends when nothing makes its volumes any more"
    go_on.set()
    await node.gone("web")
    assert not (node.settings.paths.pods / uid).exists()


async def test_an_image_volume_is_refused_where_the_runtime_would_mount_nothing(node: ObjectNode) -> None:
    image = {"name": "data", "image": {"reference": OTHER_IMAGE}}
    node.write("web.yaml", with_volumes(image))
    await node.until("it is said", lambda: node.events("FailedMount"))
    assert all("does not mount images" in said for said in node.events("FailedMount"))
    assert not node.alive("web")


async def test_an_image_volume_where_the_runtime_can(node: ObjectNode) -> None:
    await node.stop()
    node.runtime.name, node.runtime.version = "containerd", "2.2.0"
    await node.start()
    image = {"name": "data", "image": {"reference": OTHER_IMAGE}}
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "data", "mountPath": "/etc2", "subPath": "etc"}]
    node.write("web.yaml", with_volumes(image, container={"volumeMounts": mounts}))
    running = await node.running_pod("web")
    whole, part = mount_of(running, "/data"), mount_of(running, "/etc2")
    found = node.runtime.world.images.find(OTHER_IMAGE)
    assert found is not None
    assert (whole.image.image, whole.readonly, whole.host_path) == (found.id, True, "")
    assert (part.image.image, part.image_sub_path) == (found.id, "etc")
    assert found.id in node.parts.upkeep.needs.names(), "an image that is mounted is needed"


@pytest.mark.root
async def test_sub_paths_are_mounted_anew_at_each_start(node: ObjectNode) -> None:
    empty = {"name": "data", "emptyDir": {}}
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "data", "mountPath": "/part", "subPathExpr": "$(PART)"}]
    env = [{"name": "PART", "value": "a/b"}]
    node.write("web.yaml", with_volumes(empty, container={"volumeMounts": mounts, "env": env}))
    first = await node.running_pod("web")
    whole, part = Path(mount_of(first, "/data").host_path), Path(mount_of(first, "/part").host_path)
    (part / "seen").write_text("x")
    assert (whole / "a/b/seen").read_text() == "x"
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert len(SystemMounter().mount_points(part)) == 1
    node.remove("web.yaml")
    await node.gone("web")
    assert not SystemMounter().mount_points(node.settings.paths.pods)


async def test_a_volume_that_is_edited_out_gives_its_space_back(
    node: ObjectNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "TIDY_SECONDS", 0.05)
    await node.stop()
    await node.start()
    data, spare = {"name": "data", "emptyDir": {}}, {"name": "spare", "emptyDir": {}}
    side = {"name": "side", "image": OTHER_IMAGE}
    containers = [
        {"name": "web", "image": OTHER_IMAGE, "volumeMounts": [{"name": n, "mountPath": f"/{n}"} for n in names]}
        for names in (("data", "spare"), ("data",))
    ]
    node.write("web.yaml", manifest("web", volumes=[data, spare], containers=[containers[0], side]))
    await node.until("both run", lambda: len(node.alive("web")) == 2)
    (home,) = node.settings.paths.pods.glob("*/volumes/kubernetes.io~empty-dir")
    assert sorted(path.name for path in home.iterdir()) == ["data", "spare"]
    (home / "data/file").write_text("x")
    node.write("web.yaml", manifest("web", volumes=[data], containers=[containers[1], side]))
    await node.until("the space is given back", lambda: [path.name for path in home.iterdir()] == ["data"])
    assert (home / "data/file").read_text() == "x"


async def test_what_a_forgotten_pod_left_is_removed_at_the_next_start(node: ObjectNode) -> None:
    node.write("web.yaml", with_volumes({"name": "data", "emptyDir": {}}))
    await node.running_pod("web")
    await node.stop()
    left = node.settings.paths.pods / "0f9a1111-2222-4333-8444-555555555555"
    (left / "volumes/kubernetes.io~empty-dir/data").mkdir(parents=True)
    (mine,) = [path for path in node.settings.paths.pods.iterdir() if path != left]
    await node.start()
    await node.until("it is removed", lambda: not left.exists())
    assert (mine / "volumes/kubernetes.io~empty-dir/data").is_dir()


async def test_a_pod_waits_for_huge_pages_that_others_have(
    node: ObjectNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugepages, "SYSTEM", tmp_path)
    (tmp_path / "hugepages-2048kB").mkdir()
    (tmp_path / "hugepages-2048kB/nr_hugepages").write_text("3")

    def pod(name: str) -> str:
        return manifest(name, container={"resources": {"limits": {"hugepages-2Mi": "4Mi", "memory": "64Mi"}}})

    node.write("one.yaml", pod("one"))
    await node.running_pod("one")
    node.write("two.yaml", pod("two"))
    await node.until("the other waits", lambda: node.events("OutOfhugepages-2Mi"))
    (said,) = node.events("OutOfhugepages-2Mi")
    assert said == "the pod requests 4Mi of hugepages-2Mi, 2Mi of the node's 6Mi are free"
    node.remove("one.yaml")
    await node.running_pod("two")
