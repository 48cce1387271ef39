"""What stands in the files that the agent writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from podstead.k8s import core_v1 as v1
from podstead.state.objects import ObjectKind
from podstead.volumes.payload import ContentError, ContentSources, format_map, is_secret, payload
from tests.unit.volumes.world import Objects, config, labels, pod_with, secret

CONFIG_MAP, SECRET = ObjectKind.CONFIG_MAP, ObjectKind.SECRET


def texts(volume: v1.Volume, objects: Objects | None = None, pod: v1.Pod | None = None) -> dict[str, str]:
    """Return the volume's files by path."""
    sources = ContentSources(objects=objects or Objects(), allocatable={"cpu": "4"}, directory="/objects")
    made = payload(volume, pod or pod_with(volume), "u-1", sources)
    return {path: content.data.decode() for path, content in made.items()}


def why_not(volume: v1.Volume, objects: Objects | None = None) -> str:
    with pytest.raises(ContentError) as raised:
        texts(volume, objects)
    return str(raised.value)


def down(path: str, field: str = "", **resource: str) -> v1.DownwardAPIVolumeFile:
    return v1.DownwardAPIVolumeFile(
        path=path,
        field_ref=v1.ObjectFieldSelector(field_path=field) if field else None,
        resource_field_ref=v1.ResourceFieldSelector(**resource) if resource else None,
    )


def projected(*sources: v1.VolumeProjection, **more: int) -> v1.Volume:
    return v1.Volume(name="p", projected=v1.ProjectedVolumeSource(sources=sources, **more))


def down_volume(*items: v1.DownwardAPIVolumeFile) -> v1.Volume:
    return v1.Volume(name="d", downward_api=v1.DownwardAPIVolumeSource(items=items))


def test_the_pods_own_fields() -> None:
    volume = down_volume(
        down("name", "metadata.name"),
        down("space", "metadata.namespace"),
        down("uid", "metadata.uid"),
        down("all/labels", "metadata.labels"),
        down("notes", "metadata.annotations"),
        down("one", "metadata.labels['app']"),
        down("none", "metadata.annotations['x/y']"),
    )
    pod = pod_with(volume)
    meta = with_fields(pod.metadata, annotations={"b/c": 'say "hi"\n', "a": "ü"})
    assert texts(volume, pod=with_fields(pod, metadata=meta)) == {
        "name": "p",
        "space": "default",
        "uid": "u-1",
        "all/labels": 'app="web"',
        "notes": 'a="ü"\nb/c="say \\"hi\\"\\n"',
        "one": "web",
        "none": "",
    }


def test_resources_in_units_of_the_divisor() -> None:
    volume = down_volume(
        down("memory", container_name="c", resource="limits.memory", divisor="1Mi"),
        down("cpu", container_name="c", resource="limits.cpu"),
    )
    assert texts(volume, pod=pod_with(volume, memory="64Mi")) == {"memory": "64", "cpu": "4"}
    other = down_volume(down("cpu", container_name="other", resource="limits.cpu"))
    assert "no container 'other'" in why_not(other)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain ü 語", '"plain ü 語"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        ("\x00\x1b\x7f", '"\\x00\\x1b\\x7f"'),
        ("\u200b\u2028\U000e0001", '"\\u200b\\u2028\\U000e0001"'),
    ],
)
def test_values_are_quoted_as_the_kubelet_does(text: str, quoted: str) -> None:
    assert format_map({"k": text}) == f"k={quoted}"


def test_objects_as_files() -> None:
    objects = Objects()
    objects.put(CONFIG_MAP, "app", my__cnf="[mysqld]", other="x")
    objects.put(SECRET, "keys", password="hunter2")
    assert texts(config(), objects) == {"my.cnf": "[mysqld]", "other": "x"}
    assert texts(config("app", v1.KeyToPath(key="my.cnf", path="conf.d/my.cnf")), objects) == {
        "conf.d/my.cnf": "[mysqld]"
    }
    assert texts(secret(), objects) == {"password": "hunter2"}


def test_modes_and_owners() -> None:
    objects = Objects()
    objects.put(CONFIG_MAP, "app", a="1", b="2")
    items = (v1.KeyToPath(key="a", path="a", mode=0o400, user=7), v1.KeyToPath(key="b", path="b"))
    volume = config("app", *items, default_mode=0o640, default_user=5)
    made = payload(volume, pod_with(volume), "u", ContentSources(objects=objects))
    assert {path: (c.mode, c.user) for path, c in made.items()} == {"a": (0o400, 7), "b": (0o640, 5)}
    plain = payload(config(), pod_with(config()), "u", ContentSources(objects=objects))
    assert {(c.mode, c.user) for c in plain.values()} == {(0o644, None)}


def test_what_is_missing_says_what_to_write_where() -> None:
    objects = Objects()
    assert why_not(config()) == (
        "there is no ConfigMap default/app: write it as a file (kind: ConfigMap) into /objects"
    )
    assert "there is no Secret default/keys" in why_not(secret())
    assert texts(config("app", optional=True)) == {}
    objects.put(CONFIG_MAP, "app", a="1")
    item = v1.KeyToPath(key="b", path="b")
    assert "ConfigMap default/app has no key 'b'" in why_not(config("app", item), objects)
    assert texts(config("app", item, optional=True), objects) == {}


def test_projected_sources_come_together() -> None:
    objects = Objects()
    objects.put(CONFIG_MAP, "app", conf="1")
    objects.put(SECRET, "keys", key="2")
    volume = projected(
        v1.VolumeProjection(downward_api=v1.DownwardAPIProjection(items=(down("pod/name", "metadata.name"),))),
        v1.VolumeProjection(config_map=v1.ConfigMapProjection(name="app")),
        v1.VolumeProjection(
            secret=v1.SecretProjection(name="keys", items=(v1.KeyToPath(key="key", path="pod/key", mode=0o400),))
        ),
        default_mode=0o440,
    )
    assert texts(volume, objects) == {"pod/name": "p", "conf": "1", "pod/key": "2"}
    made = payload(volume, pod_with(volume), "u", ContentSources(objects=objects))
    assert {path: c.mode for path, c in made.items()} == {"pod/name": 0o440, "conf": 0o440, "pod/key": 0o400}


@pytest.mark.parametrize(("one", "two"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_two_sources_of_one_path_are_refused(one: str, two: str) -> None:
    sources = [
        v1.VolumeProjection(downward_api=v1.DownwardAPIProjection(items=(down(path, "metadata.name"),)))
        for path in (one, two)
    ]
    assert "two of its sources want the path" in why_not(projected(*sources))


@pytest.mark.parametrize("path", ["..data", "../x", "a/../b", "/etc", "a//b", ".", ""])
def test_no_path_leads_out_of_the_volume_or_into_its_machinery(path: str) -> None:
    assert "cannot be the path of a file" in why_not(down_volume(down(path, "metadata.name")))


def test_what_is_secret_is_known() -> None:
    key = v1.VolumeProjection(secret=v1.SecretProjection(name="keys"))
    conf = v1.VolumeProjection(config_map=v1.ConfigMapProjection(name="app"))
    volumes = (projected(conf, key), projected(conf), config(), secret(), labels())
    assert [is_secret(volume) for volume in volumes] == [True, False, False, True, False]


def test_no_content_is_ever_shown() -> None:
    objects = Objects()
    objects.put(SECRET, "keys", password="hunter2")
    made = payload(secret(), pod_with(secret()), "u", ContentSources(objects=objects))
    assert "hunter2" not in repr(made)
    assert "hunter2" not in repr(replace(made["password"], mode=0))
