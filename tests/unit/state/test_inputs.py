"""What a container was started with: digests of what it takes in, and what counts as newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.identity import ContainerID, PodKey, PodUID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.k8s.annotations import CONFIG_FILES
from podstead.state.desired import DesiredPod
from podstead.state.inputs import (
    ABSENT,
    Inputs,
    decode_inputs,
    encode_inputs,
    has_inputs,
    inputs_of,
)
from podstead.state.newer import newer_configuration, newer_sources
from podstead.state.objects import LocalObject, ObjectKey, digest_of
from podstead.state.observed import ContainerState, ObservedContainer, ObservedPod
from podstead.state.records import Claim, PodRecord
from podstead.state.references import config_map, secret

if TYPE_CHECKING:
    from collections.abc import Mapping

UID = PodUID("u-1")
KEY = env = v1.EnvVar(
    name="A", value_from=v1.EnvVarSource(secret_key_ref=v1.SecretKeySelector(name="db", key="password"))
)
WHOLE = v1.EnvFromSource(config_map_ref=v1.ConfigMapEnvSource(name="web"))
MAYBE = v1.EnvVar(
    name="B",
    value_from=v1.EnvVarSource(config_map_key_ref=v1.ConfigMapKeySelector(name="web", key="x", optional=True)),
)


class Objects:
    def __init__(self, **held: Mapping[str, bytes]) -> None:
        self._held = {
            key: LocalObject(key=key, data=held[key.name], digest=digest_of("", held[key.name]))
            for key in (secret("ns", "db"), config_map("ns", "web"))
            if key.name in held
        }

    def get(self, key: ObjectKey) -> LocalObject | None:
        return self._held.get(key)


def pod(container: v1.Container, *, files: str = "", volumes: tuple[v1.Volume, ...] = ()) -> v1.Pod:
    annotations = {CONFIG_FILES: files} if files else {}
    return v1.Pod(
        metadata=v1.ObjectMeta(name="web", namespace="ns", annotations=annotations),
        spec=v1.PodSpec(containers=(container,), volumes=volumes),
    )


def inputs(container: v1.Container, objects: Objects, *, uid: PodUID = UID, **more: str) -> dict[str, str]:
    files = {"/a": "1", "/b": ABSENT}
    return dict(inputs_of(container, pod(container, **more), uid, objects, files.get))  # type: ignore[arg-type]  # files


def test_a_container_takes_in_single_keys() -> None:
    using = v1.Container(name="main", env=(KEY,))
    one = inputs(using, Objects(db={"password": b"1", "user": b"x"}))
    assert list(one) == ["Secret ns/db"]
    assert one == inputs(using, Objects(db={"password": b"1", "user": b"y"}))
    assert one != inputs(using, Objects(db={"password": b"2", "user": b"x"}))


def test_or_whole_objects() -> None:
    using = v1.Container(name="main", env_from=(WHOLE,))
    assert inputs(using, Objects(web={"a": b"1"})) != inputs(using, Objects(web={"a": b"1", "b": b""}))


def test_an_optional_key_that_comes_is_a_change_and_an_empty_one_is_not_an_absent_one() -> None:
    using = v1.Container(name="main", env=(MAYBE,))
    found = [inputs(using, objects) for objects in (Objects(), Objects(web={}), Objects(web={"x": b""}))]
    assert found[1] != found[2]
    assert found[0] != found[2]


def test_a_sub_path_of_an_object_is_never_updated_and_so_it_counts() -> None:
    volume = v1.Volume(name="v", config_map=v1.ConfigMapVolumeSource(name="web"))
    mounted = v1.Container(name="main", volume_mounts=(v1.VolumeMount(name="v", mount_path="/v", sub_path="x"),))
    followed = v1.Container(name="main", volume_mounts=(v1.VolumeMount(name="v", mount_path="/v"),))
    objects = Objects(web={"x": b"1"})
    assert [key for key, _ in inputs_of(mounted, pod(mounted, volumes=(volume,)), UID, objects, lambda _: None)] == [
        "ConfigMap ns/web"
    ]
    assert inputs_of(followed, pod(followed, volumes=(volume,)), UID, objects, lambda _: None) == ()


def test_files_count_for_every_container_as_far_as_something_is_known_of_them() -> None:
    assert inputs(v1.Container(name="main"), Objects(), files=" /b, /a,/unknown") == {"/a": "1", "/b": ABSENT}


def test_digests_tell_nothing_of_equal_values_in_two_pods() -> None:
    using, objects = v1.Container(name="main", env=(KEY,)), Objects(db={"password": b"1"})
    assert inputs(using, objects) != inputs(using, objects, uid=PodUID("u-2"))


def test_an_annotation_carries_them() -> None:
    found: Inputs = (("/a", "1"), ("Secret ns/db", "2"))
    assert decode_inputs(encode_inputs(found)) == found
    assert encode_inputs(()) == ""
    assert [decode_inputs(text) for text in ("", "{", "[1]", '{"a": 1}')] == [()] * 4


def test_most_pods_have_none() -> None:
    assert not has_inputs(pod(v1.Container(name="main", env=(v1.EnvVar(name="A", value="b"),))))
    assert has_inputs(pod(v1.Container(name="main", env=(KEY,))))
    assert has_inputs(pod(v1.Container(name="main"), files="/a"))


def running(inputs: Inputs, state: ContainerState = ContainerState.RUNNING) -> ObservedContainer:
    return ObservedContainer(
        id=ContainerID("c"), sandbox_id=SandboxID("s"), uid=UID, instance="i", name="main", attempt=0, state=state,
        created_at=0, inputs=inputs,
    )  # fmt: skip


def desired(now: Inputs) -> DesiredPod:
    record = PodRecord(key=PodKey("ns", "web"), uid=UID, claim=Claim(file="a", document=0), created_at=0.0)
    return DesiredPod(record=record, effective=None, inputs={"main": now})


def test_newer_is_what_is_known_of_both_moments_and_differs() -> None:
    started = (("/a", "1"), ("/b", ABSENT), ("/gone", "5"))
    now = desired((("/a", "2"), ("/b", "3"), ("/gone", ABSENT), ("/unknown", "4")))
    assert newer_sources(now, running(started)) == ("/a", "/b")
    assert newer_sources(now, running(())) == ()


def test_only_what_runs_is_behind() -> None:
    now = desired((("/a", "2"),))
    behind, ended = running((("/a", "1"),)), running((("/a", "1"),), ContainerState.EXITED)
    assert newer_configuration(now, ObservedPod(uid=UID, containers=(behind,))) == {"main": ("/a",)}
    assert newer_configuration(now, ObservedPod(uid=UID, containers=(ended,))) == {}
